"""The wire between the two processes: frames (pure), sender (traffic), receiver (analysis)."""
