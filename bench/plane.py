"""The data plane's own work, without sockets: both protocols driven by hand, the kernel and uvloop left out.

`make bench-proxy` says what a request costs; on a shared machine it moves by a third from minute to minute. This moves
by a few percent, so it shows whether a change to the hot path was a gain: the least of many short batches counts.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import Callable
from typing import cast

import uvloop

from bench.load import request
from bench.upstream import ANSWER, STREAM_HEAD, event
from proxy.config.sections.serving import Upstream
from proxy.config.settings import Settings
from proxy.core.enforcement import Snapshot
from proxy.core.routes import Route, Target
from proxy.link.sender import LinkSender
from proxy.traffic.app import GC_THRESHOLD
from proxy.traffic.client import ClientConnection
from proxy.traffic.plane import Plane
from proxy.traffic.pool import Upstream as Pool
from proxy.traffic.upstream import UpstreamConnection

BATCHES = 100
BATCH = 200
GET = b"GET /v1/models HTTP/1.1\r\nHost: bench\r\n\r\n"
ROUTES = (Route("tuned", Target("default", "tuned"), Target("default", "base")),)


class Sink:
    """A transport that takes everything and does nothing."""

    def write(self, data: bytes) -> None:
        """Drop it."""

    def writelines(self, pieces: list[bytes]) -> None:
        """Drop them."""

    def is_closing(self) -> bool:
        """Never."""
        return False

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0

    def set_write_buffer_limits(self, high: int) -> None:
        """There are none."""


async def main() -> None:
    """Print the least time of each kind of work."""
    settings = Settings(upstreams={"default": Upstream(url="http://127.0.0.1:1")})
    with tempfile.TemporaryDirectory() as folder:
        link = LinkSender(f"{folder}/none.sock", settings.link.buffer_bytes_max, lambda _: None)
    link.on_connected(cast(asyncio.WriteTransport, Sink()))
    plane = Plane(settings, link, asyncio.get_running_loop())
    pool = plane.upstreams["default"] = Pool("default", settings.upstreams["default"], plane)
    plane.apply(Snapshot(1, ROUTES))
    plane.serve()
    upstream, client = UpstreamConnection(pool), ClientConnection(plane)
    upstream.connection_made(cast(asyncio.Transport, Sink()))
    client.connection_made(cast(asyncio.Transport, Sink()))
    pool.put(upstream)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)

    def exchange(data: bytes) -> None:
        client.data_received(data)
        upstream.data_received(ANSWER)

    post, chunk = request(), event()
    print(f"GET, answer of {len(ANSWER)} bytes: {least_us(lambda: exchange(GET)):.1f} us")
    print(f"POST of {len(post)} bytes, the same answer: {least_us(lambda: exchange(post)):.1f} us")
    client.data_received(post)
    upstream.data_received(STREAM_HEAD)
    print(f"event of {len(chunk)} bytes: {least_us(lambda: upstream.data_received(chunk)):.2f} us")


def least_us(work: Callable[[], None]) -> float:
    """The least mean of a batch, in microseconds."""
    found = []
    for _ in range(BATCHES):
        since_s = time.perf_counter()
        for _ in range(BATCH):
            work()
        found.append((time.perf_counter() - since_s) / BATCH)
    return min(found) * 1e6


if __name__ == "__main__":
    uvloop.run(main())
