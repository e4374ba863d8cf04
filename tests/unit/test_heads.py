"""Heads are read or refused, and go out without what belongs to one connection only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.errors import FramingError
from proxy.core.exchange import Framing
from proxy.core.http.forwarding import request_head, response_head
from proxy.core.http.heads import (
    ExpectationFailed,
    HeadTooLarge,
    VersionUnsupported,
    check_beginning,
    parse_request,
    parse_response,
)
from proxy.core.http.trace_context import Sent


def request(*lines: bytes, start: bytes = b"POST /v1/x HTTP/1.1", host: bool = True) -> bytes:
    return b"\r\n".join((start, *((b"Host: h",) if host else ()), *lines, b"\r\n"))


def response(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join((start, *lines, b"\r\n"))


def test_a_plain_request_goes_out_as_it_came() -> None:
    raw = request(b"content-LENGTH: 5", b"X-A: 1", b"x-a: 2", b"Accept:")
    head = parse_request(raw, 200)
    assert (head.method, head.target, head.length, head.framing) == (b"POST", b"/v1/x", 5, Framing.LENGTH)
    assert request_head(head) == raw


def test_hop_by_hop_fields_end_here() -> None:
    raw = request(
        b"X-A: 1",
        b"Connection: keep-alive, x-secret ,Content-Length",
        b"X-Secret: 1",
        b"Keep-Alive: timeout=5",
        b"Content-Length: 5",
        b"x-SECRET: 2",
        b"TE: trailers",
        b"Proxy-Connection: keep-alive",
        b"X-Secrets: stay",
    )
    assert request_head(parse_request(raw, 200)) == request(b"X-A: 1", b"Content-Length: 5", b"X-Secrets: stay")


def test_identical_hop_lines_all_go() -> None:
    raw = request(b"Connection: close", b"X-A: 1", b"Connection: close", b"Connection: closed")
    head = parse_request(raw, 200)
    assert request_head(head) == request(b"X-A: 1")
    assert not head.keep_alive


def test_chunked_stays_chunked() -> None:
    raw = request(b"Transfer-Encoding: chunked", b"Trailer: X-A")
    head = parse_request(raw, 200)
    assert head.framing is Framing.CHUNKED
    assert request_head(head) == raw


def test_a_rewritten_body_has_its_length_and_no_digest() -> None:
    digests = (b"Digest: a", b"Content-Digest: b", b"Repr-Digest: c", b"Content-MD5: d", b"Signature: e")
    raw = request(b"X-A: 1", b"Transfer-Encoding: chunked", b"Trailer: X-T", *digests, b"X-B: 2")
    out = request_head(parse_request(raw, 200), length=7)
    assert out == request(b"X-A: 1", b"Content-Length: 7", b"X-B: 2")
    raw = request(b"content-length: 9", *digests)
    assert request_head(parse_request(raw, 200), length=7) == request(b"content-length: 7")


def test_target_host_and_extra_lines() -> None:
    head = parse_request(request(b"X-A: 1"), 200)
    out = request_head(head, target=b"/p/v1/x", host=b"other", extra=[b"X-B: 2"])
    assert out == b"POST /p/v1/x HTTP/1.1\r\nHost: other\r\nX-A: 1\r\nX-B: 2\r\n\r\n"


def test_http_1_0_becomes_1_1_with_a_host() -> None:
    head = parse_request(request(b"X-A: 1", start=b"GET /x HTTP/1.0", host=False), 200)
    assert not head.keep_alive
    assert request_head(head, host=b"up:1") == b"GET /x HTTP/1.1\r\nHost: up:1\r\nX-A: 1\r\n\r\n"


def test_upgrades_pass_but_never_to_h2c() -> None:
    ws = request(b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Key: k")
    out = request_head(parse_request(ws, 200))
    assert out == request(b"Sec-WebSocket-Key: k", b"Connection: Upgrade", b"Upgrade: websocket")
    h2c = request(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: x")
    assert request_head(parse_request(h2c, 200)) == request()
    unnamed = request(b"Upgrade: websocket")
    assert request_head(parse_request(unnamed, 200)) == request()


def test_expect_passes_or_was_answered() -> None:
    raw = request(b"Expect: 100-continue", b"Content-Length: 1")
    head = parse_request(raw, 200)
    assert head.expect
    assert request_head(head) == raw
    assert request_head(head, continued=True) == request(b"Content-Length: 1")


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (request(b"Content-Length: 1", b"Content-Length: 1"), FramingError),
        (request(b"Content-Length: 1", b"Transfer-Encoding: chunked"), FramingError),
        (request(b"Transfer-Encoding: chunked", start=b"POST / HTTP/1.0"), FramingError),
        (request(b"Transfer-Encoding: gzip, chunked"), FramingError),
        (request(b" folded"), FramingError),
        (request(b"X : a"), FramingError),
        (request(host=False), FramingError),
        (request(b"Host: b"), FramingError),
        (request(b"Content-Type: a/b", b"Content-Type: a/c"), FramingError),
        (request(b"Expect: 200-ok"), ExpectationFailed),
        (request(start=b"GET / HTTP/2.0"), VersionUnsupported),
        (request(start=b"PRI * HTTP/2.0", host=False), VersionUnsupported),
        (request(*[b"X: y"] * 200), HeadTooLarge),
        (request(start=b"GET  / HTTP/1.1"), FramingError),
        (request(start=b"GET / HTTP/1.1 "), FramingError),
        (request(start=b"GET /#x HTTP/1.1"), FramingError),
        (request(start=b"G(T / HTTP/1.1"), FramingError),
    ],
)
def test_a_doubtful_request_is_refused(raw: bytes, kind: type[FramingError]) -> None:
    with pytest.raises(kind) as refused:
        parse_request(raw, 200)
    assert str(refused.value)


def test_response_framing() -> None:
    chunked = parse_response(response(b"Transfer-Encoding: chunked"), 200, False)
    assert chunked.framing is Framing.CHUNKED
    assert parse_response(response(b"Content-Length: 0"), 200, False).framing is Framing.NONE
    assert parse_response(response(), 200, False).framing is Framing.EOF
    assert not parse_response(response(), 200, False).keep_alive
    assert parse_response(response(), 200, True).framing is Framing.NONE
    assert parse_response(response(start=b"HTTP/1.1 304 x"), 200, False).framing is Framing.NONE
    assert parse_response(response(start=b"HTTP/1.1 204"), 200, False).status == 204


@pytest.mark.parametrize(
    "raw",
    [
        response(b"Content-Length: 1", b"Content-Length: 1"),
        response(b"Content-Length: 1", b"Transfer-Encoding: chunked"),
        response(b"Transfer-Encoding: chunked", start=b"HTTP/1.0 200 OK"),
        response(b"Content-Length: 3", start=b"HTTP/1.1 204 x"),
        response(b"Transfer-Encoding: chunked", start=b"HTTP/1.1 100 x"),
        response(start=b"HTTP/1.1 099 x"),
        response(start=b"HTTP/1.1 600 x"),
        response(start=b"HTTP/1.1  200 OK"),
        response(start=b"HTTP/2 200"),
        response(start=b"ICY 200 OK"),
        response(b"X: a\x00"),
    ],
)
def test_a_doubtful_response_is_refused(raw: bytes) -> None:
    with pytest.raises(FramingError):
        parse_response(raw, 200, False)


def test_response_heads_go_out_clean() -> None:
    raw = response(b"Keep-Alive: timeout=5", b"Set-Cookie: a", b"Set-Cookie: b", b"Connection: X-Y", b"X-Y: 1")
    head = parse_response(raw, 200, False)
    assert response_head(head, b"close") == response(b"Set-Cookie: a", b"Set-Cookie: b", b"Connection: close")
    old = parse_response(response(b"Content-Length: 1", start=b"HTTP/1.0 200 Fine"), 200, False)
    assert response_head(old) == response(b"Content-Length: 1", start=b"HTTP/1.1 200 Fine")
    chunked = parse_response(response(b"Transfer-Encoding: chunked", b"Trailer: X", b"A: b"), 200, False)
    assert response_head(chunked, b"close", dechunked=True) == response(b"A: b", b"Connection: close")


names = (
    st.text("abcXYZ-_!", min_size=1, max_size=8)
    .map(str.encode)
    .filter(lambda n: n.lower() not in (b"te", b"host", b"expect"))
)
values = st.binary(max_size=20).map(lambda b: bytes(c for c in b if c >= 32 and c != 127))
fields = st.lists(st.tuples(names, values), max_size=12)


@given(fields)
def test_fields_that_nobody_knows_keep_order_case_and_repetition(pairs: list[tuple[bytes, bytes]]) -> None:
    raw = request(*(name + b": " + value for name, value in pairs))
    assert request_head(parse_request(raw, 200)) == raw
    answer = response(*(name + b":" + value for name, value in pairs))
    assert response_head(parse_response(answer, 200, True)) == answer


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    for raw in (noise + b"\r\n\r\n", request(noise), response(noise)):
        for parse in (lambda data: parse_request(data, 20), lambda data: parse_response(data, 20, False)):
            try:
                head = parse(raw)
            except FramingError:
                continue
            assert head.raw == raw
            assert b"\x00" not in raw
            assert raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n")


@given(st.binary(min_size=1, max_size=60))
def test_what_is_refused_early_could_never_become_a_head(data: bytes) -> None:
    try:
        check_beginning(data)
    except FramingError:
        for end in (b"\r\n\r\n", b"\n\r\n\r\n", b"x HTTP/1.1\r\nHost: h\r\n\r\n"):
            with pytest.raises(FramingError):
                parse_request(data + end, 200)


TRACED = Sent("00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000aa-01", True)
BEGUN = TRACED._replace(goes_on=False)
OURS = TRACED.traceparent.encode()
THEIRS = OURS.replace(b"aa-01", b"bb-01")


def test_our_span_stands_where_the_clients_stood() -> None:
    raw = request(b"X-A: 1", b"TraceParent:  " + THEIRS + b" ", b"tracestate: a=1", b"baggage: b=2", b"X-B: 1")
    head = parse_request(raw, 200)
    assert head.traceparent == THEIRS
    assert request_head(head) == raw
    sent = request(b"X-A: 1", b"TraceParent: " + OURS, b"tracestate: a=1", b"baggage: b=2", b"X-B: 1")
    assert request_head(head, trace=TRACED) == sent
    assert request_head(head) == raw


def test_a_new_trace_takes_no_state_of_another() -> None:
    raw = request(
        b"traceparent: " + THEIRS, b"X-A: 1", b"traceparent: " + THEIRS, b"TraceState: a=1", b"tracestate: b=2"
    )
    head = parse_request(raw, 200)
    assert head.traceparent == THEIRS + b", " + THEIRS
    assert request_head(head, trace=BEGUN) == request(b"X-A: 1", b"traceparent: " + OURS)
    assert request_head(parse_request(request(b"X-A: 1"), 200), trace=BEGUN) == request(
        b"X-A: 1", b"traceparent: " + OURS
    )


def test_a_traceparent_that_belongs_to_the_connection_ends_here() -> None:
    raw = request(b"traceparent: " + THEIRS, b"Connection: traceparent")
    assert request_head(parse_request(raw, 200), trace=TRACED) == request(b"traceparent: " + OURS)


def test_an_upgrade_is_traced_as_well() -> None:
    raw = request(b"Connection: Upgrade", b"Upgrade: websocket", start=b"GET /ws HTTP/1.1")
    out = request_head(parse_request(raw, 200), trace=BEGUN)
    assert b"\r\ntraceparent: " + OURS + b"\r\n" in out
    assert out.endswith(b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
