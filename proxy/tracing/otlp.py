"""OpenTelemetry's types and exporters. Nothing else here imports them, and this file only once traces are asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import ConsoleLogRecordExporter, LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import (
    ConsoleMetricExporter,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    ResourceMetrics,
)
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from proxy import VERSION
from proxy.telemetry.logs import get_logger
from proxy.tracing import span as plain
from proxy.tracing.asked import TracingError, Way

log = get_logger(__name__)

SERVICE: Final = "groundwire"
_SCOPE: Final = InstrumentationScope(SERVICE, VERSION)
_KINDS: Final = {
    plain.Kind.CLIENT: SpanKind.CLIENT,
    plain.Kind.SERVER: SpanKind.SERVER,
    plain.Kind.INTERNAL: SpanKind.INTERNAL,
}
_GRPC_LOGGER: Final = "opentelemetry.exporter.otlp.proto.grpc.exporter"  # shared by all exporters over gRPC
_NO_GRPC: Final = (
    "OTEL_EXPORTER_OTLP_PROTOCOL=grpc needs the extra `grpc`: install groundwire[grpc], or set http/protobuf"
)


@dataclass(frozen=True, slots=True)
class Exporter:
    """Sends a batch and says whether it arrived; both may block for as long as OTEL_EXPORTER_OTLP_TIMEOUT says."""

    send: Callable[[Sequence[Any]], bool]
    stop: Callable[[], None]


def resource() -> Resource:
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES hold; without them the service is `groundwire`."""
    return Resource.create({SERVICE_NAME: SERVICE, SERVICE_VERSION: VERSION}).merge(OTELResourceDetector().detect())


def span_exporter(way: Way) -> Exporter:
    """For `plain.Span`. Raises TracingError."""
    made: SpanExporter = _exporter(way, ConsoleSpanExporter, "trace_exporter", "OTLPSpanExporter")
    of = resource()
    quiet = _Quiet("spans", made)

    def send(batch: Sequence[plain.Span]) -> bool:
        return quiet.told(lambda: made.export([readable(one, of) for one in batch]) is SpanExportResult.SUCCESS)

    return Exporter(send, made.shutdown)


def event_exporter(way: Way) -> Exporter:
    """For `plain.Event`. Raises TracingError."""
    made: LogRecordExporter = _exporter(way, ConsoleLogRecordExporter, "_log_exporter", "OTLPLogExporter")
    of = resource()
    quiet = _Quiet("events", made)

    def send(batch: Sequence[plain.Event]) -> bool:
        return quiet.told(lambda: made.export([logged(one, of) for one in batch]) is LogRecordExportResult.SUCCESS)

    return Exporter(send, made.shutdown)


def metric_exporter(way: Way) -> Exporter:
    """For ResourceMetrics, all of one moment. Raises TracingError."""
    made: MetricExporter = _exporter(way, ConsoleMetricExporter, "metric_exporter", "OTLPMetricExporter")
    quiet = _Quiet("metrics", made)

    def send(batch: Sequence[ResourceMetrics]) -> bool:
        return quiet.told(lambda: made.export(MetricsData(batch)) is MetricExportResult.SUCCESS)

    return Exporter(send, made.shutdown)


def readable(one: plain.Span, of: Resource) -> ReadableSpan:
    """A span as OpenTelemetry's exporters take it."""
    return ReadableSpan(
        name=one.name,
        context=_context(one.place),
        parent=_context(one.place._replace(span_id=one.parent), is_remote=True) if one.parent else None,
        resource=of,
        attributes=dict(one.attributes),
        links=[Link(_context(link.place), dict(link.attributes)) for link in one.links],
        kind=_KINDS[one.kind],
        status=Status(StatusCode.ERROR, one.error) if one.error else Status(),
        start_time=_ns(one.start_s),
        end_time=_ns(one.end_s),
        instrumentation_scope=_SCOPE,
    )


def logged(one: plain.Event, of: Resource) -> ReadableLogRecord:
    """An event as OpenTelemetry's exporters take it."""
    record = LogRecord(
        timestamp=_ns(one.time_s),
        observed_timestamp=_ns(one.time_s),
        context=set_span_in_context(NonRecordingSpan(_context(one.place))),
        severity_number=SeverityNumber.INFO,
        event_name=one.name,
        attributes=dict(one.attributes),
    )
    return ReadableLogRecord(record, of, _SCOPE)


def _context(place: plain.Place, *, is_remote: bool = False) -> SpanContext:
    return SpanContext(int(place.trace_id, 16), int(place.span_id, 16), is_remote, TraceFlags(place.flags))


def _ns(time_s: float) -> int:
    return int(time_s * 1e9)


def _exporter(way: Way, console: Callable[[], Any], module: str, name: str) -> Any:
    """Endpoint, headers, timeout, certificates and compression are read from the environment by the exporter."""
    if way is Way.CONSOLE:
        return console()
    protocol = "http" if way is Way.HTTP else "grpc"
    try:
        return getattr(import_module(f"opentelemetry.exporter.otlp.proto.{protocol}.{module}"), name)()
    except ImportError as wrong:
        if way is Way.HTTP:
            raise
        raise TracingError(_NO_GRPC) from wrong


class _Quiet(logging.Handler):
    """OpenTelemetry's own lines about an endpoint that is down, said once when it goes and once when it is back."""

    def __init__(self, what: str, exporter: object) -> None:
        super().__init__(logging.WARNING)
        self._what = what
        self._last = ""
        self._is_down = False
        for name in (type(exporter).__module__, _GRPC_LOGGER):
            logger = logging.getLogger(name)
            logger.addHandler(self)
            logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what was said last."""
        self._last = record.getMessage()

    def told(self, send: Callable[[], bool]) -> bool:
        """What `send` gives; a change is said. A fault of the exporter is a batch that failed."""
        try:
            arrived = send()
        except Exception as wrong:  # whatever an exporter raises, spans are no reason to stop
            arrived, self._last = False, type(wrong).__name__
        if not arrived and not self._is_down:
            log.warning("otlp_down", signal=self._what, error=self._last, then="dropped and counted; traffic goes on")
        elif arrived and self._is_down:
            log.info("otlp_up", signal=self._what)
        self._is_down = not arrived
        return arrived
