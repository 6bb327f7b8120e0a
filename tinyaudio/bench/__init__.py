"""Talk to running firmware: move bytes, hold a typed conversation, compare every stage with the twin."""
