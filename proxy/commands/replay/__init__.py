"""`groundwire replay`: the live engine on recorded observations, in their own time (docs/replay.md)."""
