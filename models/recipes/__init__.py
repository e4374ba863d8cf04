"""Recipes: how every file under models/ was made. Run one with `python -m models.recipes.NAME` from the root."""

import proxy.classifiers  # noqa: F401 - turns onnxruntime's telemetry off before anything here imports it
