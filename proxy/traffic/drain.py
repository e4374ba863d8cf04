"""The end of a traffic process without cutting anybody off. SIGTERM begins it, or `groundwire drain` before that.

Readiness fails at once; for `drain.delay_s` new connections are still taken, since load balancers lag; then the data
port closes and running exchanges have `drain.grace_s` to end. Whoever waits for the end is told of it: in a pod that
is the model server's preStop hook, which must outlive the streams (docs/install/kubernetes.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from proxy.telemetry.logs import get_logger
from proxy.traffic.readiness import Readiness

if TYPE_CHECKING:
    from proxy.traffic.plane import Plane

log = get_logger(__name__)

POLL_S: Final = 0.02
BEGIN_WAIT_S: Final = 5.0  # the hooks of a pod's containers start together, give or take
WAITING_MAX: Final = 64

Told = Callable[[str], None]


class Drain:
    """At most one drain in a life."""

    def __init__(self, plane: Plane, readiness: Readiness) -> None:
        self._plane = plane
        self._readiness = readiness
        self._server: asyncio.Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiting: list[Told] = []

    def closes(self, server: asyncio.Server) -> None:
        """Name the listener that a drain closes."""
        self._server = server

    def begin(self) -> asyncio.Task[None]:
        """Begin, unless it has begun; the task ends with the drain."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="drain")
        return self._task

    def when_over(self, told: Told) -> bool:
        """Call `told` once with what became of it: when a drain is over, or when none began within BEGIN_WAIT_S.

        A model server alone that is restarted asks too, and nothing drains then. False where too many wait already.
        """
        if self._task is not None and self._task.done():
            told("drained\n")
            return True
        if len(self._waiting) >= WAITING_MAX:
            return False
        self._waiting.append(told)
        if self._task is None:
            self._plane.loop.call_later(BEGIN_WAIT_S, self._none_began)
        return True

    @property
    def longest_s(self) -> float:
        """No wait is longer than this."""
        drain = self._plane.settings.drain
        return BEGIN_WAIT_S + drain.delay_s + drain.grace_s + BEGIN_WAIT_S

    def _none_began(self) -> None:
        if self._task is None:
            self._tell("not draining: nothing to wait for\n")

    def _tell(self, text: str) -> None:
        waiting, self._waiting = self._waiting, []
        for told in waiting:
            told(text)

    async def _run(self) -> None:
        plane, drain = self._plane, self._plane.settings.drain
        self._readiness.draining = True
        log.info("draining", exchanges=sum(client.transaction is not None for client in plane.clients))
        if drain.delay_s:
            await asyncio.sleep(drain.delay_s)
        plane.draining = True
        if self._server is not None:
            self._server.close()
        for client in list(plane.clients):
            client.drain()
        for upstream in plane.upstreams.values():
            upstream.close_idle()
        until_s = plane.loop.time() + drain.grace_s
        while plane.clients and plane.loop.time() < until_s:  # noqa: ASYNC110 - a coarse wait, once in a life
            await asyncio.sleep(POLL_S)
        if plane.clients:
            log.warning("drain_cut", connections=len(plane.clients))
        for client in list(plane.clients):
            client.abort()
        await asyncio.sleep(0)
        log.info("drained")
        self._tell("drained\n")
