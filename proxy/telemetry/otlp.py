"""Samples as OpenTelemetry's data: the values that `/metrics` shows, under the names of OTLP. Loaded only to export.

The SDK's instruments are not used: they count for themselves, and what they said could differ from the page. Counters
and histograms are cumulative since the start of their process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, cast

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Metric as OtelMetric
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from proxy import VERSION
from proxy.telemetry.both import START_TIME
from proxy.telemetry.metrics import Distribution, Kind, Metric, Sample

CUMULATIVE: Final = AggregationTemporality.CUMULATIVE
_SCOPE: Final = InstrumentationScope("groundwire", VERSION)
_UNKNOWN: Final = cast(Any, None)  # the smallest and the largest value: a page has none


class _Times(NamedTuple):
    """Of all points of one reading, in nanoseconds since 1970."""

    start_ns: int
    now_ns: int


def resource_metrics(resource: Resource, samples: Sequence[Sample], now_s: float) -> ResourceMetrics:
    """What one process said at `now_s` (Unix seconds). Its START_TIME, if it is there, begins its counters."""
    started_s = next((one.value for one in samples if one.metric is START_TIME), now_s)
    times = _Times(int(float(cast(float, started_s)) * 1e9), int(now_s * 1e9))
    groups: dict[str, list[Sample]] = {}
    for one in samples:
        groups.setdefault(one.metric.name, []).append(one)
    metrics = [_metric(group[0].metric, group, times) for group in groups.values()]
    return ResourceMetrics(resource, [ScopeMetrics(_SCOPE, metrics, "")], "")


def _metric(metric: Metric, samples: Iterable[Sample], times: _Times) -> OtelMetric:
    data: Sum | Gauge | Histogram
    if metric.kind is Kind.HISTOGRAM:
        data = Histogram([_distribution(one, times) for one in samples], CUMULATIVE)
    else:
        points = [_number(one, times) for one in samples]
        data = Sum(points, CUMULATIVE, is_monotonic=True) if metric.kind is Kind.COUNTER else Gauge(points)
    return OtelMetric(metric.otel_name, metric.help, metric.unit, data)


def _number(one: Sample, times: _Times) -> NumberDataPoint:
    value = cast(float, one.value)
    return NumberDataPoint(_attributes(one), *times, int(value) if isinstance(value, bool) else value)


def _distribution(one: Sample, times: _Times) -> HistogramDataPoint:
    held = cast(Distribution, one.value)
    return HistogramDataPoint(
        _attributes(one), *times, held.count, held.sum, held.counts, one.metric.buckets, _UNKNOWN, _UNKNOWN
    )


def _attributes(one: Sample) -> dict[str, str]:
    """Without those that are empty: to Prometheus, an empty label is none."""
    return {label.attribute: one.labels[label.name] for label in one.metric.labels if one.labels[label.name]}
