"""One upstream: its address, its idle connections, and the opening of new ones."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxy.config.sections.serving import Upstream as UpstreamSettings
from proxy.traffic.upstream import UpstreamConnection

if TYPE_CHECKING:
    from proxy.traffic.plane import Plane
    from proxy.traffic.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Place:
    """Where an upstream is. `unix` is a socket's path; `authority` is what a request without a Host gets."""

    host: str
    port: int
    unix: str
    tls: bool
    prefix: str
    authority: bytes


def place_of(url: str) -> Place:
    """Read an upstream's URL: http://HOST:PORT/PREFIX, https://..., unix:/PATH. Raises ValueError."""
    if url.startswith("unix:"):
        return Place("", 0, url[5:], False, "", b"localhost")
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r}: say http://HOST:PORT, https://HOST:PORT or unix:/PATH")
    port = parts.port or (443 if tls else 80)
    authority = parts.netloc.rpartition("@")[2].encode()
    return Place(parts.hostname, port, "", tls, parts.path.rstrip("/"), authority)


def tls_context(settings: UpstreamSettings) -> ssl.SSLContext:
    """The client side of TLS to an upstream, which is told HTTP/1.1. Raises OSError, ssl.SSLError."""
    context = ssl.create_default_context(cafile=settings.tls_ca_file or None)
    context.set_alpn_protocols(["http/1.1"])
    return context


class Upstream:
    """A model server. `open` counts its connections, idle ones included."""

    def __init__(self, name: str, settings: UpstreamSettings, plane: Plane) -> None:
        self.name = name
        self.settings = settings
        self.plane = plane
        self.place = place_of(settings.url)
        self.prefix = self.place.prefix
        self.prefix_bytes = self.place.prefix.encode()
        self.upstream_host = settings.upstream_host.encode() or None
        self.idle: list[UpstreamConnection] = []
        self.open = 0
        self.reached = False
        self._tls = tls_context(settings) if self.place.tls else None
        self._connecting: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<Upstream {self.name} {self.settings.url} open={self.open} idle={len(self.idle)}>"

    def take(self) -> UpstreamConnection | None:
        """An idle connection, the one used last."""
        while self.idle:
            connection = self.idle.pop()
            if not connection.closing:
                return connection
        return None

    def put(self, connection: UpstreamConnection) -> None:
        """Keep a connection for the next request, or close it."""
        plane = self.plane
        if len(self.idle) >= plane.limits.pool_idle_max or plane.draining or plane.upstreams.get(self.name) is not self:
            connection.close()
            return
        connection.active_s = plane.now_s
        self.idle.append(connection)

    def full(self) -> bool:
        """Whether no further connection may be opened."""
        return self.open + len(self._connecting) >= self.plane.limits.upstream_connections_max

    def connect(self, transaction: Transaction) -> asyncio.Task[None]:
        """Open a connection for this transaction, which is told how it went."""
        task = self.plane.loop.create_task(self._connect_for(transaction))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return task

    async def _connect_for(self, transaction: Transaction) -> None:
        try:
            connection = await self.open_connection()
        except (OSError, ValueError) as wrong:  # TimeoutError and SSLError are OSErrors
            transaction.connect_failed(wrong)
        else:
            transaction.attach(connection)

    async def open_connection(self) -> UpstreamConnection:
        """A fresh connection. Raises OSError (TimeoutError after `connect_s`)."""
        loop, place = self.plane.loop, self.place
        async with asyncio.timeout(self.plane.timeouts.connect_s or None):
            if place.unix:
                _, connection = await loop.create_unix_connection(lambda: UpstreamConnection(self), place.unix)
            else:
                name = (self.settings.tls_server_name or place.host) if self._tls else None
                _, connection = await loop.create_connection(
                    lambda: UpstreamConnection(self), place.host, place.port, ssl=self._tls, server_hostname=name
                )
        self.reached = True
        return connection

    def expire(self, now_s: float) -> None:
        """Close what has been idle for too long."""
        bound_s = self.plane.timeouts.pool_idle_s
        while self.idle and bound_s and now_s - self.idle[0].active_s > bound_s:
            self.idle.pop(0).close()

    def close_idle(self) -> None:
        """Close all idle connections."""
        while self.idle:
            self.idle.pop().close()
