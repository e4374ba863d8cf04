"""The baselines of the routes: made, kept, looked at, handed over."""
