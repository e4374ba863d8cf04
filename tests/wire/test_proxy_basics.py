"""HTTP/1.1 and 1.0 through the proxy: what passes passes unchanged, what ends here ends here."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire.bare import BareUpstream, in_front_of
from tests.wire.house import Traffic, traffic
from tests.wire.rawhttp import OK, Message, ScriptedUpstream, Wire, connect, until

GET = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def test_keep_alive_reuses_both_connections(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    wires = set()

    def note(wire: Wire, _request: Message) -> None:
        wires.add(wire)
        wire.send(OK)

    upstream.handler = note
    with connect(proxied.port) as wire:
        for _ in range(20):
            wire.send(GET)
            assert wire.response().content == b"ok"
    assert len(wires) == 1


def test_pipelined_requests_are_answered_in_order(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    def echo(wire: Wire, request: Message) -> None:
        body = request.start.split(b" ")[1]
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    upstream.clear(echo)
    with connect(proxied.port) as wire:
        wire.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(30)))
        assert [wire.response().content for _ in range(30)] == [b"/%d" % i for i in range(30)]


def test_too_many_pipelined_bytes_close_the_connection(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear(lambda wire, request: None)
    with connect(proxied.port) as wire:
        wire.send(GET)
        until(lambda: bool(upstream.requests), "the request")
        wire.send(b"x" * 70_000)
        assert wire.rest() == b""
    upstream.hang_up()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_large_bodies_pass_both_ways_unchanged(framing: str, proxied: Traffic, upstream: ScriptedUpstream) -> None:
    up, down = os.urandom(3_000_000), os.urandom(3_000_000)
    if framing == "length":
        answer, lines, data = b"Content-Length: %d\r\n\r\n" % len(down) + down, b"Content-Length: %d" % len(up), up
    else:
        pieces = [down[i : i + 70_001] for i in range(0, len(down), 70_001)]
        answer = b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(map(chunk, pieces)) + b"0\r\nX-T: 1\r\n\r\n"
        lines = b"Content-Length: %d" % len(up)
        data = up
    upstream.clear(lambda wire, request: wire.send(b"HTTP/1.1 200 OK\r\n" + answer))
    with connect(proxied.port) as wire:
        wire.send(b"POST /upload HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n\r\n" + data)
        response = wire.response()
    assert response.complete
    assert hashlib.sha256(response.content).digest() == hashlib.sha256(down).digest()
    assert response.wire == answer.partition(b"\r\n\r\n")[2]
    assert upstream.requests[0].content == up


def test_chunks_arrive_one_by_one_as_they_were_sent(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    """Each event is sent only after the client has seen the one before it."""
    seen: list[int] = []

    def handler(wire: Wire, _request: Message) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(20):
            wire.send(chunk(b"data: %d\n\n" % i))
            until(lambda i=i: len(seen) > i, "the client's reading")  # type: ignore[misc]
        wire.send(b"0\r\n\r\n")

    upstream.clear(handler)
    with connect(proxied.port) as wire:
        wire.send(GET)
        wire.take_until(b"\r\n\r\n")
        for i in range(20):
            assert wire.take_until(b"\n\n\r\n") == chunk(b"data: %d\n\n" % i)
            seen.append(i)
        assert wire.take(5) == b"0\r\n\r\n"


def test_head_has_no_body_and_the_next_response_is_its_own(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    def handler(wire: Wire, request: Message) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
        wire.send(head if request.start.startswith(b"HEAD") else head + b"ok")

    upstream.clear(handler)
    with connect(proxied.port) as wire:
        for _ in range(3):
            wire.send(GET.replace(b"GET", b"HEAD"))
            assert wire.response(to_head=True).get(b"content-length") == b"2"
            wire.send(GET)
            assert wire.response().content == b"ok"


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_statuses_without_a_body(status: bytes, proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear(lambda wire, request: wire.send(b"HTTP/1.1 " + status + b"\r\nX-A: b\r\n\r\n"))
    with connect(proxied.port) as wire:
        for _ in range(3):
            wire.send(GET)
            assert wire.response().head == b"HTTP/1.1 " + status + b"\r\nX-A: b\r\n\r\n"


def test_trailers_pass_both_ways(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    body = b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Other: \xe9\r\n\r\n"
    head = b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
    upstream.clear(lambda wire, request: wire.send(b"HTTP/1.1 200 OK\r\n" + head + body))
    request = b"PUT /x HTTP/1.1\r\nHost: x\r\n" + head + body
    with connect(proxied.port) as wire:
        wire.send(request)
        assert wire.response().wire == body
    assert upstream.received == request


def test_hop_by_hop_fields_are_dropped_both_ways(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    lines = (
        b"X-First: 1\r\nConnection: keep-alive, X-Hop\r\nX-Hop: a\r\nKeep-Alive: timeout=9\r\nTE: trailers\r\n"
        b"Proxy-Connection: close\r\nx-LAST: 2\r\nx-last: 3\r\n"
    )
    kept = b"X-First: 1\r\nx-LAST: 2\r\nx-last: 3\r\n"
    upstream.clear(lambda wire, request: wire.send(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 2\r\n\r\nok"))
    with connect(proxied.port) as wire:
        wire.send(b"GET /x HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
        assert wire.response().head == b"HTTP/1.1 200 OK\r\n" + kept + b"Content-Length: 2\r\n\r\n"
    assert upstream.received == b"GET /x HTTP/1.1\r\nHost: x\r\n" + kept + b"\r\n"


@pytest.mark.parametrize("line", [b"Connection: close\r\n", b"connection: Close, X-A\r\n"])
def test_connection_close_is_obeyed_and_said(line: bytes, proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with connect(proxied.port) as wire:
        wire.send(GET[:-2] + line + b"\r\n")
        answer = wire.response()
        assert (answer.get(b"connection"), wire.rest()) == (b"close", b"")
    assert upstream.received == GET


def test_an_upstream_that_closes_does_not_close_the_client(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    def handler(wire: Wire, _request: Message) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
        wire.close()

    upstream.clear(handler)
    with connect(proxied.port) as wire:
        for _ in range(3):
            wire.send(GET)
            answer = wire.response()
            assert (answer.content, answer.get(b"connection")) == (b"ok", None)


# --- HTTP/1.0 ---------------------------------------------------------------------------------------------------------


def test_a_client_of_1_0_gets_chunks_undone_and_a_closed_connection(
    proxied: Traffic, upstream: ScriptedUpstream
) -> None:
    parts = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n" + chunk(b"ab"),
        chunk(b"cd") + b"1",
        b"\r\ne\r\n0\r\nX: 1\r\n\r\n",
    )

    def handler(wire: Wire, _request: Message) -> None:
        for part in parts:
            wire.send(part)
            time.sleep(0.01)

    upstream.clear(handler)
    with connect(proxied.port) as wire:
        wire.send(b"GET /x HTTP/1.0\r\n\r\n")
        answer = wire.response()
    assert answer.content == b"abcde"
    assert answer.get(b"transfer-encoding") is None
    assert answer.get(b"connection") == b"close"
    assert upstream.received == b"GET /x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % upstream.port


def test_keep_alive_of_1_0(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with connect(proxied.port) as wire:
        for _ in range(2):
            wire.send(b"GET /x HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n")
            assert wire.response().get(b"connection") == b"keep-alive"
        wire.send(b"GET /x HTTP/1.0\r\nHost: x\r\n\r\n")
        assert wire.response().content == b"ok"
        assert wire.rest() == b""


def test_an_upstream_of_1_0(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    def until_eof(wire: Wire, _request: Message) -> None:
        wire.send(b"HTTP/1.0 200 OK\r\nX-A: b\r\n\r\nall of it")
        wire.close()

    upstream.clear(until_eof)
    with connect(proxied.port) as wire:
        wire.send(GET)
        answer = wire.response()
    assert answer.head == b"HTTP/1.1 200 OK\r\nX-A: b\r\nConnection: close\r\n\r\n"
    assert answer.content == b"all of it"
    upstream.clear(lambda wire, request: wire.send(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    with connect(proxied.port) as wire:
        for _ in range(2):
            wire.send(GET)
            assert wire.response().head == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


# --- targets and methods ----------------------------------------------------------------------------------------------


def test_absolute_form_becomes_origin_form_with_its_host(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with connect(proxied.port) as wire:
        wire.send(b"GET http://right.example:8/a?b=http://c HTTP/1.1\r\nX-A: b\r\nHost: wrong\r\n\r\n")
        assert wire.response().status == 200
        wire.send(b"GET HTTP://right.example HTTP/1.1\r\nHost: right.example\r\n\r\n")
        assert wire.response().status == 200
    first = b"GET /a?b=http://c HTTP/1.1\r\nX-A: b\r\nHost: right.example:8\r\n\r\n"
    assert upstream.received == first + b"GET / HTTP/1.1\r\nHost: right.example\r\n\r\n"


def test_asterisk_form_is_for_options(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with connect(proxied.port) as wire:
        wire.send(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.response().status == 200
        wire.send(b"GET * HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.response().status == 400
    assert upstream.received == b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", 501),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
)
def test_what_is_not_served_is_said(data: bytes, status: int, proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with connect(proxied.port) as wire:
        wire.send(data)
        answer = wire.response()
        assert answer.status == status
        assert b"Groundwire: " in answer.content
        assert wire.rest() == b""
    assert upstream.received == b""


@pytest.mark.parametrize("method", [b"DELETE", b"PATCH", b"OPTIONS", b"BREW", b"get"])
def test_any_method_passes(method: bytes, proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with connect(proxied.port) as wire:
        wire.send(GET.replace(b"GET", method))
        assert wire.response().content == b"ok"
    assert upstream.received == GET.replace(b"GET", method)


# --- Expect -----------------------------------------------------------------------------------------------------------


def test_expect_is_passed_on_where_the_body_is_not_held(tmp_path: Path) -> None:
    head = b"PUT /file HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    goes_on = b"HTTP/1.1 100 Continue\r\n\r\n"

    with BareUpstream() as bare, in_front_of(bare.url, tmp_path) as front, connect(front.port) as wire:
        wire.send(head)
        behind = bare.accept()
        assert behind.take_until(b"\r\n\r\n") == head
        behind.send(goes_on)
        assert wire.take_until(b"\r\n\r\n") == goes_on
        wire.send(b"hello")
        assert behind.take(5) == b"hello"
        behind.send(OK)
        assert wire.response().content == b"ok"


def test_expect_is_answered_where_the_body_is_held(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    body = b'{"model":"m"}'
    head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % len(body)
    with connect(proxied.port) as wire:
        wire.send(head + b"Expect: 100-continue\r\n\r\n")
        assert wire.take_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert upstream.received == b""
        wire.send(body)
        assert wire.response().content == b"ok"
    assert upstream.received == head + b"\r\n" + body


def test_an_answer_before_the_body_closes_the_connection(tmp_path: Path) -> None:
    """The rest of the body may or may not come: what follows on this connection could be either."""
    with BareUpstream() as bare, in_front_of(bare.url, tmp_path) as front, connect(front.port) as wire:
        wire.send(b"PUT /file HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nhello")
        behind = bare.accept()
        behind.take_until(b"hello")
        behind.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        answer = wire.response()
        assert (answer.status, answer.content, answer.get(b"connection")) == (413, b"no", b"close")
        assert wire.rest() == b""


# --- leaving ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["fin", "reset", "half"])
@pytest.mark.parametrize("when", ["before the head", "in the body"])
def test_a_client_that_leaves_frees_the_upstream(
    how: str, when: str, proxied: Traffic, upstream: ScriptedUpstream
) -> None:
    gone: list[bytes] = []

    def handler(wire: Wire, _request: Message) -> None:
        if when == "in the body":
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
        try:
            gone.append(wire.sock.recv(10))
        except ConnectionResetError:
            gone.append(b"")

    upstream.clear(handler)
    wire = connect(proxied.port)
    wire.send(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
    if when == "in the body":
        wire.take_until(b"hello")
    else:
        until(lambda: bool(upstream.requests), "the request")
    if how == "fin":
        wire.close()
    elif how == "reset":
        wire.reset()
    else:
        wire.finish()
        assert wire.rest() == b""
    until(lambda: gone == [b""], "the end of the upstream's connection")


def test_a_client_that_reads_nothing_holds_little(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    """Back-pressure: the upstream can write only what sockets and one bounded buffer hold."""
    written = [0]

    def handler(wire: Wire, _request: Message) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 400000000\r\n\r\n")
        wire.sock.settimeout(1.0)
        try:
            while True:
                written[0] += wire.sock.send(b"x" * 65_536)
        except TimeoutError:
            return

    upstream.clear(handler)
    before = resident_bytes(proxied.process.pid)
    with connect(proxied.port) as wire:
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        wire.send(GET)
        wire.take_until(b"\r\n\r\n")
        until(lambda: written[0] > 0, "the first bytes")
        time.sleep(1.5)
        grown = resident_bytes(proxied.process.pid) - before
    assert written[0] < 40_000_000
    assert grown < 8_000_000


def test_an_upstream_that_reads_nothing_stops_the_client(tmp_path: Path) -> None:
    soon = {"drain": {"grace_s": 0.5}}  # an exchange with a deaf upstream never ends
    with BareUpstream() as deaf, in_front_of(deaf.url, tmp_path, soon) as front, connect(front.port) as wire:
        before = resident_bytes(front.process.pid)
        wire.send(b"PUT /file HTTP/1.1\r\nHost: x\r\nContent-Length: 400000000\r\n\r\n")
        deaf.accept()
        wire.sock.settimeout(1.0)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 400_000_000:
                sent += wire.sock.send(b"x" * 65_536)
        assert sent < 40_000_000
        assert resident_bytes(front.process.pid) - before < 8_000_000


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.fixture(scope="module")
def half_closing(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traffic]:
    settings = {"client_half_close": "allow"}
    with traffic(tmp_path_factory.mktemp("half"), {"default": upstream.url}, settings) as running:
        yield running


def test_half_close_can_be_allowed(half_closing: Traffic, upstream: ScriptedUpstream) -> None:
    def slow(wire: Wire, _request: Message) -> None:
        time.sleep(0.1)
        wire.send(OK)

    upstream.clear(slow)
    with connect(half_closing.port) as wire:
        wire.send(GET + GET)
        wire.finish()
        assert [wire.response().content for _ in range(2)] == [b"ok", b"ok"]
        assert wire.rest() == b""
