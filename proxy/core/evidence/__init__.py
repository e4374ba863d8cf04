"""From panes to findings: what each line of a route is tested with, and what it stands at. Pure."""
