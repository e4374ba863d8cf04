"""What the analysis process does each second, besides its work: flush, pace, expire, forget, and look after itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Container
from typing import Final

from proxy.analysis.faults import fault
from proxy.analysis.judging.classifier import Chosen
from proxy.analysis.pipeline import FLUSH_INTERVAL_S, Panes, Pipeline
from proxy.analysis.sampling.pacing import Pacing
from proxy.config.settings import Settings
from proxy.control.plane import ControlPlane
from proxy.control.policies.in_force import Policies
from proxy.core.errors import StateError
from proxy.core.windows import pane_of
from proxy.stores.contract import Store
from proxy.telemetry.logs import get_logger
from proxy.telemetry.process import resident_bytes
from proxy.tracing.tracer import Tracer

log = get_logger(__name__)

PARENT_CHECK_INTERVAL_S: Final = 0.25


def panes_of(settings: Settings, policies: Policies) -> Panes:
    """How panes are cut, and how long a prompt is remembered."""
    return Panes(settings.pane_s, settings.close_lag_s, policies.overall.policy.duplicate_memory_s)


class Upkeep:
    """One for the process. It sets `stop` where the process must end: its parent is gone, or its memory is used up."""

    def __init__(
        self,
        pipeline: Pipeline,
        plane: ControlPlane,
        pacing: Pacing,
        store: Store,
        chosen: Chosen,
        *,
        tracer: Tracer | None,
        settings: Callable[[], Settings],
        now: Callable[[], float],
        stop: asyncio.Event,
    ) -> None:
        self._pipeline = pipeline
        self._plane = plane
        self._pacing = pacing
        self._store = store
        self._chosen = chosen
        self._tracer = tracer
        self._settings = settings
        self._now = now
        self._stop = stop
        self._parent = os.getppid()

    async def run(self) -> None:
        """Until it is cancelled. A fault is said, and the next second comes."""
        loop = asyncio.get_running_loop()
        flush_s, said = loop.time(), ""
        while True:
            await asyncio.sleep(PARENT_CHECK_INTERVAL_S)
            self._check_parent()
            if loop.time() < flush_s:
                continue
            flush_s = loop.time() + FLUSH_INTERVAL_S
            try:
                await self._second()
                said = ""
            except StateError as wrong:
                if said != str(wrong):
                    log.error("flush_fault", error=str(wrong), then="kept and tried each second")  # noqa: TRY400
                said = str(wrong)
            except Exception as wrong:
                fault(log, "tick_fault", wrong)

    async def _second(self) -> None:
        try:
            await self._pipeline.flush()
        finally:  # a full disk stops neither coverage nor what bounds memory
            settings = self._settings()
            pane = pane_of(self._now(), settings.pane_s)
            for route in self._pipeline.sampler.unusual():
                self._plane.note_unusual(route)
            await self._pacing.move(settings, pane)
            await self._store.expire(pane - settings.analysis.panes_kept_max)
            self._pipeline.panes = panes_of(settings, self._plane.setup.policies)  # one may have been promoted
            await self._tidy(self._plane.memory.known_entries())
            self._check_memory(settings.analysis.memory_bytes_max)

    async def _tidy(self, routes: Container[str]) -> None:
        self._pipeline.totals.keep(routes)
        self._pipeline.serving.keep(routes)
        self._pipeline.sampler.keep(routes)
        if self._tracer is not None:
            self._tracer.keep(routes)
        self._pipeline.judging.describing.keep(routes)
        await self._pipeline.ordinary.keep(routes)
        await self._pipeline.ordinary.save()
        await self._chosen.look()

    def _check_parent(self) -> None:
        """Without whoever started it, it ends: a successor needs its port."""
        if os.getppid() != self._parent and not self._stop.is_set():
            log.warning("parent_gone", parent=self._parent)
            self._stop.set()

    def _check_memory(self, limit: int) -> None:
        """A process of less memory takes over, unless this one holds what no disk does."""
        used = resident_bytes()
        if limit and used > limit and not self._store.not_durable and not self._stop.is_set():
            log.warning("analysis_recycled", memory_bytes=used, limit_bytes=limit)
            self._stop.set()
