"""The traffic process's end of the wire: offers exchanges, takes snapshots, never waits.

`offer` either takes an exchange or drops it and counts why. What was taken in the same few milliseconds goes out in
one write. Connecting, reporting and reading happen beside the requests. A frozen peer fills the socket, then the
bounded buffer; then exchanges are dropped.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Final, cast

from proxy.core.enforcement import Snapshot
from proxy.core.errors import WireError
from proxy.core.exchange import Exchange
from proxy.link.frames import (
    Figures,
    Frame,
    FrameKind,
    FrameReader,
    Stats,
    ack_of,
    encode_exchange,
    encode_figures,
    encode_hello,
    encode_stats,
    snapshot_of,
    want_of,
)
from proxy.link.ledger import Ledger, Origin
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

RECONNECT_MIN_S: Final = 0.1
RECONNECT_MAX_S: Final = 0.25  # an attempt costs microseconds, and what is offered meanwhile is lost to analysis
STATS_INTERVAL_S: Final = 1.0
CLOSE_WAIT_S: Final = 1.0
FLUSH_S: Final = 0.005  # how long an exchange waits for others, since each write costs as much as its encoding
FLUSH_BYTES: Final = 65_536  # or until so much waits

NOT_CONNECTED: Final = "not_connected"
BUFFER_FULL: Final = "buffer_full"
TOO_LARGE: Final = "too_large"  # over a frame's bound, or not writable as JSON
CONNECTION_LOST: Final = "connection_lost"  # was sent; the peer was gone before it said that it had stored it
DROP_REASONS: Final = (NOT_CONNECTED, BUFFER_FULL, TOO_LARGE, CONNECTION_LOST)


class LinkSender:
    """Sends exchanges to the analysis process that listens on `path`.

    `buffer_bytes_max` bounds what waits in memory. `on_snapshot` is called on the loop for each snapshot that comes.
    `figures` reads this process's metrics, where the peer wants them.
    `dropped` counts exchanges by reason, `offered`, `sent` and `thinned` count all since the start.
    """

    def __init__(
        self,
        path: str,
        buffer_bytes_max: int,
        on_snapshot: Callable[[Snapshot], None],
        figures: Callable[[], Figures] = Figures,
    ) -> None:
        self._path = path
        self._buffer_bytes_max = buffer_bytes_max
        self._on_snapshot = on_snapshot
        self._figures = figures
        self._figures_interval_s = self._figures_due_s = 0.0  # 0: the peer does not want them
        self._ledger = Ledger()
        self._transport: asyncio.WriteTransport | None = None
        self._pieces: list[bytes] = []  # frames that wait for the next flush; to the ledger they are in flight
        self._pieces_bytes = 0
        self._unsent_bytes = 0  # what the transport held after the last flush; by now it may be less
        self._flush_timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._dropped = dict.fromkeys(DROP_REASONS, 0)
        self.offered = 0
        self.sent = 0
        self.thinned = 0

    @property
    def connected(self) -> bool:
        """Whether an analysis process is there."""
        return self._transport is not None

    @property
    def dropped(self) -> Mapping[str, int]:
        """Dropped exchanges by reason; every reason is always there."""
        return self._dropped

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait in memory for the socket."""
        return 0 if self._transport is None else self._pieces_bytes + self._transport.get_write_buffer_size()

    def start(self) -> None:
        """Connect and stay connected, in a task of the running loop."""
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._stay_connected(), name="link-sender")
        self._timer = loop.call_later(STATS_INTERVAL_S, self._tick)

    def offer(self, exchange: Exchange) -> None:
        """Send it, or drop it and count why. Never waits, never raises."""
        self.offered += 1
        origin = _origin(exchange)
        reason = self._take(exchange, origin)
        if reason:
            self._dropped[reason] += 1
            self._ledger.lose(origin)

    def count_thinned(self) -> None:
        """An exchange that was left out on purpose: its coin fell so at request start."""
        self.thinned += 1

    async def close(self) -> None:
        """Say what was lost, let the buffer drain for a moment, and let go."""
        if self._timer is not None:
            self._timer.cancel()
        self._flush()
        self._report()
        if self._task is None:
            return
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
            await asyncio.wait([self._task], timeout=CLOSE_WAIT_S)
            transport.abort()
        self._task.cancel()
        await asyncio.wait([self._task])

    def _take(self, exchange: Exchange, origin: Origin) -> str:
        """Put it among what is written next; else give the reason."""
        transport = self._transport
        if transport is None or transport.is_closing():  # uvloop raises on a write to a closed one
            return NOT_CONNECTED
        try:
            head, request, response = encode_exchange(exchange)
        except WireError:
            return TOO_LARGE
        size = self._pieces_bytes + len(head) + len(request) + len(response)
        if self._unsent_bytes + size > self._buffer_bytes_max:
            self._unsent_bytes = transport.get_write_buffer_size()
            if self._unsent_bytes + size > self._buffer_bytes_max:
                return BUFFER_FULL
        self._ledger.sent(origin)
        self.sent += 1
        self._pieces += (head, request, response)
        self._pieces_bytes = size
        if size >= FLUSH_BYTES:
            self._flush()
        elif self._flush_timer is None:
            self._flush_timer = asyncio.get_running_loop().call_later(FLUSH_S, self._flush)
        return ""

    def _flush(self) -> None:
        """Write what waits, all at once."""
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        pieces, self._pieces, self._pieces_bytes = self._pieces, [], 0
        transport = self._transport
        if pieces and transport is not None and not transport.is_closing():
            transport.writelines(pieces)
            self._unsent_bytes = transport.get_write_buffer_size()

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        delay_s = RECONNECT_MIN_S
        while True:
            gone: asyncio.Future[None] = loop.create_future()
            try:
                await loop.create_unix_connection(lambda gone=gone: _SenderProtocol(self, gone), self._path)  # type: ignore[misc]
                await gone
                delay_s = RECONNECT_MIN_S
            except OSError:  # nobody listens yet, or no more
                delay_s = min(RECONNECT_MAX_S, 2 * delay_s)
            if self._timer is not None and self._timer.cancelled():  # closing
                return
            await asyncio.sleep(delay_s)

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(STATS_INTERVAL_S, self._tick)  # first: faults stop no clock
        self._report()
        self._tell_figures()

    def _report(self) -> None:
        """Tell the totals and the new losses, unless the buffer is full: then they are told later."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self.waiting_bytes < self._buffer_bytes_max:
            self._flush()  # frames are counted in the order in which they are written
            lost = self._ledger.report()
            transport.write(encode_stats(Stats(self.offered, self.sent, self.thinned, self._dropped, lost)))

    def _tell_figures(self) -> None:
        """This process's metrics, when they are due; where the buffer is full, or they are too large, they wait."""
        transport, now_s = self._transport, asyncio.get_running_loop().time()
        if not self._figures_interval_s or now_s < self._figures_due_s or transport is None or transport.is_closing():
            return
        if self.waiting_bytes < self._buffer_bytes_max:
            self._figures_due_s = now_s + self._figures_interval_s
            try:
                transport.write(encode_figures(self._figures()))
            except WireError as wrong:
                log.error("metrics_not_told", error=str(wrong))  # noqa: TRY400

    def on_connected(self, transport: asyncio.WriteTransport) -> None:
        """For the protocol: frames may flow."""
        transport.write(encode_hello(os.getpid()))
        self._transport = transport
        self._report()
        log.info("link_connected", path=self._path)

    def on_disconnected(self) -> None:
        """For the protocol: what was in flight is lost."""
        self._transport = None
        self._figures_interval_s = 0.0
        self._flush()  # into nothing: to the ledger these were in flight
        self._unsent_bytes = 0
        lost = self._ledger.disconnect()
        self._dropped[CONNECTION_LOST] += lost
        log.warning("link_lost", path=self._path, exchanges_lost=lost)

    def on_frame(self, frame: Frame) -> None:
        """For the protocol: a frame from analysis. Raises WireError."""
        if frame.kind == FrameKind.ACK:
            self._ledger.acknowledge(ack_of(frame))
        elif frame.kind == FrameKind.WANT:
            self._figures_interval_s, self._figures_due_s = want_of(frame), 0.0
        else:
            self._on_snapshot(snapshot_of(frame))


def _origin(exchange: Exchange) -> Origin:
    """Where its loss would count. Without a route the model is any text that a stranger sent, and counts nowhere."""
    second = int(exchange.started_s)
    return (second, exchange.route, exchange.served) if exchange.route else (second, "", "")


class _SenderProtocol(asyncio.Protocol):
    """One connection. A peer that sends what is no frame is left; the sender then connects anew."""

    def __init__(self, sender: LinkSender, gone: asyncio.Future[None]) -> None:
        self._sender, self._gone, self._reader = sender, gone, FrameReader()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._sender.on_connected(self._transport)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                self._sender.on_frame(frame)
        except WireError as wrong:
            log.error("link_malformed", error=str(wrong))  # noqa: TRY400
            assert self._transport is not None
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self._sender.on_disconnected()
        if not self._gone.done():
            self._gone.set_result(None)
