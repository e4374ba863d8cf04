"""From an exchange to what it is counted as: decoded, described, judged."""
