"""Pages of metrics and exports over OTLP, read back into one shape: (name in Prometheus, labels) to a value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as OtlpMetric

from proxy.telemetry.metrics import Kind, Metric
from proxy.telemetry.registry import METRICS
from tests.http_server import QuietHandler, serving

Series = tuple[str, frozenset[tuple[str, str]]]
Values = dict[Series, float | tuple[tuple[int, ...], float]]  # of a histogram: counts by bucket, and the sum

BY_OTEL_NAME = {metric.otel_name: metric for metric in METRICS}
BY_NAME = {metric.name: metric for metric in METRICS}
_LINE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def read_page(text: str) -> Values:
    """The values of a page in Prometheus' text format. Raises AssertionError on what is undeclared or no such page."""
    values: Values = {}
    buckets: dict[Series, list[int]] = {}
    for line in filter(lambda line: line and not line.startswith("#"), text.split("\n")):
        name, labels, value = _split(line)
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        if base in BY_NAME and BY_NAME[base].kind is Kind.HISTOGRAM:
            series = base, frozenset(pair for pair in labels if pair[0] != "le")
            if name.endswith("_bucket"):
                buckets.setdefault(series, []).append(int(value))
            elif name.endswith("_sum"):
                counts = buckets[series]
                apart = (after - before for before, after in zip([0, *counts], counts, strict=False))
                values[series] = tuple(apart), float(value)
            continue
        assert name in BY_NAME, f"{name} is not declared"
        assert (name, labels) not in values, f"{line} comes twice"
        values[name, labels] = float(value)
    for name, labels in values:
        assert {label for label, _ in labels} <= set(BY_NAME[name].label_names), name
    return values


def _split(line: str) -> tuple[str, frozenset[tuple[str, str]], str]:
    found = _LINE.match(line)
    assert found, f"no line of a page: {line}"
    labels = frozenset((name, value) for name, value in _LABEL.findall(found[2] or "") if value)
    return found[1], labels, found[3]


class Received:
    """What a collector got: the last values of each process, and every request."""

    def __init__(self) -> None:
        self.requests: list[ExportMetricsServiceRequest] = []
        self.by_process: dict[str, Values] = {}
        self.resources: dict[str, dict[str, str]] = {}

    def take(self, body: bytes) -> None:
        """One export."""
        request = ExportMetricsServiceRequest.FromString(body)
        self.requests.append(request)
        for one in request.resource_metrics:
            resource = {pair.key: pair.value.string_value for pair in one.resource.attributes}
            process = resource["groundwire.process"]
            self.resources[process] = resource
            metrics = (metric for scope in one.scope_metrics for metric in scope.metrics)
            self.by_process[process] = {key: value for metric in metrics for key, value in _points(metric)}


def _points(metric: OtlpMetric) -> Iterator[tuple[Series, Any]]:
    declared = BY_OTEL_NAME[metric.name]
    assert (metric.unit, metric.description) == (declared.unit, declared.help)
    names = {label.attribute: label.name for label in declared.labels}
    data = getattr(metric, str(metric.WhichOneof("data")))
    assert _kind(metric) is declared.kind
    for point in data.data_points:
        labels = frozenset((names[pair.key], pair.value.string_value) for pair in point.attributes)
        yield (declared.name, labels), _value(declared, point)


def _value(declared: Metric, point: Any) -> float | tuple[tuple[int, ...], float]:
    if declared.kind is Kind.HISTOGRAM:
        assert tuple(point.explicit_bounds) == declared.buckets
        assert point.count == sum(point.bucket_counts)
        return tuple(point.bucket_counts), point.sum
    return float(getattr(point, point.WhichOneof("value")))


def _kind(metric: OtlpMetric) -> Kind:
    if metric.HasField("sum"):
        assert metric.sum.is_monotonic
        return Kind.COUNTER
    return Kind.HISTOGRAM if metric.HasField("histogram") else Kind.GAUGE


@contextmanager
def collector(port: int) -> Iterator[Received]:
    """A real OTLP receiver over HTTP on this port."""
    received = Received()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/metrics"
            received.take(self.body())
            self.answer(200, content_type="application/x-protobuf")

    with serving(Handler, port):
        yield received
