"""Whether a route may be put back on its base: the base is asked, and its answers are judged."""
