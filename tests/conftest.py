"""Property tests on a busy machine: how long one example takes says nothing about the code."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("groundwire", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("groundwire")
