"""A real OTLP receiver, over HTTP and over gRPC, that keeps what it was sent; and a wire tap before a model server."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.http_server import QuietHandler, serving


def value_of(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return [value_of(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, str(kind))


def attributes(pairs: Any) -> dict[str, Any]:
    found: list[KeyValue] = list(pairs)
    return {one.key: value_of(one.value) for one in found}


@dataclass
class Received:
    """What came. `raw` is every message of spans and logs as bytes, `others` those of anything else over HTTP;
    `headers` are those of HTTP requests, or gRPC metadata.
    """

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    records: list[LogRecord] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    others: list[bytes] = field(default_factory=list)

    def traces(self, request: Any) -> None:
        self.raw.append(request.SerializeToString())
        for of in request.resource_spans:
            self.resources.append(attributes(of.resource.attributes))
            self.spans += [span for scope in of.scope_spans for span in scope.spans]

    def logs(self, request: Any) -> None:
        self.raw.append(request.SerializeToString())
        for of in request.resource_logs:
            self.records += [record for scope in of.scope_logs for record in scope.log_records]

    def exchanges(self, trace_id: str = "") -> list[Span]:
        """Spans of exchanges, of one trace or of all."""
        return [
            span
            for span in list(self.spans)
            if not span.name.startswith("groundwire.") and trace_id in ("", span.trace_id.hex())
        ]

    def children(self, span: Span) -> dict[str, Span]:
        return {one.name: one for one in list(self.spans) if one.parent_span_id == span.span_id}

    def evaluations(self, span: Span) -> dict[str, dict[str, Any]]:
        """By name: the events in the context of this span."""
        found = [attributes(one.attributes) for one in list(self.records) if one.span_id == span.span_id]
        return {str(one["gen_ai.evaluation.name"]): one for one in found}


@contextmanager
def http_receiver() -> Iterator[Received]:
    received = Received()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = self.body()
            body = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
            received.headers.append({name.lower(): value for name, value in self.headers.items()})
            if self.path == "/v1/traces":
                received.traces(trace_service_pb2.ExportTraceServiceRequest.FromString(body))
            elif self.path == "/v1/logs":
                received.logs(logs_service_pb2.ExportLogsServiceRequest.FromString(body))
            else:
                received.others.append(body)
            self.answer(200, content_type="application/x-protobuf")

    with serving(Handler) as port:
        received.url = f"http://127.0.0.1:{port}"
        yield received


@contextmanager
def grpc_receiver() -> Iterator[Received]:
    received = Received()

    class Traces(trace_service_pb2_grpc.TraceServiceServicer):  # type: ignore[misc, unused-ignore]
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
            received.headers.append({name: str(value) for name, value in context.invocation_metadata()})
            received.traces(request)
            return trace_service_pb2.ExportTraceServiceResponse()

    class Logs(logs_service_pb2_grpc.LogsServiceServicer):  # type: ignore[misc, unused-ignore]
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
            received.logs(request)
            return logs_service_pb2.ExportLogsServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)  # type: ignore[no-untyped-call]
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(Logs(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    received.url = f"http://127.0.0.1:{port}"
    try:
        yield received
    finally:
        server.stop(0)


@dataclass
class Tap:
    """Before a model server: passes everything on, and keeps the heads of requests as they came, byte for byte."""

    url: str
    heads: list[bytes] = field(default_factory=list)

    def of(self, mark: str) -> list[dict[str, str]]:
        """Header fields of the requests with this `X-Mark`; of repeated fields the last."""
        return [one for one in map(fields, list(self.heads)) if one.get("x-mark") == mark]


def fields(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}


@contextmanager
def tapped(upstream: str) -> Iterator[Tap]:
    place = urlsplit(upstream)
    listening = socket.create_server(("127.0.0.1", 0))
    tap = Tap(f"http://127.0.0.1:{listening.getsockname()[1]}")

    def serve() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            server = socket.create_connection((place.hostname or "", place.port or 80))
            threading.Thread(target=_pass_on, args=(client, server, tap.heads), daemon=True).start()
            threading.Thread(target=_pass_on, args=(server, client, None), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield tap
    finally:
        listening.close()


def _pass_on(source: socket.socket, to: socket.socket, heads: list[bytes] | None) -> None:
    """Groundwire sends a head and what there is of the body in one write, one request after the other."""
    try:
        while data := source.recv(1 << 20):
            if heads is not None and b"\r\n\r\n" in data and b" HTTP/1.1\r\n" in data:
                heads.append(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass
