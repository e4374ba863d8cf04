"""The page that Prometheus reads, in its text format or in OpenMetrics' where a scraper asks for that. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from proxy.telemetry.metrics import Distribution, Kind, Metric, Sample

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def content_type(accept: str) -> str:
    """TEXT, or OPENMETRICS where the `Accept` field names its type, as Prometheus' own does."""
    return OPENMETRICS if "application/openmetrics-text" in accept.lower() else TEXT


def render(samples: Iterable[Sample], kind: str = TEXT) -> bytes:
    """The exposition of the samples as this content type, grouped by metric in order of first appearance."""
    groups: dict[str, tuple[Metric, list[Sample]]] = {}
    for one in samples:
        groups.setdefault(one.metric.name, (one.metric, []))[1].append(one)
    openmetrics = kind == OPENMETRICS
    lines = [line for group in groups.values() for line in _family(*group, openmetrics)]
    return "\n".join((*lines, *(("# EOF",) if openmetrics else ()), "")).encode()


def _family(metric: Metric, samples: Iterable[Sample], openmetrics: bool) -> Iterator[str]:
    name = metric.name.removesuffix("_total") if openmetrics and metric.kind is Kind.COUNTER else metric.name
    told = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    if openmetrics:
        told = told.replace('"', r"\"")
    yield f"# HELP {name} {told}"
    yield f"# TYPE {name} {metric.kind.value}"
    for one in samples:
        labels = [f'{label}="{_escape(one.labels[label])}"' for label in metric.label_names]
        if isinstance(one.value, Distribution):
            yield from _distribution(metric, labels, one.value)
        else:
            yield f"{metric.name}{_braced(labels)} {_number(one.value)}"


def _distribution(metric: Metric, labels: list[str], value: Distribution) -> Iterator[str]:
    bounds = (*(repr(float(bound)) for bound in metric.buckets), "+Inf")
    for bound, count in zip(bounds, value.cumulative(), strict=True):
        within = f'le="{bound}"'
        yield f"{metric.name}_bucket{_braced([*labels, within])} {count}"
    yield f"{metric.name}_sum{_braced(labels)} {_number(value.sum)}"
    yield f"{metric.name}_count{_braced(labels)} {value.count}"


def _braced(labels: list[str]) -> str:
    return f"{{{','.join(labels)}}}" if labels else ""


def _number(value: float) -> str:
    return f"{value:.17g}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
