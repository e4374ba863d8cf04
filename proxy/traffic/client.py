"""A client's connection: finds requests in its bytes, one transaction at a time, and watches for its leaving."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Final, cast

from proxy.core.errors import FramingError
from proxy.core.http.heads import HEAD_END, RequestHead, check_beginning, check_size
from proxy.traffic.replies import Reply, bad_framing
from proxy.traffic.transaction import Transaction

if TYPE_CHECKING:
    from proxy.traffic.plane import Plane

LINGER_S: Final = 2.0  # how long a client may still send what will not be read, so that it sees why
FLUSH_S: Final = 30.0  # how long a closing connection may take to read the last bytes
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class ClientConnection(asyncio.Protocol):
    """Idle, reading a head, in a transaction, in a tunnel, or closing."""

    __slots__ = (
        "_advancing",
        "_buffer",
        "_closing_until_s",
        "_eof",
        "_head_since_s",
        "_read_paused",
        "_tunnel",
        "active_s",
        "plane",
        "transaction",
        "transport",
        "write_paused",
    )

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)  # set before anything else is called
        self.transaction: Transaction | None = None
        self.write_paused = False
        self.active_s = plane.now_s
        self._buffer = b""
        self._head_since_s = 0.0
        self._closing_until_s = 0.0
        self._advancing = self._eof = self._read_paused = self._tunnel = False

    def __repr__(self) -> str:
        state = "closing" if self._closing_until_s else "idle" if self.transaction is None else "busy"
        return f"<ClientConnection {state} buffered={len(self._buffer)}>"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        plane = self.plane
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=plane.limits.stream_buffer_bytes_max)
        plane.counts.connections += 1
        full = len(plane.clients) >= plane.limits.connections_max
        plane.clients.add(self)
        if full:
            text = f"{plane.limits.connections_max} connections are open, the bound `limits.connections_max`"
            self._reject(Reply(503, "groundwire_connections_full", text))

    def data_received(self, data: bytes) -> None:
        transaction = self.transaction
        if transaction is None:
            if self._closing_until_s:
                return
            self._buffer = self._buffer + data if self._buffer else data
            self._advance()
        elif not transaction.request_done:
            self.active_s = self.plane.now_s
            size = transaction.request_received(data)
            if size != len(data):
                self._surplus(data[size:])
        elif self._tunnel:
            transaction.tunnel_received(data)
        else:
            self._queue(data)

    def _surplus(self, data: bytes) -> None:
        """What came behind the end of a request."""
        if self.transaction is not None:
            self._queue(data)
        elif not self._closing_until_s:
            self._buffer = data
            self._advance()

    def _queue(self, data: bytes) -> None:
        """Keep pipelined bytes until their turn."""
        self._buffer = self._buffer + data if self._buffer else data
        if len(self._buffer) > self.plane.limits.pipelined_bytes_max:
            assert self.transaction is not None
            self.plane.counts.refuse("pipelined")
            self.transaction.client_gone()
            self.abort()

    def _advance(self) -> None:
        """Begin requests out of the buffer while none is running."""
        if self._advancing:
            return
        self._advancing = True
        while self.transaction is None and self._buffer and not self._closing_until_s and self._next():
            pass
        self._advancing = False
        if self._eof and self.transaction is None:
            self.close()

    def _next(self) -> bool:
        """Begin the next request; False where more bytes, or another moment, are needed."""
        plane, data = self.plane, self._buffer
        if not plane.serving:
            self._wait()
            return False
        if self.write_paused:
            return False
        if data[:2] == b"\r\n":  # RFC 9112 section 2.2: an empty line before a request is passed over
            data = data[2:]
        end = data.find(HEAD_END)
        try:
            if not 0 <= end <= plane.limits.head_bytes_max:
                check_size(data, end, plane.limits.head_bytes_max)
            if end < 0:
                if data:
                    check_beginning(data)
                self._head_since_s = self._head_since_s or plane.now_s
                return False
            raw = data[: end + 4]
            head, asked = plane.request_heads.get(raw) or plane.read_request(raw)
        except FramingError as wrong:
            plane.counts.requests[wrong.status // 100] += 1
            self._reject(bad_framing(wrong.status, str(wrong)))
            return False
        self._buffer = b""
        self._head_since_s = 0.0
        self.active_s = plane.now_s
        rest = data[end + 4 :]
        self.transaction = transaction = Transaction(self, head)
        size = transaction.begin(asked, rest)
        if size != len(rest) and not self._closing_until_s:
            self._buffer = rest[size:]
        return True

    def _wait(self) -> None:
        """Enforcement is not known yet: keep what came."""
        self.plane.waiting.add(self)
        if len(self._buffer) > self.plane.limits.pipelined_bytes_max:
            self.pause_reading()

    def proceed(self) -> None:
        """Waiting is over."""
        self.resume_reading()
        self._advance()

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self.transport.write(data)

    def transaction_over(self, close: bool, linger: bool = False) -> None:
        """The response is sent as far as it goes."""
        self.transaction = None
        self.active_s = self.plane.now_s
        if close:
            self.close(linger)
            return
        if self._read_paused:
            self.resume_reading()
        if self._buffer or self._eof:
            self._advance()

    def has_more(self) -> bool:
        """Whether bytes came behind the running request."""
        return bool(self._buffer)

    def begin_tunnel(self) -> None:
        """Bytes go through from now on."""
        self._tunnel = True
        data, self._buffer = self._buffer, b""
        if data:
            assert self.transaction is not None
            self.transaction.tunnel_received(data)

    def end_writing(self) -> bool:
        """Send our FIN in a tunnel. True where the client may go on sending."""
        if self._eof or not self.transport.can_write_eof():
            return False
        self.transport.write_eof()
        return True

    def forwarded(self, head: RequestHead) -> list[bytes]:
        """The X-Forwarded lines of a request."""
        peer = self.transport.get_extra_info("peername")
        host = peer[0] if isinstance(peer, tuple) else "unix"
        scheme = b"https" if self.transport.get_extra_info("sslcontext") else b"http"
        lines = [b"X-Forwarded-For: " + host.encode()]
        present = head.raw.lower()
        if b"\r\nx-forwarded-proto:" not in present:
            lines.append(b"X-Forwarded-Proto: " + scheme)
        if b"\r\nx-forwarded-host:" not in present and head.host:
            lines.append(b"X-Forwarded-Host: " + head.host)
        return lines

    # --- leaving ---------------------------------------------------------------------------------------------------

    def eof_received(self) -> bool:
        """The client's FIN. While its response is owed it is gone, unless settings allow half-closing."""
        transaction = self.transaction
        if transaction is None:
            return False
        can_write = self.transport.can_write_eof()  # not so under TLS
        if self._tunnel:
            self._eof = True
            return transaction.client_half_closed() and can_write
        if self.plane.half_close and transaction.request_done and can_write:
            self._eof = True
            return True
        transaction.client_gone()
        self.transaction = None
        self.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self.plane.clients.discard(self)
        self.plane.waiting.discard(self)
        self._closing_until_s = self._closing_until_s or 1.0
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            transaction.client_gone()

    def close(self, linger: bool = False) -> None:
        """Close once everything is sent. `linger`: the client still sends; read it, or a reset eats our answer."""
        if self._closing_until_s:
            return
        self._buffer = b""
        if linger and not self.transport.is_closing() and self.transport.can_write_eof():
            self._closing_until_s = self.plane.loop.time() + LINGER_S
            self.resume_reading()
            self.transport.write_eof()
        else:
            self._closing_until_s = self.plane.loop.time() + FLUSH_S
            self.transport.close()

    def cut(self, bounded: bool) -> None:
        """End a response that is not whole. `bounded`: its framing shows that; else only a reset does."""
        self.transaction = None
        if bounded:
            self.close()
            return
        raw = self.transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.abort()

    def abort(self) -> None:
        """Close now."""
        self.transaction = None
        self._closing_until_s = self._closing_until_s or self.plane.loop.time()
        self.transport.abort()

    def _reject(self, reply: Reply) -> None:
        """Refuse what is no request, and close."""
        self.plane.counts.refuse(reply.code)
        self.transport.write(reply.encode(close=True))
        self.close(linger=True)

    # --- flow ------------------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        self.write_paused = True
        if self.transaction is not None:
            self.transaction.pause_upstream()

    def resume_writing(self) -> None:
        self.write_paused = False
        if self.transaction is not None:
            self.transaction.resume_upstream()
        elif self._buffer:
            self._advance()

    def pause_reading(self) -> None:
        """Only while more of a request's body, or a tunnel's bytes, are on their way: else leaving must be seen."""
        if not self._read_paused and not self.transport.is_closing():
            self._read_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._read_paused:
            self._read_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    # --- time ------------------------------------------------------------------------------------------------------

    def sweep(self, now_s: float) -> None:
        """Hold the connection to its timeouts."""
        transaction = self.transaction
        times = self.plane.timeouts
        if self._closing_until_s:
            if now_s > self._closing_until_s:
                self.abort()
        elif transaction is not None:
            late = transaction.late(now_s, self.active_s, self._read_paused)
            if late is not None:
                transaction.timed_out(late)
        elif self._head_since_s:
            if times.client_head_s and now_s - self._head_since_s > times.client_head_s:
                self._reject(Reply(408, "groundwire_head_timeout", "the request's head did not come in time"))
        elif times.client_idle_s and self.plane.serving and now_s - self.active_s > times.client_idle_s:
            self.close()

    def drain(self) -> None:
        """Close if nothing is owed."""
        if self.transaction is None:
            self.close()
