"""Metrics that both processes have, each as it sees things: the enforcement in force, and the process itself."""

from __future__ import annotations

from typing import Final

from proxy.telemetry.labels import ROUTE, STEP
from proxy.telemetry.metrics import Kind, Label, Metric, one_of

STEP_IN_FORCE: Final = Metric(
    "groundwire_route_step",
    Kind.GAUGE,
    "",
    "1 for the step of the ladder that a route stands on. Analysis: as decided; traffic: as carried out. Where the two "
    "differ for over a few seconds, snapshots do not reach traffic.",
    (ROUTE, STEP),
)
SNAPSHOT_VERSION: Final = Metric(
    "groundwire_snapshot_version",
    Kind.GAUGE,
    "",
    "Version of the enforcement set: in traffic the one in force, in analysis the last one sent.",
)
BUILD: Final = Metric(
    "groundwire_build_info",
    Kind.GAUGE,
    "",
    "1 for the version of this process.",
    (Label("version", "one: that of this process", 1), one_of("process", "traffic", "analysis")),
)
START_TIME: Final = Metric("groundwire_start_time_seconds", Kind.GAUGE, "s", "Unix time at which the process started.")
CPU: Final = Metric("process_cpu_seconds_total", Kind.COUNTER, "s", "User and system CPU time spent.")
MEMORY: Final = Metric("process_resident_memory_bytes", Kind.GAUGE, "By", "Resident memory.")
OPEN_FILES: Final = Metric(
    "process_open_fds", Kind.GAUGE, "{file_descriptor}", "Open file descriptors, on Linux from 6.2 on."
)
OPEN_FILES_MAX: Final = Metric("process_max_fds", Kind.GAUGE, "{file_descriptor}", "Limit of open file descriptors.")
RELOADED: Final = Metric(
    "groundwire_config_last_reload_successful",
    Kind.GAUGE,
    "",
    "1 where the last reading of settings and policies was taken; 0: it was refused, and the old ones hold (after "
    "a start: the last good files; the log says why).",
)
RELOADED_TIMESTAMP: Final = Metric(
    "groundwire_config_last_reload_success_timestamp_seconds",
    Kind.GAUGE,
    "s",
    "Unix time at which settings were taken last; at first that of the start.",
)
OVERFLOWED: Final = Metric(
    "groundwire_metrics_overflowed_series",
    Kind.GAUGE,
    "{series}",
    "Series of this page that had a label over its bound: counters and histograms are summed under `other`, gauges "
    "are left out.",
)
