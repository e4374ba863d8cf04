"""A connection to an upstream: reads a response's head, then passes every read on while a scanner looks for the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from proxy.core.errors import FramingError
from proxy.core.exchange import Framing
from proxy.core.http.framing import BodyScanner, ChunkedBody, EofBody, LengthBody, NoBody
from proxy.core.http.heads import HEAD_END, ResponseHead, check_beginning, check_size

if TYPE_CHECKING:
    from proxy.traffic.pool import Upstream
    from proxy.traffic.transaction import Transaction

_LENGTH, _CHUNKED, _EOF = Framing.LENGTH, Framing.CHUNKED, Framing.EOF  # a lookup costs in 3.11
INTERIM_MAX: Final = 100  # 1xx responses before the real one


def body_scanner(framing: Framing, length: int, payload: list[bytes] | None = None) -> BodyScanner:
    """The scanner for a framing."""
    if framing is _LENGTH:
        return LengthBody(length)
    if framing is _CHUNKED:
        return ChunkedBody(payload)
    return EofBody() if framing is _EOF else NoBody()


class UpstreamConnection(asyncio.Protocol):
    """Idle (no transaction), before the head (no body scanner), in the body, or in a tunnel."""

    __slots__ = (
        "_body",
        "_buffer",
        "_interim",
        "_paused",
        "active_s",
        "closing",
        "half_closed",
        "head",
        "reused",
        "transaction",
        "transport",
        "tunnel",
        "upstream",
        "write_paused",
    )

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)  # set before anything else is called
        self.transaction: Transaction | None = None
        self.head: ResponseHead | None = None
        self.reused = False
        self.closing = False
        self.tunnel = False
        self.half_closed = False  # a tunnel of which the upstream will send no more
        self.active_s = 0.0
        self.write_paused = False
        self._paused = False
        self._body: BodyScanner | None = None
        self._buffer = b""
        self._interim = 0

    def __repr__(self) -> str:
        state = "idle" if self.transaction is None else "body" if self._body is not None else "head"
        return f"<UpstreamConnection {self.upstream.name} {'closing' if self.closing else state}>"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=self.upstream.plane.limits.stream_buffer_bytes_max)
        self.upstream.open += 1
        self.upstream.plane.counts.upstream_connections += 1

    def begin(self, transaction: Transaction, data: bytes) -> None:
        """Send a request, or its first part."""
        self.transaction = transaction
        self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        transaction, body = self.transaction, self._body
        if transaction is None:
            self.close()  # nobody asked
            return
        if body is None:
            self._head_received(transaction, self._buffer + data if self._buffer else data)
            return
        try:
            size = body.feed(data)
        except FramingError as wrong:
            transaction.response_broken(str(wrong))
            return
        if size != len(data):  # more than the response: it is nobody's
            self.closing = True
            data = data[:size]
        transaction.relay(data)
        if body.done:
            self._finished(transaction)

    def _head_received(self, transaction: Transaction, data: bytes) -> None:
        plane = self.upstream.plane
        end = data.find(HEAD_END)
        try:
            if end < 0:
                check_beginning(data)
                check_size(data, end, plane.limits.head_bytes_max)
                self._buffer = data
                return
            if end > plane.limits.head_bytes_max:
                check_size(data, end, plane.limits.head_bytes_max)
            raw, rest = data[: end + 4], data[end + 4 :]
            head = None if transaction.to_head else plane.response_heads.get(raw)
            if head is None:
                head = plane.read_response(raw, transaction.to_head)
            if head.status < 200:
                self._interim_received(transaction, head, rest)
                return
            self._buffer = b""
            self.head = head
            if head.framing is _LENGTH and head.length == len(rest):  # whole at once, as most are
                transaction.begin_response(head)
                transaction.relay_head(head, rest, data)
                self._finished(transaction)
                return
            self._body = body = body_scanner(head.framing, head.length, transaction.begin_response(head))
            size = body.feed(rest) if rest else 0
        except FramingError as wrong:
            transaction.response_broken(str(wrong))
            return
        if size != len(rest):
            self.closing = True
            rest = rest[:size]
        transaction.relay_head(head, rest, b"" if self.closing else data)
        if body.done:
            self._finished(transaction)

    def _interim_received(self, transaction: Transaction, head: ResponseHead, rest: bytes) -> None:
        self._interim += 1
        if self._interim > INTERIM_MAX:
            raise FramingError("too many interim responses")
        self._buffer = b""
        if head.status != 101:
            transaction.relay_interim(head)
            if rest:
                self._head_received(transaction, rest)
            return
        if not transaction.may_tunnel():
            raise FramingError("it switches protocols, which was not asked for")
        self.head, self.tunnel, self._body = head, True, EofBody()
        transaction.begin_tunnel(head, rest)

    def _finished(self, transaction: Transaction) -> None:
        """The response is whole: let the connection go, then tell."""
        assert self.head is not None
        reusable = self.head.keep_alive and not self.closing and transaction.request_done
        self.transaction = self._body = self.head = None
        self._interim = 0
        if reusable:
            self.reused = True
            if self._paused:
                self.resume()
            self.upstream.put(self)
        else:
            self.close()
        transaction.response_complete()

    def eof_received(self) -> bool:
        transaction = self.transaction
        if self.tunnel and transaction is not None:
            self.half_closed = True
            return transaction.tunnel_half_closed()
        if transaction is not None:
            self.transaction = None
            self.closing = True
            transaction.upstream_ended(self, True)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = True
        self.upstream.open -= 1
        if self in self.upstream.idle:
            self.upstream.idle.remove(self)
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            transaction.upstream_ended(self, exc is None)

    def unanswered(self) -> bool:
        """Whether not a byte of a response has come."""
        return self.head is None and not self._buffer and not self._interim

    def until_eof(self) -> bool:
        """Whether the end of the connection is a good end of the response."""
        return isinstance(self._body, EofBody) and not self.tunnel

    def pause(self) -> None:
        """Stop reading: the client is slower."""
        if not self._paused and not self.closing:
            self._paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._paused:
            self._paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    def pause_writing(self) -> None:
        self.write_paused = True
        if self.transaction is not None:
            self.transaction.client.pause_reading()

    def resume_writing(self) -> None:
        self.write_paused = False
        if self.transaction is not None:
            self.transaction.client.resume_reading()

    def close(self) -> None:
        """Close when everything is sent."""
        self.closing = True
        self.transport.close()

    def abort(self) -> None:
        """Close now: the transaction is over and wants to hear no more."""
        self.transaction = None
        self.closing = True
        self.transport.abort()
