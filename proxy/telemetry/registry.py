"""Every metric of Groundwire, by the process that exposes it. Traffic loads its own declarations only."""

from __future__ import annotations

from types import ModuleType
from typing import Final

from proxy.telemetry import analysis, both, control, exports, gen_ai, reasons, remote, stores, tracing, traffic
from proxy.telemetry.metrics import Metric


def declared_in(*modules: ModuleType) -> tuple[Metric, ...]:
    """The metrics of these modules, in order of declaration."""
    return tuple(one for module in modules for one in vars(module).values() if isinstance(one, Metric))


TRAFFIC: Final = declared_in(both, traffic)
ANALYSIS: Final = declared_in(both, analysis, control, reasons, gen_ai, remote, stores, tracing, exports)
METRICS: Final = tuple(dict.fromkeys((*TRAFFIC, *ANALYSIS)))
TRAFFIC_BY_NAME: Final = {one.name: one for one in TRAFFIC}
