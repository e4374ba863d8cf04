"""Every metric of Groundwire, declared once: name, kind, unit (in the name), labels, help. Both processes render these.

Own renderer, forty lines: the traffic process may not carry a metrics library's memory (design section 3).
Names follow the Prometheus naming rules. Labels are bounded by configuration (routes, models, reasons), not by traffic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Prometheus metric kinds that are used here."""

    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Metric:
    """One declared metric."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric; `labels` has exactly the declared names."""

    metric: Metric
    value: float
    labels: Mapping[str, str]


CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def sample(metric: Metric, value: float, **labels: str) -> Sample:
    """A sample with its labels checked. Raises ValueError where they are not the declared ones."""
    if set(labels) != set(metric.labels):
        raise ValueError(f"{metric.name} takes labels {metric.labels}, not {tuple(labels)}")
    return Sample(metric, value, labels)


def render(samples: Iterable[Sample]) -> bytes:
    """The Prometheus text exposition of the samples, grouped by metric in order of first appearance."""
    groups: dict[str, tuple[Metric, list[str]]] = {}
    for one in samples:
        _, lines = groups.setdefault(one.metric.name, (one.metric, []))
        labels = ",".join(f'{name}="{_escape(one.labels[name])}"' for name in one.metric.labels)
        lines.append(
            f"{one.metric.name}{{{labels}}} {one.value:.17g}" if labels else f"{one.metric.name} {one.value:.17g}"
        )
    out: list[str] = []
    for metric, lines in groups.values():
        out += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}", *lines]
    return ("\n".join(out) + "\n").encode()


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
