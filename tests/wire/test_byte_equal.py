"""Random well-formed exchanges through the proxy are byte-equal on both sides, whatever the framing and the cuts.

Only what RFC 9110 section 7.6.1 calls hop-by-hop may differ, and only in the ways that are named here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.house import Traffic, traffic
from tests.wire.rawhttp import Message, ScriptedUpstream, Wire, connect

EXCHANGES_MAX = 5

Framing = Literal["none", "length", "chunked", "eof"]


@dataclass(frozen=True)
class Sent:
    """A message as it is put on the wire: its lines without framing, the framing, the body in its framing."""

    start: bytes
    fields: tuple[bytes, ...]
    hops: tuple[bytes, ...]
    framing: Framing
    content: bytes
    wire: bytes

    @property
    def head(self) -> bytes:
        """The head as sent, hop-by-hop lines last."""
        return b"\r\n".join((self.start, *self.fields, *self.framed(), *self.hops, b"\r\n"))

    @property
    def kept(self) -> bytes:
        """The head as it must arrive."""
        return b"\r\n".join((self.start, *self.fields, *self.framed(), b"\r\n"))

    def framed(self) -> tuple[bytes, ...]:
        """The field that says where the body ends."""
        if self.framing == "length":
            return (b"content-LENGTH: %d" % len(self.content),)
        return (b"Transfer-Encoding:chunked",) if self.framing == "chunked" else ()


@dataclass(frozen=True)
class Exchange:
    """One request, its answer, and how both are cut into pieces."""

    method: bytes
    request: Sent
    response: Sent
    interim: tuple[bytes, ...]
    cuts: tuple[int, ...]
    pause: bool

    @property
    def answer(self) -> bytes:
        """The bytes of the answer."""
        body = b"" if self.bodiless else self.response.wire
        return b"".join(self.interim) + self.response.head + body

    @property
    def bodiless(self) -> bool:
        """Whether no body follows the answer's head."""
        return self.method == b"HEAD" or self.response.start.split(b" ")[1] in (b"204", b"304")


tokens = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'", min_size=1, max_size=12)
visible = st.binary(max_size=24).map(
    lambda raw: bytes(c for c in raw if (c >= 32 and c != 127) or c == 9).strip(b" \t")
)
blank = st.sampled_from([b"", b" ", b"  ", b"\t"])
hop_lines = st.sampled_from([
    (),
    (),
    (b"Connection: keep-alive",),
    (b"Keep-Alive: timeout=5, max=100", b"connection: Keep-Alive"),
    (b"Connection: X-Hop, keep-alive", b"X-Hop: 1", b"x-hop: 2"),
    (b"Proxy-Connection: keep-alive",),
    (b"Connection: TE", b"TE: trailers"),
])  # fmt: skip


@st.composite
def field_lines(draw: st.DrawFn) -> tuple[bytes, ...]:
    """End-to-end fields: any name and value, repeated ones too."""
    lines = []
    for _ in range(draw(st.integers(0, 4))):
        name = draw(
            st.sampled_from(["X-Dup", "x-dup", "Set-Cookie", "Vary", "Accept-Encoding"]) | tokens.map("X-".__add__)
        )
        lines.append(name.encode() + b":" + draw(blank) + draw(visible) + draw(blank))
    return tuple(lines)


@st.composite
def chunked(draw: st.DrawFn, content: bytes) -> bytes:
    """The content in chunks of any sizes, with extensions and trailers."""
    out, at = [], 0
    while at < len(content):
        size = draw(st.integers(1, 4_096))
        piece = content[at : at + size]
        out += [draw(st.sampled_from([b"%x", b"%X", b"000%x"])) % len(piece)]
        out += [draw(st.sampled_from([b"", b";a", b';a="b;c"', b";x=y;z"])), b"\r\n", piece, b"\r\n"]
        at += size
    trailers = draw(st.sampled_from([b"", b"", b"X-Trailer: 1\r\n", b"x-a:b\r\nX-A: c\r\n"]))
    return b"".join([*out, draw(st.sampled_from([b"0", b"000", b"0;last"])), b"\r\n", trailers, b"\r\n"])


contents = st.binary(max_size=300) | st.builds(
    lambda seed, size: (seed or b"x") * size, st.binary(max_size=7), st.sampled_from([1, 700, 9_001, 30_000])
)


@st.composite
def message(draw: st.DrawFn, start: bytes, framings: list[Framing]) -> Sent:
    framing = draw(st.sampled_from(framings))
    content = b"" if framing == "none" else draw(contents)
    wire = draw(chunked(content)) if framing == "chunked" else content
    return Sent(start, draw(field_lines()), draw(hop_lines), framing, content, wire)


@st.composite
def exchanges(draw: st.DrawFn) -> list[Exchange]:
    """A pipeline: several requests on one connection. Only the last answer may end with the connection."""
    count = draw(st.integers(1, EXCHANGES_MAX))
    return [draw(one_exchange(number, number == count - 1)) for number in range(count)]


@st.composite
def one_exchange(draw: st.DrawFn, number: int, last: bool) -> Exchange:
    method = draw(st.sampled_from([b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"PATCH", b"OPTIONS", b"X-ODD"]))
    path = draw(st.sampled_from([b"/files", b"/", b"/a%20b?c=d&e", b"/v1/chat/completions", b"/x/..//y"]))
    line = method + b" " + path + b" HTTP/1.1\r\nHost: h.example:80\r\nX-Number: %d" % number
    request = draw(message(line, ["none", "none", "length", "chunked"]))
    status = draw(
        st.sampled_from([b"200 OK", b"200 ", b"404 Not  Found\t", b"500 \xe9", b"204 No", b"304 Not Modified"])
    )
    framings: list[Framing] = ["length", "chunked"]
    if status[:3] == b"204":
        framings = ["none"]
    elif last and method != b"HEAD" and status[:3] != b"304":
        framings.append("eof")
    response = draw(message(b"HTTP/1.1 " + status, framings))
    interim = draw(st.sampled_from([(), (), (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",)]))
    cuts = tuple(draw(st.lists(st.integers(1, 4_000), max_size=5)))
    return Exchange(method, request, response, interim, cuts, draw(st.booleans()))


class Plan:
    """What the upstream answers to request number N, and what it got."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.got: list[Message] = []

    def answer(self, wire: Wire, request: Message) -> None:
        self.got.append(request)
        exchange = self.exchanges[int(request.get(b"x-number") or b"0")]
        wire.send(exchange.answer, exchange.cuts, pause_s=0.001 if exchange.pause else 0.0)
        if exchange.response.framing == "eof":
            wire.close()


@pytest.fixture(scope="module")
def roomy(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traffic]:
    """With room for a whole pipeline in the queue, which is bounded by default below what is sent here."""
    limits = {"limits": {"pipelined_bytes_max": 4_000_000}}
    with traffic(tmp_path_factory.mktemp("roomy"), {"default": upstream.url}, limits) as running:
        yield running


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow,
                                                           HealthCheck.data_too_large]
)  # fmt: skip
@given(pipeline=exchanges(), cuts=st.lists(st.integers(0, 20_000), max_size=8), pause=st.booleans())
def test_both_sides_see_the_same_bytes(
    pipeline: list[Exchange], cuts: list[int], pause: bool, roomy: Traffic, upstream: ScriptedUpstream
) -> None:
    plan = Plan()
    plan.exchanges = pipeline
    upstream.clear(plan.answer)
    data = b"".join(one.request.head + one.request.wire for one in pipeline)
    with connect(roomy.port) as wire:
        sender = threading.Thread(target=wire.send, args=(data, cuts, 0.001 if pause else 0.0))
        sender.start()
        answers = [wire.response(to_head=one.method == b"HEAD") for one in pipeline]
        sender.join()
        assert wire.buffer == b""
        assert wire.ended == (pipeline[-1].response.framing == "eof")
    for one, got in zip(pipeline, plan.got, strict=True):
        assert got.head == one.request.kept
        assert got.wire == one.request.wire
    for one, answer in zip(pipeline, answers, strict=True):
        assert tuple(answer.interim) == one.interim
        assert without_close(answer.head) == one.response.kept
        assert answer.wire == (b"" if one.bodiless else one.response.wire)


def without_close(head: bytes) -> bytes:
    """The head without the `Connection` that Groundwire says where the connection ends with the answer."""
    return head.replace(b"\r\nConnection: close\r\n\r\n", b"\r\n\r\n")


def test_chunk_timing_is_kept(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    """Each event arrives before the next is sent: nothing is gathered."""
    arrived = threading.Event()
    late = []

    def paced(wire: Wire, _request: Message) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(20):
            arrived.clear()
            wire.send(b"8\r\ndata: %02d\r\n" % number)
            if not arrived.wait(10):
                late.append(number)
        wire.send(b"0\r\n\r\n")

    upstream.clear(paced)
    with connect(proxied.port) as wire:
        wire.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n" + b'{"stream":true}')
        wire.take_until(b"\r\n\r\n")
        for number in range(20):
            assert wire.take_until(b"data: %02d\r\n" % number)
            arrived.set()
        assert wire.take_until(b"0\r\n\r\n")
    assert late == []


def test_a_client_that_reads_nothing_holds_a_bounded_buffer(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    """98 MB were seen in another proxy. What the kernel buffers is not ours; the upstream must stand still."""
    sent = []

    def flood(wire: Wire, _request: Message) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
        wire.sock.settimeout(1.0)
        try:
            while True:
                sent.append(wire.sock.send(b"x" * 65_536))
        except OSError:
            return

    before = resident_bytes(proxied)
    upstream.clear(flood)
    with connect(proxied.port) as wire:
        wire.send(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(2.5)
        assert resident_bytes(proxied) - before < 8_000_000
    assert sum(sent) < 40_000_000


def resident_bytes(running: Traffic) -> int:
    return int(Path(f"/proc/{running.process.pid}/statm").read_text().split()[1]) * 4_096


def test_tiny_chunks_take_no_more_memory_than_large_ones(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    """A held body of a third of a million chunks: kept one by one they would take six times their bytes."""
    upstream.clear()
    head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    before = resident_bytes(proxied)
    Path(f"/proc/{proxied.process.pid}/clear_refs").write_text("5")  # the peak is now what is resident
    with connect(proxied.port) as wire:
        wire.send(head + b"2\r\n  \r\n" * 350_000 + b"x\r\n")
        assert wire.response().status == 400  # it has read to the very end
    assert peak_bytes(proxied) - before < 9_000_000


def peak_bytes(running: Traffic) -> int:
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1_024
