"""The analysis process itself: start, listeners, priority, memory, supervision, metrics."""
