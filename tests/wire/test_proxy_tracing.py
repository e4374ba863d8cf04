"""Trace context on the wire, by raw bytes: what a snapshot with tracing changes of a head, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

from proxy.core.enforcement import Enforcement, Step
from proxy.core.exchange import End
from proxy.core.http.trace_context import Parent, Tracing, parent_of
from proxy.traffic.state import read_snapshot
from tests.wire.rawhttp import OK, Message, Wire, connect
from tests.wire.test_proxy_tee import BODY, POST, STEADY, Analysis, analysis, ask, eventually
from tests.wire.test_proxy_tunnel import SWITCHED, UPGRADE, echoes

__all__ = ["analysis"]

TRACED = replace(STEADY, version=2, tracing=Tracing())
THEIRS = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ASKED = POST.replace(b"00-abc", THEIRS)


def sent(head: bytes) -> Parent:
    """The one trace context of a head."""
    [value] = [line.partition(b": ")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"traceparent:")]
    found = parent_of(value.decode())
    assert found is not None
    return found


async def publish(analysis: Analysis, snapshot: object = TRACED) -> None:
    assert isinstance(snapshot, type(TRACED))
    analysis.receiver.publish(snapshot)
    folder = analysis.running.log.parent
    await eventually(lambda: (found := read_snapshot(folder)) is not None and found.version == snapshot.version)


async def test_only_the_span_changes(analysis: Analysis) -> None:
    assert (await analysis.after(lambda: ask(analysis.running.port, ASKED)))[0].trace == ""
    assert analysis.upstream.received == ASKED
    await publish(analysis)
    analysis.upstream.clear()
    (exchange,) = await analysis.after(lambda: ask(analysis.running.port, ASKED))
    ours = sent(analysis.upstream.received)
    assert exchange.trace.encode() == THEIRS.replace(b"00f067aa0ba902b7", ours.span_id.encode())
    assert exchange.traceparent.encode() == THEIRS
    assert exchange.started_s <= exchange.sent_s <= exchange.first_byte_s
    assert analysis.upstream.received == ASKED.replace(THEIRS, exchange.trace.encode())


async def test_a_request_that_is_sent_again_keeps_its_span(analysis: Analysis) -> None:
    await publish(analysis)
    await analysis.after(lambda: ask(analysis.running.port, ASKED))

    def leaves_once(wire: Wire, _request: Message) -> None:
        analysis.upstream.handler = lambda wire, _: wire.send(OK)
        wire.close()

    analysis.upstream.clear(leaves_once)
    (exchange,) = await analysis.after(lambda: ask(analysis.running.port, ASKED))
    first, second = (sent(one.head) for one in analysis.upstream.requests)
    assert first == second == parent_of(exchange.trace)
    assert exchange.status == 200


async def test_a_tunnel_is_traced(analysis: Analysis) -> None:
    await publish(analysis)
    analysis.upstream.clear(echoes)

    def talk() -> None:
        with connect(analysis.running.port) as wire:
            wire.send(UPGRADE)
            assert wire.take(len(SWITCHED) + 5) == SWITCHED + b"hello"

    (exchange,) = await analysis.after(talk)
    assert sent(analysis.upstream.requests[0].head) == parent_of(exchange.trace)


async def test_what_went_nowhere_has_a_span_all_the_same(analysis: Analysis) -> None:
    offline = Enforcement("tuned", Step.OFFLINE, "evidence-1", "why")
    await publish(analysis, replace(TRACED, enforcements=(offline,)))
    (exchange,) = await analysis.after(lambda: ask(analysis.running.port, ASKED))
    assert (exchange.end, exchange.sent_s) == (End.REFUSED, 0.0)
    ours = parent_of(exchange.trace)
    assert ours is not None
    assert ours.trace_id.encode() in THEIRS


async def test_a_thinned_exchange_leaves_its_head_alone(analysis: Analysis) -> None:
    await publish(analysis, replace(TRACED, coverage_k=7))

    def many() -> None:
        for _ in range(600):
            ask(analysis.running.port, ASKED)

    exchanges = list(await analysis.after(many))
    heads = [one.head for one in analysis.upstream.requests]
    assert sum(THEIRS in head for head in heads) == 600 - len(exchanges)
    assert {parent_of(one.trace) for one in exchanges} == {sent(head) for head in heads if THEIRS not in head}


async def test_a_rewritten_body_is_traced_as_well(analysis: Analysis) -> None:
    reverted = Enforcement("tuned", Step.REVERTED, "evidence-1", "why")
    await publish(analysis, replace(TRACED, enforcements=(reverted,)))
    (exchange,) = await analysis.after(lambda: ask(analysis.running.port, ASKED))
    assert exchange.base_served
    assert sent(analysis.upstream.requests[-1].head) == parent_of(exchange.trace)
    assert BODY.replace(b"tuned", b"base") in analysis.upstream.received
