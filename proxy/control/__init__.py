"""The control plane: evidence to severity to step to enforcement; discovery, arming, the control API."""
