"""Shapes of signals, and whether they moved: bins, groups, lines and kinds of drift. Pure."""
