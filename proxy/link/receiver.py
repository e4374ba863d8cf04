"""The analysis process's end of the wire: listens, takes exchanges from any number of traffic processes, publishes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
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
    encode_ack,
    encode_snapshot,
    encode_want,
    exchange_of,
    figures_of,
    hello_of,
    stats_of,
)
from proxy.link.unix_socket import listen_unix
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

DOWN_BYTES_MAX: Final = 16_777_216  # snapshots waiting for one peer that does not read; over it the peer is left


class Peer:
    """One connected traffic process.

    `received` counts its frames after HELLO, METRICS apart. Whoever has stored what a frame said calls `acknowledge`
    with its number. `figures` are its metrics of late, where they are wanted.
    """

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self._acknowledged = 0
        self.process_id = 0
        self.received = 0
        self.figures = Figures()

    def acknowledge(self, frames: int) -> None:
        """Say that the first `frames` frames are stored."""
        if frames > self._acknowledged:
            self._acknowledged = frames
            self.write(encode_ack(frames))

    def write(self, frame: bytes) -> None:
        """Send a frame down, or leave a peer that does not read."""
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() + len(frame) > DOWN_BYTES_MAX:
            log.error("link_peer_stalled", process_id=self.process_id)
            self._transport.abort()
        else:
            self._transport.write(frame)

    def close(self) -> None:
        """Let go, after what is still to be written."""
        self._transport.close()


OnMessage = Callable[[Peer, int, "Exchange | Stats", int], None]


class LinkReceiver:
    """Listens on `path` (mode 0600) and calls `on_message(peer, number, message, size_bytes)` for each frame.

    `number` counts the peer's frames: acknowledge it when the message is stored. A stale socket file is replaced.
    """

    def __init__(self, path: str, on_message: OnMessage, first: Snapshot | None = None) -> None:
        self._path = Path(path)
        self._on_message = on_message
        self._snapshot = None if first is None else encode_snapshot(first)
        self._want = b""
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._peers: set[Peer] = set()

    @property
    def peers(self) -> frozenset[Peer]:
        """The traffic processes that are connected."""
        return frozenset(self._peers)

    async def start(self) -> None:
        """Listen. Raises StateError where the path cannot be used."""
        listening = listen_unix(self._path)
        self._inode = self._path.stat().st_ino
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _ReceiverProtocol(self), sock=listening)

    def publish(self, snapshot: Snapshot) -> None:
        """Send the snapshot to every peer, and to each that will come. Raises WireError where it is too large."""
        self._snapshot = encode_snapshot(snapshot)
        for peer in tuple(self._peers):
            peer.write(self._snapshot)

    def want_figures(self, interval_s: float) -> None:
        """Ask every peer, and each that will come, for its metrics as often as this."""
        self._want = encode_want(interval_s)
        for peer in tuple(self._peers):
            peer.write(self._want)

    async def close(self) -> None:
        """Stop listening and leave every peer."""
        if self._server is not None:
            self._server.close()
            if self._path.exists() and self._path.stat().st_ino == self._inode:  # not that of a successor
                self._path.unlink()
        for peer in tuple(self._peers):
            peer.close()

    def on_peer(self, peer: Peer) -> None:
        """For the protocol: a traffic process said hello."""
        self._peers.add(peer)
        log.info("link_peer_joined", process_id=peer.process_id)
        if self._snapshot is not None:
            peer.write(self._snapshot)
        if self._want:
            peer.write(self._want)

    def on_peer_gone(self, peer: Peer) -> None:
        """For the protocol: it left."""
        if peer in self._peers:
            self._peers.discard(peer)
            log.info("link_peer_left", process_id=peer.process_id, frames=peer.received)

    def on_frame(self, peer: Peer, frame: Frame) -> None:
        """For the protocol: a frame. Raises WireError."""
        if peer not in self._peers:
            peer.process_id = hello_of(frame)
            self.on_peer(peer)
            return
        if frame.kind == FrameKind.METRICS:
            peer.figures = figures_of(frame)
            return
        message: Exchange | Stats = exchange_of(frame) if frame.kind == FrameKind.EXCHANGE else stats_of(frame)
        peer.received += 1
        self._on_message(peer, peer.received, message, len(frame.meta) + len(frame.first) + len(frame.second))


class _ReceiverProtocol(asyncio.Protocol):
    """One connection. A peer that sends what is no frame is left, and said."""

    def __init__(self, receiver: LinkReceiver) -> None:
        self._receiver, self._reader = receiver, FrameReader()
        self._peer: Peer | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._peer = Peer(self._transport)

    def data_received(self, data: bytes) -> None:
        assert self._peer is not None
        assert self._transport is not None
        try:
            for frame in self._reader.feed(data):
                self._receiver.on_frame(self._peer, frame)
        except WireError as wrong:
            log.error("link_malformed", process_id=self._peer.process_id, error=str(wrong))  # noqa: TRY400
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        assert self._peer is not None
        self._receiver.on_peer_gone(self._peer)
