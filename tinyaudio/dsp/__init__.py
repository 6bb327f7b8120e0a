"""Signal processing: PCM on one side, integer front ends on the other. Imports `core` only."""
