"""Benchmarks: side by side in one run, medians, ratios. Nothing here asserts a time."""
