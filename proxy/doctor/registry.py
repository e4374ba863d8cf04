"""Every check, in the order of the report. Findings of one title stand together.

Named, and imported when it is asked: where a library cannot be loaded (a broken onnxruntime, say), that is a finding of
the checks that need it, and the others go on.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Final

from proxy.doctor.finding import Finding
from proxy.doctor.scene import CHECK_S, Check, Scene


def _check(title: str, module: str, bound_s: float = CHECK_S) -> Check:
    async def look(scene: Scene) -> Sequence[Finding]:
        found: Sequence[Finding] = await importlib.import_module(f"proxy.doctor.checks.{module}").look(scene)
        return found

    return Check(title, look, bound_s)


CHECKS: Final = (
    _check("Settings", "files"),
    _check("Running", "processes", 12.0),  # it may ask twice
    _check("Upstreams and routes", "upstreams", 12.0),
    _check("Enforcement", "enforcing"),
    _check("Classifiers", "classifiers", 20.0),  # loading takes a second or two, and more where CPUs are busy
    _check("Store", "store_file"),
    _check("Store", "shared_store", 15.0),
    _check("Clock", "clock"),
    _check("Permissions", "permissions"),
    _check("Addresses", "ports"),
    _check("Machine", "machine"),
    _check("Traces and metrics", "telemetry"),
)
