"""Every bound and every timeout of the data plane, each reached once."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.wire.bare import BareUpstream, in_front_of
from tests.wire.house import Traffic
from tests.wire.rawhttp import OK, Message, ScriptedUpstream, Wire, connect, until

GET = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def code(answer: Message) -> str:
    return str(json.loads(answer.content)["error"]["code"])


@pytest.fixture
def limited(request: pytest.FixtureRequest, upstream: ScriptedUpstream, tmp_path: Path) -> Iterator[Traffic]:
    """A traffic process with the settings of the test."""
    settings: Mapping[str, Any] = request.param
    upstream.clear()
    with in_front_of(upstream.url, tmp_path, settings) as running:
        yield running


def settings(**values: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("limited", [values], indirect=True, ids=[next(iter(values))])


def silent(_wire: Wire, _request: Message) -> None:
    """Never answers."""


def stalls(wire: Wire, _request: Message) -> None:
    """Answers a little."""
    wire.send(CHUNKED + b"2\r\nok\r\n")


# --- limits -----------------------------------------------------------------------------------------------------------


@settings(limits={"head_bytes_max": 1_000, "header_count_max": 10})
def test_heads(limited: Traffic, upstream: ScriptedUpstream) -> None:
    for lines in (b"X: " + b"a" * 1_000 + b"\r\n", b"X: a\r\n" * 10):
        with connect(limited.port) as wire:
            wire.send(GET[:-2] + lines + b"\r\n")
            assert wire.response().status == 431
            assert wire.rest() == b""
    with connect(limited.port) as wire:
        wire.send(GET[:-2] + b"X: a\r\n" * 9 + b"\r\n")
        assert wire.response().status == 200
    for lines in (b"X: " + b"a" * 1_000 + b"\r\n", b"X: a\r\n" * 11):
        upstream.clear(lambda wire, request, lines=lines: wire.send(OK[:-4] + lines + b"\r\nok"))  # type: ignore[misc]
        with connect(limited.port) as wire:
            wire.send(GET)
            assert wire.response().status == 502


@settings(limits={"connections_max": 2})
def test_connections(limited: Traffic, upstream: ScriptedUpstream) -> None:
    with connect(limited.port) as first, connect(limited.port) as second:
        for wire in (first, second):
            wire.send(GET)
            assert wire.response().status == 200
        with connect(limited.port) as third:
            assert third.response().status == 503
            assert third.rest() == b""
    until(lambda: b"connections_open 0" in urlopen(f"{limited.health}/metrics").read(), "their end")
    with connect(limited.port) as wire:
        wire.send(GET)
        assert wire.response().status == 200


@settings(limits={"upstream_connections_max": 2, "pool_idle_max": 1})
def test_upstream_connections(limited: Traffic, upstream: ScriptedUpstream) -> None:
    release: list[bool] = []

    def waits(wire: Wire, _request: Message) -> None:
        until(lambda: bool(release), "the release")
        wire.send(OK)

    upstream.clear(waits)
    with ExitStack() as stack:
        wires = [stack.enter_context(connect(limited.port)) for _ in range(3)]
        for wire in wires:
            wire.send(GET)
            time.sleep(0.05)
        answer = wires[2].response()
        assert (answer.status, code(answer)) == (503, "groundwire_upstream_full")
        release.append(True)
        assert [wire.response().status for wire in wires[:2]] == [200, 200]
    page = urlopen(f"{limited.health}/metrics").read()
    assert b'connections_idle{upstream="default"} 1' in page


@settings(limits={"bodies_held_bytes_max": 1_000, "body_held_bytes_max": 800})
def test_held_bodies_over_the_bound_pass_while_nothing_is_held_back(
    limited: Traffic, upstream: ScriptedUpstream
) -> None:
    head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 700\r\n\r\n"
    body = b'{"model":"m","x":"' + b"a" * 680 + b'"}'
    with connect(limited.port) as first, connect(limited.port) as second:
        first.send(head + body[:-1])
        time.sleep(0.05)
        second.send(head + body)
        assert second.response().status == 200
        first.send(body[-1:])
        assert first.response().status == 200
    assert [request.content for request in upstream.requests] == [body, body]
    assert b"bodies_held_bytes 0" in urlopen(f"{limited.health}/metrics").read()


# --- timeouts ---------------------------------------------------------------------------------------------------------


@settings(timeouts={"client_idle_s": 0.2})
def test_an_idle_client_is_closed(limited: Traffic) -> None:
    with connect(limited.port) as wire:
        assert wire.rest() == b""
    with connect(limited.port) as wire:
        wire.send(GET)
        assert wire.response().status == 200
        assert wire.rest() == b""


@settings(timeouts={"client_head_s": 0.2})
def test_a_slow_head_is_408(limited: Traffic) -> None:
    with connect(limited.port) as wire:
        wire.send(GET[:-2])
        assert wire.response().status == 408
        assert wire.rest() == b""


@settings(timeouts={"client_body_s": 0.2})
@pytest.mark.parametrize("path", [b"/v1/completions", b"/file"])
def test_a_slow_body_is_408(path: bytes, limited: Traffic) -> None:
    with connect(limited.port) as wire:
        wire.send(b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        assert wire.response().status == 408
        assert wire.rest() == b""


@settings(timeouts={"upstream_head_s": 0.2})
def test_no_answer_is_504(limited: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear(silent)
    with connect(limited.port) as wire:
        wire.send(GET)
        answer = wire.response()
        assert (answer.status, code(answer)) == (504, "groundwire_upstream_timeout")
        upstream.handler = lambda wire, request: wire.send(OK)
        wire.send(GET)
        assert wire.response().status == 200


@settings(timeouts={"upstream_idle_s": 0.2})
def test_a_stream_that_stands_still_is_cut(limited: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear(stalls)
    with connect(limited.port) as wire:
        wire.send(GET)
        answer = wire.response()
        assert (answer.status, answer.content, answer.complete) == (200, b"ok", False)


@settings(timeouts={"total_s": 0.3})
def test_the_whole_exchange_has_a_bound(limited: Traffic, upstream: ScriptedUpstream) -> None:
    def drips(wire: Wire, _request: Message) -> None:
        wire.send(CHUNKED)
        while True:
            wire.send(b"1\r\na\r\n")
            time.sleep(0.02)

    upstream.clear(drips)
    with connect(limited.port) as wire:
        wire.send(GET)
        assert not wire.response().complete


@settings(timeouts={"pool_idle_s": 0.2})
def test_idle_upstream_connections_are_closed(limited: Traffic, upstream: ScriptedUpstream) -> None:
    closed = []

    def note(wire: Wire, _request: Message) -> None:
        wire.send(OK)
        closed.append(wire.sock.recv(1))

    upstream.clear(note)
    with connect(limited.port) as wire:
        wire.send(GET)
        assert wire.response().status == 200
        until(lambda: closed == [b""], "the end of the idle connection")


def test_connecting_has_a_bound(tmp_path: Path) -> None:
    """A listener whose queue is full answers no SYN, as a dead host does."""
    with socket.socket() as listener, ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        front = stack.enter_context(in_front_of(f"http://127.0.0.1:{port}", tmp_path, {"timeouts": {"connect_s": 0.3}}))
        wire = stack.enter_context(connect(front.port))
        wire.send(GET)
        answer = wire.response()
        assert (answer.status, code(answer)) == (504, "groundwire_connect_timeout")


def test_refused_is_502_in_the_shape_of_openai(tmp_path: Path) -> None:
    with BareUpstream() as gone:
        url = gone.url
    with in_front_of(url, tmp_path) as front, connect(front.port) as wire:
        for _ in range(2):
            wire.send(GET)
            answer = wire.response()
            error = json.loads(answer.content)["error"]
            assert (answer.status, sorted(error)) == (502, ["code", "message", "param", "type"])
            assert error["message"].startswith("Groundwire: upstream 'default' could not be reached")


def test_a_client_that_never_reads_the_end_does_not_stay(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """A stream to a stuck client ends with the stream's own timeout."""
    upstream.clear(
        lambda wire, request: wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 50_000_000)
    )
    settings = {"timeouts": {"upstream_idle_s": 0.5}}
    with in_front_of(upstream.url, tmp_path, settings) as front, connect(front.port) as wire:
        wire.send(GET)
        wire.take_until(b"\r\n\r\n")
        until(lambda: b"responses_cut_total 1" in urlopen(f"{front.health}/metrics").read(), "the cut")


@settings(limits={"bodies_held_bytes_max": 2_000})
def test_a_body_is_held_no_longer_than_until_its_response_begins(limited: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear(stalls)
    body = b'{"model":"m","x":"' + b"a" * 680 + b'"}'
    head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 700\r\n\r\n"
    with connect(limited.port) as wire:
        wire.send(head + body)
        wire.take_until(b"ok\r\n")
        page = urlopen(f"{limited.health}/metrics").read()
    assert b"\ngroundwire_bodies_held_bytes 0\n" in page
    assert b"\ngroundwire_exchanges_in_flight 1\n" in page
