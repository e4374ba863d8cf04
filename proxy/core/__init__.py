"""The vocabulary: pure data and pure decisions. No I/O, no clock, no randomness: time and seeds are arguments."""
