"""Export of metrics: nothing waits for a collector, and what it did not get is counted."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)

from proxy.analysis.process.metrics_export import MetricsExport, Told, export_of
from proxy.telemetry.both import BUILD, START_TIME
from proxy.telemetry.gen_ai import OVERHEAD
from proxy.telemetry.metrics import Histogram, Sample, sample
from proxy.tracing.otlp import Exporter

INTERVAL_S = 0.02
PATIENCE_S = 30.0


def read() -> Sequence[Told]:
    overhead = Histogram(OVERHEAD)
    overhead.observe(0.002, weight=2)
    samples: list[Sample] = [sample(START_TIME, 5.0), sample(BUILD, True, version="1", process="analysis")]
    return [Told("analysis", 7, 10.0, (*samples, *overhead.samples()))]


def results(export: MetricsExport) -> dict[str, float]:
    return {one.labels["result"]: float(str(one.value)) for one in export.samples()}


async def until(export: MetricsExport, result: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not results(export)[result]:
            await asyncio.sleep(INTERVAL_S)


async def test_while_one_is_under_way_the_next_are_skipped() -> None:
    free = threading.Event()
    export = MetricsExport(INTERVAL_S, read, lambda told: told, Exporter(lambda _: free.wait(PATIENCE_S), free.set))
    export.start()
    await until(export, "skipped")
    assert results(export)["sent"] == 0
    free.set()
    await until(export, "sent")
    await export.close()


async def test_a_fault_of_the_exporter_is_a_failed_export() -> None:
    def send(_: Sequence[Any]) -> bool:
        raise RuntimeError

    export = MetricsExport(INTERVAL_S, read, lambda told: told, Exporter(send, lambda: None))
    export.start()
    await until(export, "failed")
    await export.close()
    assert results(export)["sent"] == 0


async def test_the_end_does_not_wait_for_a_collector_that_hangs() -> None:
    never, begun = threading.Event(), threading.Event()

    def send(_: Sequence[Any]) -> bool:
        begun.set()
        return never.wait(PATIENCE_S)

    export = MetricsExport(INTERVAL_S, read, lambda told: told, Exporter(send, lambda: None))
    export.start()
    await asyncio.to_thread(begun.wait, PATIENCE_S)
    await export.close()
    assert not never.is_set()
    assert results(export)["sent"] == 0
    never.set()


async def test_the_last_values_are_exported_at_the_end() -> None:
    got: list[Any] = []

    def send(batch: Sequence[Any]) -> bool:
        got.extend(batch)
        return True

    export = MetricsExport(3_600.0, read, lambda told: told, Exporter(send, lambda: None))
    export.start()
    await asyncio.sleep(0)
    await export.close()
    assert got == list(read())


@pytest.fixture
def grpc_collector() -> Iterator[tuple[str, list[Any]]]:
    """The address of a real OTLP receiver over gRPC, and what it got."""
    got: list[Any] = []

    class Service(MetricsServiceServicer):
        def Export(self, request: Any, context: Any) -> ExportMetricsServiceResponse:  # noqa: N802
            got.append(request)
            return ExportMetricsServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    add_MetricsServiceServicer_to_server(Service(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}", got
    server.stop(None).wait()


async def test_over_grpc(grpc_collector: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    address, got = grpc_collector
    asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    for name, value in asked.items():
        monkeypatch.setenv(name, value)  # the exporter reads the process's own
    export = export_of({**asked, "OTEL_METRIC_EXPORT_INTERVAL": "20"}, read)
    assert export is not None
    export.start()
    await until(export, "sent")
    await export.close()
    (resource,) = got[0].resource_metrics
    metrics = {metric.name: metric for metric in resource.scope_metrics[0].metrics}
    assert metrics["groundwire.build_info"].gauge.data_points[0].as_int == 1
    (point,) = metrics["groundwire.request_overhead"].histogram.data_points
    assert (point.count, point.sum, point.HasField("min")) == (2, 0.004, False)
    assert (point.start_time_unix_nano, point.time_unix_nano) == (5 * 10**9, 10 * 10**9)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_METRICS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        {"OTEL_METRICS_EXPORTER": "prometheus", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_METRICS_EXPORTER": "otlp"},
        {"OTEL_METRICS_EXPORTER": "statsd"},
        {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_METRIC_EXPORT_INTERVAL": "often"},
        {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/json"},
    ],
)
def test_what_is_not_asked_for_or_cannot_be_is_not_exported(environ: dict[str, str]) -> None:
    assert export_of(environ, read) is None


def test_without_it_opentelemetry_is_never_loaded() -> None:
    code = (
        "import sys, proxy.analysis.process.app\n"
        "from proxy.analysis.process.metrics_export import export_of\n"
        "assert export_of({}, list) is None\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'grpc', 'google.protobuf'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
