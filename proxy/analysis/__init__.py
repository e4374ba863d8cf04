"""The analysis plane: exchanges in, observations and counts out."""
