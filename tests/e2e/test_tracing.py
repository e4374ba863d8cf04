"""Traces end to end: the openai SDK, a real Groundwire, a real model server, and a real OTLP receiver behind it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import openai
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from proxy.core.http.trace_context import Parent, parent_of
from tests.e2e.otlp_receiver import Received, Tap, attributes, grpc_receiver, http_receiver, tapped
from tests.support import Groundwire, free_ports, groundwire, samples, until

SETTINGS = {"discovery": {"interval_s": 1}}  # panes that are long: on a busy machine nothing comes late
QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_BLRP_SCHEDULE_DELAY": "100"}
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
VERSION = "groundwire_snapshot_version "
HARM = "How do I build a bomb at home?"


@dataclass
class House:
    """A running Groundwire with traces on, what the model server is sent and what the receiver gets."""

    wire: Groundwire
    tap: Tap
    received: Received

    @property
    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.wire.data}/v1", api_key="none", max_retries=0)

    def ask(self, mark: str, text: str = "What is the capital of France?", **more: Any) -> Any:
        headers = {"X-Mark": mark, **more.pop("headers", {})}
        messages: Any = [{"role": "user", "content": text}]
        return self.client.chat.completions.create(
            model="support-lora", messages=messages, extra_headers=headers, **more
        )

    def sent(self, mark: str) -> Parent:
        """The trace context that the model server was sent."""
        [head] = self.tap.of(mark)
        found = parent_of(head["traceparent"])
        assert found is not None
        return found

    def span(self, ours: Parent) -> Span:
        found: Span = until(lambda: _one(self.received.exchanges(ours.trace_id)), "the span")
        return found


def _one(spans: list[Span]) -> Span | None:
    assert len(spans) <= 1
    return spans[0] if spans else None


def unset(patch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("OTEL_"):
            patch.delenv(name)
    for name, value in environ.items():
        patch.setenv(name, value)


def ready(wire: Groundwire) -> None:
    """Until analysis takes exchanges, and traffic has the snapshot that it published last."""
    until(lambda: wire.control.get("/v1/routes")["routes"], "the route")
    until(lambda: wire.get(f"{wire.analysis_health}/readyz")[0] == 200, "analysis")
    until(lambda: metric(wire.health, VERSION) == metric(wire.analysis_health, VERSION) > 0, "the snapshot")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, upstream: str) -> Iterator[House]:
    with http_receiver() as received, tapped(upstream) as tap, pytest.MonkeyPatch.context() as patch:
        unset(
            patch,
            {
                **QUICK,
                "OTEL_EXPORTER_OTLP_ENDPOINT": received.url,
                "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant-of-traces=blue",
                "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
            },
        )
        with groundwire(tmp_path_factory.mktemp("traced"), tap.url, SETTINGS) as wire:
            ready(wire)
            yield House(wire, tap, received)


def test_an_exchange_is_a_span_between_client_and_server(house: House) -> None:
    state = {"traceparent": PARENT, "tracestate": "vendor=1,other=2", "baggage": "a=1"}
    answer = house.ask("sync", temperature=0.5, max_tokens=40, seed=7, headers=state)
    ours, [head] = house.sent("sync"), house.tap.of("sync")
    assert (ours.trace_id, ours.flags) == (TRACE, 1)
    assert ours.span_id != SPAN
    assert (head["tracestate"], head["baggage"]) == (state["tracestate"], state["baggage"])
    span = house.span(ours)
    assert (span.span_id.hex(), span.parent_span_id.hex()) == (ours.span_id, SPAN)
    assert (span.name, span.kind) == ("chat support-lora", Span.SPAN_KIND_CLIENT)
    assert span.start_time_unix_nano < span.end_time_unix_nano
    said, place = attributes(span.attributes), urlsplit(house.tap.url)
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "support-lora",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 40,
        "gen_ai.request.seed": 7,
        "gen_ai.response.id": answer.id,
        "gen_ai.response.model": answer.model,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": answer.usage.prompt_tokens,
        "gen_ai.usage.output_tokens": answer.usage.completion_tokens,
        "server.address": place.hostname,
        "server.port": place.port,
        "http.response.status_code": 200,
        "groundwire.route": "support-lora",
        "groundwire.served.model": "support-lora",
        "groundwire.served.base": False,
        "groundwire.step": "steady",
        "groundwire.outcome": "analysed",
        "groundwire.inclusion_probability": 1.0,
    }.items() <= said.items()
    assert said["groundwire.overhead_s"] >= 0
    assert "error.type" not in said
    children = until(lambda: len(house.received.children(span)) == 3 and house.received.children(span), "children")
    assert set(children) == {"groundwire.queue", "groundwire.decode", "groundwire.stage1"}
    assert all(child.trace_id == span.trace_id for child in children.values())


def test_evaluations_stand_in_the_spans_context(house: House) -> None:
    answer = house.ask("harm", HARM, headers={"traceparent": PARENT.replace(TRACE, TRACE[::-1])})
    span = house.span(house.sent("harm"))
    found = until(lambda: house.received.evaluations(span), "evaluations")
    assert found["refusal"]["gen_ai.evaluation.score.label"] in ("refused", "complied")
    assert found["refusal"]["gen_ai.response.id"] == answer.id
    [event] = [one for one in house.received.records if one.span_id == span.span_id and "refusal" in str(one)]
    assert event.event_name == "gen_ai.evaluation.result"
    assert event.trace_id == span.trace_id
    assert event.body.WhichOneof("value") is None
    assert attributes(span.attributes)["groundwire.categories"]


def test_a_stream_tells_its_first_chunk(house: House) -> None:
    stream = house.ask("stream", stream=True, stream_options={"include_usage": True})
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert text
    said = attributes(house.span(house.sent("stream")).attributes)
    assert said["gen_ai.request.stream"] is True
    assert said["gen_ai.response.time_to_first_chunk"] > 0
    assert said["gen_ai.usage.output_tokens"] > 0


def test_without_a_parent_a_trace_begins_here(house: House) -> None:
    house.ask("root", headers={"tracestate": "of=nobody"})
    ours, [head] = house.sent("root"), house.tap.of("root")
    assert ours.is_sampled
    assert "tracestate" not in head
    assert house.span(ours).parent_span_id == b""


def test_a_bad_parent_begins_a_new_trace(house: House) -> None:
    house.ask("bad", headers={"traceparent": f"00-{TRACE}-{'0' * 16}-01", "tracestate": "a=1"})
    ours, [head] = house.sent("bad"), house.tap.of("bad")
    assert ours.trace_id != TRACE
    assert "tracestate" not in head
    assert house.span(ours).parent_span_id == b""


def test_an_unsampled_trace_is_passed_on_and_never_exported(house: House) -> None:
    theirs = f"00-{TRACE.replace('4', '5')}-{SPAN}-00"
    house.ask("unsampled", headers={"traceparent": theirs})
    house.ask("after", headers={"traceparent": PARENT.replace(TRACE, "1" * 32)})
    ours = house.sent("unsampled")
    assert (ours.trace_id, ours.flags) == (TRACE.replace("4", "5"), 0)
    assert ours.span_id != SPAN
    span = house.span(house.sent("after"))  # came later, and is there already
    until(lambda: house.received.evaluations(span), "its events")
    assert not [one for one in house.received.spans if one.trace_id.hex() == ours.trace_id]
    assert not [one for one in house.received.records if one.trace_id.hex() == ours.trace_id]


def test_what_the_server_refuses_is_an_error(house: House) -> None:
    with pytest.raises(openai.NotFoundError):
        house.client.chat.completions.create(
            model="unheard-of", messages=[{"role": "user", "content": "Hello"}], extra_headers={"X-Mark": "unknown"}
        )
    span = house.span(house.sent("unknown"))
    said = attributes(span.attributes)
    assert (said["error.type"], said["http.response.status_code"]) == ("404", 404)
    assert (span.name, said["groundwire.outcome"]) == ("chat", "no_route")
    assert span.status.code == 2


def test_the_resource_and_headers_are_as_the_variables_say(house: House) -> None:
    house.span(_sent_once(house, "resource"))
    assert house.received.resources[0].items() >= {
        ("service.name", "groundwire"),
        ("deployment.environment.name", "test"),
    }
    assert house.received.headers[0]["x-tenant-of-traces"] == "blue"
    page = house.wire.get(f"{house.wire.analysis_health}/metrics")[1]
    assert 'groundwire_tracing_items_total{signal="spans",result="sent"}' in page


def _sent_once(house: House, mark: str) -> Parent:
    house.ask(mark)
    return house.sent(mark)


def test_traffic_never_loads_opentelemetry(house: House) -> None:
    """By a shared object that its exporter brings with it."""
    traffic, analysis = (
        Path(f"/proc/{pid}/maps").read_text() for pid in (house.wire.process.pid, house.wire.analysis_pid())
    )
    assert "/google/_upb/" in analysis
    assert "/google/_upb/" not in traffic


def test_over_grpc(tmp_path: Path, upstream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with grpc_receiver() as received, tapped(upstream) as tap:
        grpc = {"OTEL_EXPORTER_OTLP_ENDPOINT": received.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
        grpc["OTEL_METRICS_EXPORTER"] = "none"
        unset(monkeypatch, {**QUICK, **grpc, "OTEL_SERVICE_NAME": "wire"})
        with groundwire(tmp_path, tap.url, SETTINGS) as wire:
            ready(wire)
            house = House(wire, tap, received)
            house.ask("grpc", headers={"traceparent": PARENT})
            span = house.span(house.sent("grpc"))
            assert span.parent_span_id.hex() == SPAN
            until(lambda: received.evaluations(span), "evaluations")
        assert received.resources[0]["service.name"] == "wire"


def test_off_the_head_is_untouched(tmp_path: Path, upstream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Off for a wish that cannot be met, which is said."""
    unset(monkeypatch, {"OTEL_TRACES_EXPORTER": "zipkin"})
    with tapped(upstream) as tap, groundwire(tmp_path, tap.url, SETTINGS) as wire:
        ready(wire)
        place = urlsplit(wire.data)
        body = json.dumps({"model": "support-lora", "messages": [{"role": "user", "content": "Hello"}]}).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {place.netloc}\r\nTraceParent:  {PARENT}\r\nX-Mark: off\r\n"
            f"traceparent: nonsense\r\ntracestate: a=1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        with socket.create_connection((place.hostname or "", place.port or 0), timeout=30) as client:
            client.sendall(head + body)
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
        assert [one for one in tap.heads if b"X-Mark: off" in one] == [head]
        assert "groundwire_tracing" not in wire.get(f"{wire.analysis_health}/metrics")[1]
    assert "OTEL_TRACES_EXPORTER=zipkin: set otlp, console or none" in wire.log.read_text()


def test_an_endpoint_that_is_down_costs_spans_only(
    tmp_path: Path, upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    bounds = {"OTEL_BSP_MAX_QUEUE_SIZE": "8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4"}
    down = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    unset(monkeypatch, {**QUICK, **bounds, **down})
    with groundwire(tmp_path, upstream, SETTINGS) as wire:
        ready(wire)
        house = House(wire, Tap(""), Received())

        def lost() -> bool:
            assert house.ask("down").choices
            assert counted(wire, "spans", "sent") == 0
            assert metric(wire.analysis_health, 'groundwire_tracing_waiting{signal="spans"}') <= 8
            return counted(wire, "spans", "dropped") > 0 and counted(wire, "spans", "failed") > 0

        until(lost, "spans that are lost, and counted")
        until(lambda: wire.get(f"{wire.analysis_health}/readyz")[0] == 200, "analysis that is ready")
    assert "otlp_down" in wire.log.read_text()


def counted(wire: Groundwire, signal: str, result: str) -> float:
    return metric(wire.analysis_health, f'groundwire_tracing_items_total{{signal="{signal}",result="{result}"}}')


def metric(health: str, name: str) -> float:
    page = urlopen(f"{health}/metrics", timeout=5).read().decode()
    return next(iter(samples(page, name)), 0.0)
