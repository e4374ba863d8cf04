"""Statistics, one textbook method a file. Pure: the same counts in, the same numbers out, on any machine."""
