"""What goes up the link of an exchange, and what a snapshot that comes down changes: against the real receiver."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from urllib.request import urlopen

import pytest

from proxy.core.enforcement import Enforcement, Snapshot, Step
from proxy.core.exchange import End, Exchange, Framing
from proxy.core.routes import Route, Target
from proxy.link.frames import Stats
from proxy.link.receiver import LinkReceiver, Peer
from proxy.traffic.state import read_snapshot
from tests.wire.house import Traffic, traffic
from tests.wire.rawhttp import Message, ScriptedUpstream, Wire, connect

STEADY = Snapshot(1, (Route("tuned", Target("default", "tuned"), Target("default", "base")),))
REVERTED = replace(STEADY, version=2, enforcements=(Enforcement("tuned", Step.REVERTED, "evidence-1", "why"),))
BODY = b'{"model":"tuned"}'
POST = b"POST /v1/completions?key=secret HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
POST += b"Traceparent: 00-abc\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
T = TypeVar("T")


@dataclass(slots=True)
class Analysis:
    """The other end of the link, and what came."""

    receiver: LinkReceiver
    running: Traffic
    upstream: ScriptedUpstream
    exchanges: list[Exchange] = field(default_factory=list)

    async def off_loop(self, work: Callable[[], T]) -> T:
        """Blocking sockets beside the loop."""
        return await asyncio.get_running_loop().run_in_executor(None, work)

    async def metric(self, name: str) -> int:
        """A metric of the traffic process, without labels."""
        page = (await self.off_loop(lambda: urlopen(f"{self.running.health}/metrics").read())).decode()
        return int(page.partition(f"\n{name} ")[2].partition("\n")[0])

    async def after(self, work: Callable[[], object], count: int = 1) -> list[Exchange]:
        """The exchanges that this work made."""
        self.exchanges.clear()
        await self.off_loop(work)
        await eventually(lambda: len(self.exchanges) >= count)
        return self.exchanges


async def eventually(probe: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not probe():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.fixture
async def analysis(tmp_path: Path) -> AsyncIterator[Analysis]:
    exchanges: list[Exchange] = []

    def take(peer: Peer, number: int, message: Exchange | Stats, size_bytes: int) -> None:
        if isinstance(message, Exchange):
            exchanges.append(message)
        peer.acknowledge(number)

    receiver = LinkReceiver(str(tmp_path / "link.sock"), take, STEADY)
    await receiver.start()
    with ScriptedUpstream() as upstream, ThreadPoolExecutor(1) as pool:
        link = {"capture_bytes_max": 1_000, "captures_bytes_max": 20_200}
        context = traffic(tmp_path, {"default": upstream.url}, {"link": link})
        loop = asyncio.get_running_loop()
        running = await loop.run_in_executor(pool, context.__enter__)
        try:
            await eventually((tmp_path / "enforcement.json").exists)
            yield Analysis(receiver, running, upstream, exchanges)
        finally:
            await loop.run_in_executor(pool, context.__exit__, None, None, None)
            await receiver.close()


def ask(port: int, data: bytes = POST) -> Message:
    with connect(port) as wire:
        wire.send(data)
        return wire.response()


async def test_an_exchange_tells_all(analysis: Analysis) -> None:
    before = time.time()
    (exchange,) = await analysis.after(lambda: ask(analysis.running.port))
    assert before - 1 < exchange.started_s <= exchange.first_byte_s <= exchange.ended_s < time.time() + 1
    assert (exchange.method, exchange.path, exchange.status) == ("POST", "/v1/completions", 200)
    assert exchange.end is End.COMPLETE
    assert (exchange.route, exchange.requested_model, exchange.served_model) == ("tuned", "tuned", "tuned")
    assert (exchange.upstream, exchange.base_served, exchange.enforcement_id) == ("default", False, "")
    assert (exchange.traceparent, exchange.chunks) == ("00-abc", 1)
    up, down = exchange.request, exchange.response
    assert (up.data, up.framing, up.content_type, up.truncated) == (BODY, Framing.LENGTH, "application/json", False)
    assert (down.data, down.framing, down.content_type, down.total_bytes) == (b"ok", Framing.LENGTH, "text/plain", 2)


async def test_a_revert_comes_down_and_is_kept(analysis: Analysis, tmp_path: Path) -> None:
    analysis.receiver.publish(REVERTED)
    await eventually(lambda: read_snapshot(tmp_path) == REVERTED)
    (exchange,) = await analysis.after(lambda: ask(analysis.running.port))
    assert analysis.upstream.requests[-1].content == b'{"model":"base"}'
    assert (exchange.route, exchange.requested_model, exchange.served_model) == ("tuned", "tuned", "base")
    assert (exchange.base_served, exchange.enforcement_id) == (True, "evidence-1")
    assert exchange.request.data == BODY  # as the client sent it


async def test_bodies_are_cut_at_the_bound_and_passed_whole(analysis: Analysis) -> None:
    body = b"x" * 5_000
    chunks = b"".join(b"64\r\n" + b"y" * 100 + b"\r\n" for _ in range(50)) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    analysis.upstream.clear(lambda wire, request: wire.send(head + chunks))
    data = b"PUT /file HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + body
    (exchange,) = await analysis.after(lambda: ask(analysis.running.port, data))
    up, down = exchange.request, exchange.response
    assert (up.data, up.total_bytes, up.truncated) == (body[:1_000], 5_000, True)
    assert (down.data, down.total_bytes, down.truncated) == (chunks[:1_000], len(chunks), True)
    assert (down.framing, down.content_encoding, exchange.route) == (Framing.CHUNKED, "gzip", "")


async def test_all_captures_together_have_a_bound(analysis: Analysis) -> None:
    body = b"x" * 901
    begun = b"PUT /file HTTP/1.1\r\nHost: x\r\nContent-Length: 901\r\n\r\n" + body[:-1]
    with ExitStack() as wires:
        opened = [wires.enter_context(connect(analysis.running.port)) for _ in range(30)]
        for number, wire in enumerate(opened, 1):
            wire.send(begun)
            fits = min(number, 21)  # times 948: 900 bytes and what keeping them takes
            await kept(analysis, fits * 948)
        assert await analysis.metric("groundwire_captures_cut_total") == 9

        def end() -> None:
            for wire in opened:
                wire.send(b"x")
                assert wire.response().content == b"ok"

        exchanges = await analysis.after(end, 30)
    whole = [exchange for exchange in exchanges if not exchange.request.truncated]
    assert [(e.request.data, e.response.data) for e in whole] == [(body, b"ok")] * 21
    cut = [exchange for exchange in exchanges if exchange.request.truncated]
    assert [(e.request.data, e.request.total_bytes, e.response.data) for e in cut] == [(b"", 901, b"")] * 9
    assert await analysis.metric("groundwire_captures_bytes") == 0


async def kept(analysis: Analysis, bytes_kept: int) -> None:
    """Wait until so much is kept."""
    deadline = time.monotonic() + 20
    while await analysis.metric("groundwire_captures_bytes") != bytes_kept:
        assert time.monotonic() < deadline


async def test_every_way_to_end_is_told(analysis: Analysis) -> None:
    port, upstream = analysis.running.port, analysis.upstream

    def cut(wire: Wire, _request: Message) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        wire.close()

    upstream.clear(cut)
    (exchange,) = await analysis.after(lambda: ask(port))
    assert (exchange.end, exchange.status, exchange.response.data) == (End.UPSTREAM_CUT, 200, b"hello")

    upstream.clear(lambda wire, request: wire.close())
    (exchange,) = await analysis.after(lambda: ask(port))
    assert (exchange.end, exchange.status, exchange.first_byte_s) == (End.UPSTREAM_FAILED, 502, 0.0)

    (exchange,) = await analysis.after(lambda: ask(port, b"GET /pause HTTP/1.1\r\nHost: x\r\n\r\n"))
    assert (exchange.end, exchange.status) == (End.REFUSED, 403)

    def leaves() -> None:
        with connect(port) as wire:
            wire.send(POST)
            wire.take_until(b"hello")

    upstream.clear(lambda wire, request: wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"))
    (exchange,) = await analysis.after(leaves)
    assert (exchange.end, exchange.response.data) == (End.CLIENT_GONE, b"hello")


async def test_thinning_leaves_most_out_and_counts_them(analysis: Analysis, tmp_path: Path) -> None:
    thin = replace(STEADY, version=3, coverage_k=2)
    analysis.receiver.publish(thin)
    await eventually(lambda: read_snapshot(tmp_path) == thin)

    def many() -> None:
        with connect(analysis.running.port) as wire:
            for _ in range(200):
                wire.send(POST)
                assert wire.response().content == b"ok"

    exchanges = await analysis.after(many)
    thinned = await analysis.metric("groundwire_exchanges_thinned_total")
    await eventually(lambda: len(exchanges) + thinned == 200)
    assert 0 < len(exchanges) < 110  # a fair coin misses this once in 10**20
    assert {exchange.coverage_k for exchange in exchanges} == {2}


async def test_an_analysis_that_comes_late_or_leaves_disturbs_nothing(analysis: Analysis) -> None:
    await analysis.receiver.close()
    answers = await analysis.off_loop(lambda: [ask(analysis.running.port).content for _ in range(20)])
    assert answers == [b"ok"] * 20
    await analysis.receiver.start()
    await eventually(lambda: bool(analysis.receiver.peers))
    (exchange,) = await analysis.after(lambda: ask(analysis.running.port))
    assert exchange.status == 200
