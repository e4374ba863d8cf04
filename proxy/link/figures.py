"""Samples of metrics as rows of a METRICS frame, and back. Pure.

Traffic may load neither OpenTelemetry nor a web client, so its metrics go up the wire that is there, and only where the
peer wants them. Analysis could read traffic's page instead; but then it would need that page's address, which no
setting of its own container knows, and would have to tell the pages of several traffic processes apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from proxy.link.frames import Figures, Row
from proxy.telemetry.metrics import Distribution, Metric, Sample


def figures(now_s: float, samples: Iterable[Sample]) -> Figures:
    """What is told of these samples, read at `now_s` (Unix seconds)."""
    return Figures(now_s, tuple(map(_row, samples)))


def samples_of(told: Figures, declared: Mapping[str, Metric]) -> Iterator[Sample]:
    """The samples again. What is not declared so here, as of a peer of another version, is left out."""
    for name, labels, value in told.rows:
        metric = declared.get(name)
        if metric is None or len(metric.labels) != len(labels):
            continue
        named = dict(zip(metric.label_names, labels, strict=True))
        if not isinstance(value, tuple):
            yield Sample(metric, value, named)
        elif len(value[0]) == len(metric.buckets) + 1:
            yield Sample(metric, Distribution(list(value[0]), value[1]), named)


def _row(one: Sample) -> Row:
    labels = tuple(one.labels[name] for name in one.metric.label_names)
    if isinstance(one.value, Distribution):
        return one.metric.name, labels, (tuple(one.value.counts), one.value.sum)
    return one.metric.name, labels, one.value
