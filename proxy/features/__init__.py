"""Stage 0: what a text looks like, in a fraction of a millisecond. Pure."""
