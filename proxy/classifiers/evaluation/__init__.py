"""How good a classifier is on labelled texts: rows in, a table of measures out."""
