"""Upgrades: after 101 bytes go both ways as they come, with back-pressure and half-closing."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support import samples
from tests.wire.house import Traffic
from tests.wire.rawhttp import OK, Message, ScriptedUpstream, Wire, connect, until
from tests.wire.test_proxy_basics import resident_bytes

ASKED = b"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: k\r\n\r\n"
UPGRADE = b"GET /ws HTTP/1.1\r\nHost: x\r\n" + ASKED
OUT = b"GET /ws HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Key: k\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\nX-A: b\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nX-A: b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def echoes(wire: Wire, _request: Message) -> None:
    """Switches, sends back all that comes, and says goodbye after the FIN."""
    wire.send(SWITCH + b"hello")
    data, wire.buffer = wire.buffer or wire.sock.recv(65_536), b""
    while data:
        wire.sock.sendall(data)
        data = wire.sock.recv(65_536)
    wire.send(b"goodbye")
    wire.close()


def test_bytes_go_both_ways(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear(echoes)
    with connect(proxied.port) as wire:
        wire.send(UPGRADE + b"early")
        assert wire.take(len(SWITCHED)) == SWITCHED
        assert wire.take(5) == b"hello"
        assert wire.take(5) == b"early"
        blob = os.urandom(2_000_000)
        threading.Thread(target=wire.sock.sendall, args=(blob,)).start()
        assert wire.take(len(blob)) == blob
        wire.send(b"GET /not-http HTTP/1.1\n\n")
        assert wire.take(24) == b"GET /not-http HTTP/1.1\n\n"
    assert upstream.requests[0].head == OUT


def test_half_closing_lives_on_in_a_tunnel(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear(echoes)
    with connect(proxied.port) as wire:
        wire.send(UPGRADE)
        wire.take(len(SWITCHED) + 5)
        wire.send(b"last words")
        wire.finish()
        assert wire.rest() == b"last wordsgoodbye"


def test_the_upstream_may_half_close_too(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    received = []

    def listens(wire: Wire, _request: Message) -> None:
        wire.send(SWITCH)
        wire.finish()
        received.append(wire.rest())

    upstream.clear(listens)
    with connect(proxied.port) as wire:
        wire.send(UPGRADE)
        wire.take(len(SWITCHED))
        assert wire.rest() == b""
        wire.send(b"still there")
        wire.finish()
        until(lambda: received == [b"still there"], "the client's words")
        until(lambda: open_exchanges(proxied) == 0, "the end of the tunnel: both have said all")


def open_exchanges(running: Traffic) -> float:
    with urlopen(f"{running.health}/metrics", timeout=10) as answer:
        [found] = samples(answer.read().decode(), "groundwire_exchanges_in_flight ")
    return found


@pytest.mark.parametrize("who", ["client", "upstream"])
def test_a_reset_ends_both_sides(who: str, proxied: Traffic, upstream: ScriptedUpstream) -> None:
    ended = []

    def waits(wire: Wire, _request: Message) -> None:
        wire.send(SWITCH)
        if who == "upstream":
            wire.sock.recv(1)
            wire.reset()
        else:
            ended.append(wire.rest())

    upstream.clear(waits)
    wire = connect(proxied.port)
    wire.send(UPGRADE)
    wire.take(len(SWITCHED))
    if who == "client":
        wire.reset()
        until(lambda: ended == [b""], "the end")
    else:
        wire.send(b"x")
        assert wire.rest() == b""
        wire.close()


def test_a_refused_upgrade_is_an_ordinary_answer(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with connect(proxied.port) as wire:
        wire.send(UPGRADE)
        assert wire.response().head + b"ok" == OK
        wire.send(UPGRADE)
        assert wire.response().content == b"ok"


def test_bytes_sent_before_a_refused_upgrade_are_never_a_request(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    """They were meant for the other protocol; a disagreement about that is a way to smuggle."""
    upstream.clear()
    with connect(proxied.port) as wire:
        wire.send(UPGRADE + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.response().content == b"ok"
        assert wire.rest() == b""
    assert b"smuggled" not in upstream.received


def test_a_switch_that_nobody_asked_for_is_502(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear(lambda wire, request: wire.send(SWITCH))
    with connect(proxied.port) as wire:
        wire.send(b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.response().status == 502


def test_h2c_is_not_passed_on(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with connect(proxied.port) as wire:
        lines = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"
        wire.send(b"GET /x HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
        assert wire.response().content == b"ok"
    assert upstream.received == b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("deaf", ["client", "upstream"])
def test_a_side_that_reads_nothing_stops_the_other(
    deaf: str, proxied: Traffic, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    sent = [0]
    stop = threading.Event()

    def pours(sock: socket.socket) -> None:
        sock.settimeout(1.0)
        try:
            while True:
                sent[0] += sock.send(b"x" * 65_536)
        except (TimeoutError, OSError):
            stop.set()

    def handler(wire: Wire, _request: Message) -> None:
        wire.send(SWITCH)
        if deaf == "client":
            pours(wire.sock)
        stop.wait(20)

    upstream.clear(handler)
    before = resident_bytes(proxied.process.pid)
    with connect(proxied.port) as wire:
        wire.send(UPGRADE)
        wire.take(len(SWITCHED))
        if deaf == "upstream":
            pours(wire.sock)
        assert stop.wait(20)
        assert resident_bytes(proxied.process.pid) - before < 8_000_000
    assert 0 < sent[0] < 60_000_000
