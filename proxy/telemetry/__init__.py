"""Metrics and log lines, each declared once."""
