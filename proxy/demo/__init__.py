"""`groundwire demo`: a fine-tuned model loses its refusals while it serves, and the route goes back to its base."""
