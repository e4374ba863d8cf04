"""Every message of the corpus as a response, and an upstream that breaks off, says too much, or speaks unasked."""

from __future__ import annotations

import time

import pytest

from tests.wire.corpus import CHUNKS, FIELDS, RESPONSES, Anomaly, Case, as_response
from tests.wire.house import Traffic
from tests.wire.rawhttp import OK, Handler, Incomplete, Message, ScriptedUpstream, Wire, connect, until

POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
ASK = b"GET /v1/x HTTP/1.1\r\nHost: x\r\n\r\n"
NEVER_A_HEAD = "no-http-and-no-end"

BEFORE_THE_BODY = [*(Case(a.name, as_response(a)) for a in FIELDS), *RESPONSES]


def name(case: Case | Anomaly) -> str:
    return case.name


def sends(*parts: bytes, then: str = "stay", pause_s: float = 0.0) -> Handler:
    """A handler that sends these bytes to any request but /good, and then stays, closes or resets."""

    def handler(wire: Wire, request: Message) -> None:
        if request.start.startswith(b"GET /good"):
            wire.send(OK)
            return
        for part in parts:
            wire.send(part)
            time.sleep(pause_s)
        if then == "close":
            wire.close()
        elif then == "reset":
            wire.reset()

    return handler


def ask(proxied: Traffic, data: bytes = ASK) -> Message | None:
    """The answer, or None where the connection was cut before there was one."""
    with connect(proxied.port) as wire:
        wire.send(data)
        try:
            return wire.response(to_head=data.startswith(b"HEAD"))
        except Incomplete:
            return None


def still_good(proxied: Traffic) -> None:
    """Other requests get their own answer."""
    for _ in range(3):
        answer = ask(proxied, b"GET /good HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer is not None
        assert (answer.status, answer.content) == (200, b"ok")


@pytest.mark.parametrize("case", BEFORE_THE_BODY, ids=name)
def test_a_head_in_doubt_is_a_502(case: Case, proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear(sends(case.data + POISON, then="close" if case.name == NEVER_A_HEAD else "stay"))
    answer = ask(proxied)
    assert answer is not None
    assert answer.status == 502
    assert b'"Groundwire: ' in answer.content
    still_good(proxied)


@pytest.mark.parametrize("anomaly", CHUNKS, ids=name)
def test_chunks_in_doubt_are_a_502_or_a_cut(anomaly: Anomaly, proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear(sends(as_response(anomaly) + POISON))
    answer = ask(proxied)
    assert answer is None or answer.status == 502 or not answer.complete
    still_good(proxied)


@pytest.mark.parametrize("anomaly", CHUNKS, ids=name)
def test_chunks_in_doubt_after_a_good_beginning_are_a_cut(
    anomaly: Anomaly, proxied: Traffic, upstream: ScriptedUpstream
) -> None:
    beginning = as_response(Anomaly("", anomaly.lines)) + b"3\r\nabc\r\n"
    upstream.clear(sends(beginning, anomaly.body + POISON, pause_s=0.03))
    answer = ask(proxied)
    assert answer is not None
    assert answer.status == 200
    assert answer.wire.startswith(b"3\r\nabc\r\n")
    assert not answer.complete
    still_good(proxied)


LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize(
    "beginning",
    [LENGTH, LENGTH + b"hello", CHUNKED, CHUNKED + b"5\r\nhel", CHUNKED + b"5\r\nhello\r\n", CHUNKED + b"0\r\n"],
)
def test_a_body_that_breaks_off_is_never_ended_cleanly(
    beginning: bytes, then: str, proxied: Traffic, upstream: ScriptedUpstream
) -> None:
    upstream.clear(sends(beginning, then=then, pause_s=0.03))
    answer = ask(proxied)
    assert answer is not None
    assert answer.status == 200
    assert not answer.complete
    still_good(proxied)


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_no_head_is_a_502(beginning: bytes, then: str, proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear(sends(beginning, then=then, pause_s=0.01))
    answer = ask(proxied)
    assert answer is not None
    assert answer.status == 502
    still_good(proxied)


def test_a_body_until_eof_ends_with_the_connection(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear(sends(b"HTTP/1.1 200 OK\r\n\r\n", b"all ", b"of it", then="close", pause_s=0.01))
    with connect(proxied.port) as wire:
        wire.send(ASK)
        answer = wire.response()
        assert answer.content == b"all of it"
        assert wire.ended
    still_good(proxied)


def test_a_body_until_eof_that_is_reset_is_reset_or_cut_too(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    """A clean FIN would say that all of it came; so the client must see a reset."""
    upstream.clear(sends(b"HTTP/1.1 200 OK\r\n\r\n", b"some", then="reset", pause_s=0.05))
    with connect(proxied.port) as wire:
        wire.send(ASK)
        wire.take_until(b"some")
        with pytest.raises(ConnectionResetError):
            while wire.sock.recv(65_536):
                pass
    still_good(proxied)


@pytest.mark.parametrize(
    ("method", "head"),
    [
        (b"GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        (b"GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("surplus", [b"x", b"\r\n", POISON])
@pytest.mark.parametrize("apart", [False, True])
def test_more_than_the_response_reaches_nobody(
    method: bytes, head: bytes, surplus: bytes, apart: bool, proxied: Traffic, upstream: ScriptedUpstream
) -> None:
    parts = (head, surplus) if apart else (head + surplus,)
    upstream.hang_up()
    upstream.clear(sends(*parts, pause_s=0.02))
    with connect(proxied.port) as wire:
        for _ in range(2):
            wire.send(ASK.replace(b"GET", method))
            answer = wire.response(to_head=method == b"HEAD")
            assert answer.complete
            assert answer.wire + wire.buffer in (b"", head.partition(b"\r\n\r\n")[2])
            until(lambda: upstream.connections == 0, "the end of the upstream's connection")
        assert wire.buffer == b""
    still_good(proxied)


def test_a_response_that_nobody_asked_for_poisons_nothing(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    """The upstream answers, and a moment later again, on the connection that now waits in the pool."""

    def twice(wire: Wire, request: Message) -> None:
        wire.send(OK)
        time.sleep(0.02)
        wire.send(POISON)

    for _ in range(5):
        upstream.clear(twice)
        assert ask(proxied) is not None
        time.sleep(0.1)
        upstream.handler = sends()
        still_good(proxied)


def test_interim_answers_pass_in_order(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
    upstream.clear(sends(hints + hints, OK, pause_s=0.01))
    answer = ask(proxied)
    assert answer is not None
    assert answer.interim == [hints, hints]
    assert answer.content == b"ok"


def test_interim_answers_are_not_for_http_1_0(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear(sends(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK))
    answer = ask(proxied, b"GET /v1/x HTTP/1.0\r\n\r\n")
    assert answer is not None
    assert (answer.interim, answer.content) == ([], b"ok")


def test_a_stale_connection_is_tried_once_again(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    """The pooled connection dies under a request that never got an answer: the client does not notice."""
    upstream.clear()
    still_good(proxied)
    seen: list[Message] = []

    def dies_first(wire: Wire, request: Message) -> None:
        seen.append(request)
        if len(seen) == 1:
            wire.close()
        else:
            wire.send(OK)

    upstream.clear(dies_first)
    answer = ask(proxied)
    assert answer is not None
    assert answer.status == 200
    assert len(seen) == 2


def test_a_request_with_effects_is_not_sent_twice_on_fresh_connections(
    proxied: Traffic, upstream: ScriptedUpstream
) -> None:
    upstream.clear(sends(then="close"))
    time.sleep(0.05)
    answer = ask(proxied, b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab")
    assert answer is not None
    assert answer.status == 502
    assert len(upstream.requests) <= 2  # once on a pooled connection that had died, once on a fresh one


def test_a_client_that_leaves_closes_the_upstream(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    left = []

    def endless(wire: Wire, request: Message) -> None:
        wire.send(CHUNKED)
        try:
            while True:
                wire.send(b"5\r\nhello\r\n")
                time.sleep(0.005)
        except OSError:
            left.append(time.monotonic())

    upstream.clear(endless)
    with connect(proxied.port) as wire:
        wire.send(ASK)
        wire.take_until(b"hello")
    until(lambda: bool(left), "the end of the upstream's connection")
