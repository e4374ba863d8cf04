"""The head that goes out on the other side: hop-by-hop lines dropped, all others kept as they came. Pure.

Order, case and repetition of what is kept never change (RFC 9110 section 7.6.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from proxy.core.http.heads import RequestHead, ResponseHead, field_name
from proxy.core.http.trace_context import Sent

# They speak of the bytes of the body, which a rewrite has changed. Signatures (RFC 9421) cover digests.
DIGEST_FIELDS: Final = frozenset(
    {b"digest", b"content-digest", b"repr-digest", b"content-md5", b"signature", b"signature-input"}
)


def request_head(
    head: RequestHead,
    *,
    target: bytes | None = None,
    host: bytes | None = None,
    length: int = -1,
    extra: Sequence[bytes] = (),
    continued: bool = False,
    trace: Sent | None = None,
) -> bytes:
    """The head for the upstream.

    `target` and `host` replace theirs; `length` says that the body was rewritten and has this many bytes; `extra` are
    whole lines to append; `continued`: Groundwire itself said 100, so `Expect` is dropped; `trace` replaces the trace
    context that came, None leaves it as it is.
    """
    raw = head.forwarded
    if not raw:
        raw = head.forwarded = _without(head.raw, head.drop)
    if target is not None or head.minor == 0:
        raw = head.method + b" " + (target or head.target) + b" HTTP/1.1" + raw[raw.index(b"\r\n") :]
    if not head.host_line:
        raw = raw.replace(b"\r\n", b"\r\nHost: " + (host or b"") + b"\r\n", 1)
    elif host is not None:
        raw = _replace(raw, head.host_line, host)
    if continued and head.expect_line:
        raw = _without(raw, (head.expect_line,))
    if length >= 0:
        raw = _resized(raw, head, length)
    if trace is not None:
        raw = _traced(raw, head, trace)
    if head.upgrade:
        extra = (*extra, b"Connection: Upgrade", head.upgrade_line[2:])
    return _with(raw, extra) if extra else raw


def response_head(head: ResponseHead, connection: bytes = b"", dechunked: bool = False) -> bytes:
    """The head for the client. `connection` is that field's value, where it has to be said."""
    raw = head.forwarded
    if not raw:
        raw = _without(head.raw, head.drop)
        raw = head.forwarded = raw if head.minor == 1 else b"HTTP/1.1" + raw[8:]
    if dechunked:
        trailers = [line for line in head.lines() if field_name(line) == b"trailer"]
        raw = _without(raw, (head.transfer_line, *trailers))
    if connection == b"Upgrade":
        return _with(raw, (b"Connection: Upgrade", head.upgrade_line[2:]))
    return _with(raw, (b"Connection: " + connection,)) if connection else raw


def _traced(raw: bytes, head: RequestHead, trace: Sent) -> bytes:
    """Our span in place of the client's, at its place in the head; what speaks of another trace is dropped."""
    value = trace.traceparent.encode()
    if trace.goes_on and head.trace_lines[0] not in head.drop:
        return _replace(raw, head.trace_lines[0], value)
    if not trace.goes_on:
        raw = _without(raw, head.trace_lines)
        if b"tracestate:" in raw.lower():
            raw = _without(raw, [line for line in head.lines() if field_name(line) == b"tracestate"])
    return _with(raw, (b"traceparent: " + value,))


def _resized(raw: bytes, head: RequestHead, length: int) -> bytes:
    """The new length in place of the old framing, without the lines that no longer hold."""
    size = b"%d" % length
    gone = DIGEST_FIELDS
    if head.length_line:
        raw = _replace(raw, head.length_line, size)
    else:
        gone = DIGEST_FIELDS | {b"trailer"}
        raw = raw.replace(head.transfer_line + b"\r\n", b"\r\nContent-Length: " + size + b"\r\n", 1)
    return _without(raw, [line for line in head.lines() if field_name(line) in gone])


def _without(raw: bytes, lines: Iterable[bytes]) -> bytes:
    for line in lines:
        raw = raw.replace(line + b"\r\n", b"\r\n", 1)
    return raw


def _replace(raw: bytes, line: bytes, value: bytes) -> bytes:
    return raw.replace(line + b"\r\n", line.partition(b":")[0] + b": " + value + b"\r\n", 1)


def _with(raw: bytes, lines: Iterable[bytes]) -> bytes:
    return raw[:-2] + b"\r\n".join((*lines, b"\r\n"))
