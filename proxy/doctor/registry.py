"""Every check, in the order of the report. Findings of one title stand together."""

from __future__ import annotations

from typing import Final

from proxy.doctor.checks import (
    classifiers,
    clock,
    enforcing,
    files,
    machine,
    permissions,
    ports,
    processes,
    shared_store,
    store_file,
    telemetry,
    upstreams,
)
from proxy.doctor.scene import Check

CHECKS: Final = (
    Check("Settings", files.look),
    Check("Running", processes.look),
    Check("Upstreams and routes", upstreams.look, bound_s=12.0),
    Check("Enforcement", enforcing.look),
    Check("Classifiers", classifiers.look, classifiers.BOUND_S),
    Check("Store", store_file.look),
    Check("Store", shared_store.look, shared_store.BOUND_S),
    Check("Clock", clock.look),
    Check("Permissions", permissions.look),
    Check("Addresses", ports.look),
    Check("Machine", machine.look),
    Check("Traces and metrics", telemetry.look),
)
