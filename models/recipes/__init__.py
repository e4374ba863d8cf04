"""Recipes: how every file under models/ was made. Run one with `python -m models.recipes.NAME` from the root."""
