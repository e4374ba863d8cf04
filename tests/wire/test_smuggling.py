"""Every message of the corpus as a request: refused, the connection closed, and nothing of it seen upstream."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from tests.wire.corpus import CHUNKS, FIELDS, MARK, REQUESTS, Anomaly, Case, as_request
from tests.wire.house import Traffic
from tests.wire.rawhttp import OK, ScriptedUpstream, Wire, connect, until

BEFORE_THE_BODY = [*(Case(a.name, as_request(a)) for a in FIELDS), *REQUESTS]
PIPELINED_BYTES_MAX = 65_536  # the default of `limits.pipelined_bytes_max`
FIRST = b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n"


def name(case: Case | Anomaly) -> str:
    return case.name


def answers(wire: Wire, data: bytes, cuts: int = 0) -> list[int]:
    """Send it, read until the connection is closed: the statuses of all answers."""
    rng = random.Random(data)
    with suppress(ConnectionResetError, BrokenPipeError):
        wire.send(data, [rng.randrange(len(data)) for _ in range(cuts)], pause_s=0.002)
    statuses = []
    while wire.buffer or wire.more():
        response = wire.response()
        assert response.complete
        statuses.append(response.status)
    return statuses


def seen_upstream(proxied: Traffic, upstream: ScriptedUpstream) -> bytes:
    """What the upstream got, once a later request has reached it."""
    sentinel = b"GET /sentinel HTTP/1.1\r\nHost: x\r\n\r\n"
    with connect(proxied.port) as wire:
        wire.send(sentinel)
        assert wire.response().status == 200
    until(lambda: sentinel in upstream.received, "the sentinel")
    return upstream.received.replace(sentinel, b"")


def test_the_corpus_is_large() -> None:
    names = [case.name for case in BEFORE_THE_BODY]
    assert len(set(names)) == len(names)
    assert len(names) + len(CHUNKS) >= 60


@pytest.mark.parametrize("cuts", [0, 3])
@pytest.mark.parametrize("case", BEFORE_THE_BODY, ids=name)
def test_alone(case: Case, cuts: int, proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with connect(proxied.port) as wire:
        (status,) = answers(wire, case.data + MARK, cuts)
    assert status in case.statuses
    assert seen_upstream(proxied, upstream) == b""


@pytest.mark.parametrize("case", BEFORE_THE_BODY, ids=name)
def test_pipelined_behind_a_good_request(case: Case, proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with connect(proxied.port) as wire:
        statuses = answers(wire, FIRST + case.data + MARK)
    if len(case.data) > PIPELINED_BYTES_MAX:  # the queue's bound may end the connection before there is an answer
        assert statuses in [[], [200], *([200, status] for status in case.statuses)]
        assert seen_upstream(proxied, upstream) in (b"", FIRST)
        return
    first, second = statuses
    assert first == 200
    assert second in case.statuses
    assert seen_upstream(proxied, upstream) == FIRST


@pytest.mark.parametrize("cuts", [0, 3])
@pytest.mark.parametrize("anomaly", CHUNKS, ids=name)
def test_chunks_of_a_held_body(anomaly: Anomaly, cuts: int, proxied: Traffic, upstream: ScriptedUpstream) -> None:
    """A path that carries a model: the body is held until it is whole, so that nothing of it is sent."""
    upstream.clear()
    with connect(proxied.port) as wire:
        assert answers(wire, as_request(anomaly, b"/v1/completions") + MARK, cuts) == [400]
    assert seen_upstream(proxied, upstream) == b""


@pytest.mark.parametrize("cuts", [0, 3])
@pytest.mark.parametrize("anomaly", CHUNKS, ids=name)
def test_chunks_of_a_passing_body(anomaly: Anomaly, cuts: int, proxied: Traffic, upstream: ScriptedUpstream) -> None:
    """Any other path: the body passes as it comes, so the upstream may see its good beginning, and then the end."""
    upstream.clear()
    with connect(proxied.port) as wire:
        assert answers(wire, as_request(anomaly, b"/v1/files") + MARK, cuts) == [400]
    seen = seen_upstream(proxied, upstream)
    assert MARK not in seen
    assert upstream.requests == [r for r in upstream.requests if r.start.startswith(b"GET /sentinel")]


GOOD = [
    Case("no-body", b"POST /v1/echo HTTP/1.1\r\nHost: x\r\n\r\n"),
    Case("length-zero", b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
    Case("length-leading-zeros", b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0005\r\n\r\nhello"),
    Case("length-in-blanks", b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: \t5 \t\r\n\r\nhello"),
    Case("get-with-body", b"GET /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"),
    Case("chunked", as_request(Anomaly("", b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"))),
    Case("chunked-case", as_request(Anomaly("", b"tRANSFER-eNCODING: CHUNKED\r\n", b"A\r\nhellohello\r\n0\r\n\r\n"))),
    Case("chunk-zeros", as_request(Anomaly("", b"Transfer-Encoding: chunked\r\n", b"0005\r\nhello\r\n000\r\n\r\n"))),
    Case("extension", as_request(Anomaly("", b"Transfer-Encoding: chunked\r\n", b'5;a="b c"\r\nhello\r\n0;x\r\n\r\n'))),
    Case("trailer", as_request(Anomaly("", b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\nX-A: b\r\n\r\n"))),
    Case("odd-method", b"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n"),
    Case("empty-value", b"GET / HTTP/1.1\r\nHost: x\r\nX-A:\r\nX-B: \r\n\r\n"),
    Case("latin-1-value", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: caf\xe9\r\n\r\n"),
    Case("tab-in-value", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\tb\r\n\r\n"),
    Case("ipv6-host", b"GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n"),
    Case("empty-host", b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    Case("names-like-framing", b"GET / HTTP/1.1\r\nHost: x\r\nContent_Length: 9\r\nX-Transfer-Encoding: a\r\n\r\n"),
]


@pytest.mark.parametrize("case", GOOD, ids=name)
def test_what_is_only_unusual_passes_untouched(case: Case, proxied: Traffic, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with connect(proxied.port) as wire:
        wire.send(case.data)
        assert wire.response().content == b"ok"
        wire.send(FIRST)  # the connection is in step
        assert wire.response().content == b"ok"
    assert upstream.received == case.data + FIRST


def test_an_empty_line_before_a_request_is_ignored(proxied: Traffic, upstream: ScriptedUpstream) -> None:
    """RFC 9112 2.2: old clients send one after a body."""
    upstream.clear()
    with connect(proxied.port) as wire:
        wire.send(b"\r\n" + FIRST + b"\r\n" + FIRST)
        assert wire.response().head + wire.response().head == 2 * OK[:-2]
    assert upstream.received == 2 * FIRST
