"""What counts as harm to a route, and what is done: the policy and how two of them differ. Pure."""
