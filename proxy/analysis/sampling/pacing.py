"""How much is looked at, moved at each pane's edge: what the CPU budget asks of sampling, and the wire's coverage."""

from __future__ import annotations

from math import ceil
from typing import Final

from proxy.analysis.pipeline import Pipeline
from proxy.analysis.sampling import coverage as coverages
from proxy.analysis.sampling.budget import Budget, Work, at_edge
from proxy.analysis.sampling.coverage import Coverage, Pressure
from proxy.config.settings import Settings
from proxy.control.plane import TICK_S, ControlPlane
from proxy.core.epochs import CLOCK_SLACK_S, HEARD_WITHIN_S
from proxy.core.errors import StateError
from proxy.core.sampling import LOAD_MAX
from proxy.stores.contract import Store
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

COVERAGE_KEY: Final = "coverage"


class Pacing:
    """One for the process, from the pane of the start on."""

    def __init__(self, pipeline: Pipeline, plane: ControlPlane, store: Store, pane: int) -> None:
        self._pipeline = pipeline
        self._plane = plane
        self._store = store
        self._pane = pane
        self._busy_s = 0.0
        self._budget = Budget()
        self._work = Work(0.0, 0, 0)  # since the start, at the last edge
        self._version = 0  # of the coverage in the store

    async def load(self) -> None:
        """Go on with the coverage that is kept. Raises StateError."""
        kept = await self._store.load(COVERAGE_KEY)
        self._version = 0 if kept is None else kept[0]
        if kept is not None:
            self._pipeline.coverage = coverages.from_bytes(kept[1])
            self._ask(self._pane)

    async def move(self, settings: Settings, pane: int) -> None:
        """Each second: at a pane's edge, look at what the panes before it took. Raises StateError."""
        if pane < self._pane - ceil(CLOCK_SLACK_S / settings.pane_s):
            await self._set_back(pane)
        passed = pane - self._pane
        if passed > 0:
            self._move_budget(settings, pane, passed)
        if self._store.shared:
            await self.load()
            self._ask(pane)
        if passed > 0:
            busy_s, self._busy_s, self._pane = self._busy_s, self._pipeline.totals.busy_s, pane
            await self._move_coverage(settings, pane, (self._busy_s - busy_s) / (passed * settings.pane_s))

    def _move_budget(self, settings: Settings, pane: int, passed: int) -> None:
        """Tell the control plane what the CPU budget asks of adaptive sampling."""
        pane_s, before, now = settings.pane_s, self._work, self._pipeline.work
        self._work = now
        measured = Work(now.seconds - before.seconds, now.judged - before.judged, now.came - before.came)
        heard = 1 + ceil((HEARD_WITHIN_S + TICK_S) / pane_s)
        load = measured.load(passed * pane_s)
        self._budget = at_edge(self._budget, pane, load, settings.sampling.cpu_share, heard)
        self._plane.note_load(self._budget.level)

    async def _move_coverage(self, settings: Settings, pane: int, busy_ratio: float) -> None:
        """Ask for more or fewer exchanges; kept before traffic hears of it."""
        if self._budget.level < LOAD_MAX and self._plane.adapts:
            busy_ratio = 0.0  # sampling makes time; the wire thins only what the queue cannot hold
        pressure = Pressure(self._pipeline.queue.highest_fill(), busy_ratio)
        before, pane_s = self._pipeline.coverage, settings.pane_s
        if self._store.shared:
            after = coverages.at_edge_of_many(before, pane, pane_s, pressure)
        else:
            after = coverages.at_edge(before, pane, pane_s, pressure.fill_ratio, pressure.busy_ratio)
        if after != before:
            await self._keep(before, after, pane)

    async def _set_back(self, pane: int) -> None:
        """The clock was: without this nothing would move, and nothing have a weight, until it has caught up."""
        log.warning("clock_set_back", panes=self._pane - pane, then="coverage goes on from now")
        self._pane, before = pane, self._pipeline.coverage
        await self._keep(before, coverages.set_back(before, pane), pane)

    async def _keep(self, before: Coverage, after: Coverage, pane: int) -> None:
        if not await self._store.swap(COVERAGE_KEY, self._version, coverages.to_bytes(after)):
            if not self._store.shared:
                text = f"state {COVERAGE_KEY!r} was changed by another process; is a second analysis running?"
                raise StateError(text)
            await self.load()  # another replica asked first: all thin alike, or their counts would not add
            return
        self._version += 1
        self._pipeline.coverage = after
        self._ask(pane)
        if after.k != before.k:
            log.warning("coverage_changed", share=2.0**-after.k, before=2.0**-before.k)

    def _ask(self, pane: int) -> None:
        """Tell traffic the share of exchanges that it is to send."""
        self._plane.set_coverage(self._pipeline.coverage.asked(pane))
