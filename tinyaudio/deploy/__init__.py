"""The second wing: a model and a specification become firmware."""
