"""From what is kept of the routes to the snapshot that traffic holds, with a version that only grows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from proxy.control.entry import Entry
from proxy.control.memory import Memory
from proxy.core.enforcement import Enforcement, Snapshot, Step
from proxy.core.errors import StateError
from proxy.core.http.trace_context import Tracing
from proxy.core.routes import Route
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)


class Publisher:
    """Hands a new snapshot to `publish` whenever its content changed.

    Versions come from the store, and are never below the time in seconds: a version of before a lost state file is
    below every one after it.
    """

    def __init__(self, memory: Memory, publish: Callable[[Snapshot], None], tracing: Tracing | None = None) -> None:
        self._memory = memory
        self._tracing = tracing
        self._publish = publish
        self.last = Snapshot(0)
        self._turn = asyncio.Lock()

    async def offer(self, known: Callable[[], Mapping[str, Entry]], coverage_k: int, now_s: float) -> None:
        """Publish the known routes, unless traffic has exactly them already.

        One at a time, and read after the version was drawn: a higher version never carries older content.
        """
        async with self._turn:
            if self.last.version and self._same(*content(known().values()), coverage_k):
                return
            version = await self._version(now_s)
            routes, enforcements = content(known().values())
            snapshot = Snapshot(version, routes, enforcements, coverage_k, self._tracing)
            self._publish(snapshot)
            self.last = snapshot  # only now: one that could not be handed over is offered again
        log.info("snapshot_published", version=version, routes=len(routes), enforcements=len(enforcements))

    def _same(self, routes: tuple[Route, ...], enforcements: tuple[Enforcement, ...], coverage_k: int) -> bool:
        last = self.last
        return (last.routes, last.enforcements, last.coverage_k) == (routes, enforcements, coverage_k)

    async def _version(self, now_s: float) -> int:
        floor = max(self.last.version + 1, int(now_s))
        try:
            return await self._memory.next_version(floor)
        except StateError as wrong:  # an enforcement does not wait for a disk
            log.error("snapshot_version_not_kept", error=str(wrong))  # noqa: TRY400
            return floor


def content(entries: Iterable[Entry]) -> tuple[tuple[Route, ...], tuple[Enforcement, ...]]:
    """Routes and enforcements of a snapshot, in order of name."""
    shown = sorted((entry for entry in entries if entry.shown), key=lambda entry: entry.route.name)
    enforcements = (entry.enforcement for entry in shown)
    return (
        tuple(entry.route for entry in shown),
        tuple(one for one in enforcements if one is not None and one.step is not Step.STEADY),
    )
