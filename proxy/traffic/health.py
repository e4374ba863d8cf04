"""The health port of the traffic process: /livez, /readyz, /metrics, /drained. No text of users, no controls.

/drained answers when a drain is over: it waits, and changes nothing. POST /drain, which begins one, is heard on the
Unix socket beside the link alone, which file permissions guard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, cast

from proxy import VERSION
from proxy.core.errors import FramingError
from proxy.core.exchange import Framing
from proxy.core.http.heads import HEAD_END, check_beginning, parse_request
from proxy.telemetry.exposition import content_type
from proxy.traffic.drain import Drain
from proxy.traffic.readiness import Readiness

HEAD_BYTES_MAX: Final = 16_384
FIELDS_MAX: Final = 100
CONNECTION_S: Final = 60.0  # probes come anew; nobody keeps one open for longer
SERVER: Final = f"groundwire/{VERSION}"  # `groundwire doctor` compares the versions of both processes by it
_TEXT: Final = "text/plain; charset=utf-8"


class HealthConnection(asyncio.Protocol):
    """One connection; answers requests without bodies in order."""

    def __init__(
        self, readiness: Readiness, metrics: Callable[[str], bytes], drain: Drain, orders: bool = False
    ) -> None:
        self._readiness = readiness
        self._metrics = metrics
        self._drain = drain
        self._orders = orders
        self._waiting = False
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._timer: asyncio.TimerHandle | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._timer = asyncio.get_running_loop().call_later(CONNECTION_S, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._waiting:
            return  # the answer that is owed closes the connection
        self._buffer += data
        while not self._waiting and not self._transport.is_closing():
            end = self._buffer.find(HEAD_END)
            if end < 0:
                self._check_bound()
                return
            raw, self._buffer = self._buffer[: end + 4], self._buffer[end + 4 :]
            self._answer(raw)

    def _check_bound(self) -> None:
        try:
            if self._buffer:
                check_beginning(self._buffer)
        except FramingError as wrong:
            self._send(400, f"{wrong}\n", close=True)
        if len(self._buffer) > HEAD_BYTES_MAX:
            self._send(431, "the head is too large\n", close=True)

    def _answer(self, raw: bytes) -> None:
        try:
            head = parse_request(raw, FIELDS_MAX)
        except FramingError as wrong:
            self._send(wrong.status, f"{wrong}\n", close=True)
            return
        close = not head.keep_alive or head.framing is not Framing.NONE
        path, _, query = head.target.partition(b"?")
        if self._orders and head.method == b"POST" and path == b"/drain":
            self._drain.begin()
            self._wait()
            return
        if head.method not in (b"GET", b"HEAD"):
            self._send(405, "GET and HEAD only\n", close)
            return
        to_head = head.method == b"HEAD"
        if path == b"/livez":
            self._send(200, "alive\n", close, to_head)
        elif path == b"/readyz":
            ready = self._readiness.ready()
            short = "ready\n" if ready else "not ready\n"
            self._send(
                200 if ready else 503, self._readiness.explain() if b"verbose" in query else short, close, to_head
            )
        elif path == b"/metrics":
            kind = content_type(_accept(raw))
            self._send(200, self._metrics(kind).decode(), close, to_head, kind)
        elif path == b"/drained":
            self._wait()
        else:
            self._send(404, "/livez, /readyz, /metrics, /drained\n", close, to_head)

    def _wait(self) -> None:
        """Answer when the drain is over."""
        self._waiting = True
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._drain.longest_s, self._transport.abort)
        if not self._drain.when_over(lambda text: self._send(200, text, close=True)):
            self._send(503, "too many wait already\n", close=True)

    def _send(self, status: int, text: str, close: bool, to_head: bool = False, kind: str = _TEXT) -> None:
        if self._transport.is_closing():
            return
        body = text.encode()
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            f"Server: {SERVER}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
        ]
        if close:
            lines.append("Connection: close")
        self._transport.write("\r\n".join((*lines, "\r\n")).encode() + (b"" if to_head else body))
        if close:
            self._transport.close()


def _accept(raw: bytes) -> str:
    """What a request accepts."""
    lines = (line.partition(b":") for line in raw.split(b"\r\n"))
    return ",".join(value.decode("latin-1") for name, _, value in lines if name.lower() == b"accept")
