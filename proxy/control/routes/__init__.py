"""Which routes there are: asked of model servers and settings."""
