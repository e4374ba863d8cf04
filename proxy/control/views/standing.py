"""What metrics show of a route and no scrape can read from the store: rates and shapes of the last hour, and power.

Renewed once a pane, one route after another, and not on the loop: a busy route takes some tens of milliseconds. Power
once an hour and for each new baseline: reading a day of panes is no work for every minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from proxy.control.entry import Entry
from proxy.control.memory import Memory
from proxy.control.setup import Setup
from proxy.control.views.power import DAY_S, Now, power_of
from proxy.control.views.rates import rates_in, rates_of
from proxy.core.baselines.baseline import Baseline
from proxy.core.drift.apart import Apart, Pane, apart
from proxy.core.windows import merge, pane_of

RATES_OF_S: Final = 3_600.0
RENEW_MIN_S: Final = 5.0
POWER_EVERY_S: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Rates by signal in [0, 1]; `shapes`: how far they are from the baseline's. None of `underpowered`: too little."""

    rates: Mapping[str, float] = field(default_factory=dict)
    baseline: Mapping[str, float] = field(default_factory=dict)
    shapes: Mapping[str, Apart] = field(default_factory=dict)
    underpowered: bool | None = None


class Standings:
    """One for a control plane."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._due_s = 0.0
        self._powers: dict[str, tuple[Baseline | None, float, bool | None]] = {}  # of what, until when, what was said
        self.known: dict[str, Standing] = {}

    async def work(self, setup: Setup, entries: Iterable[Entry], now_s: float) -> None:
        """Renew what is due. Raises StateError."""
        if self._due_s - RATES_OF_S < now_s < self._due_s:  # a clock that was set back far is no reason to wait
            return
        self._due_s = now_s + max(RENEW_MIN_S, setup.pane_s)
        open_ones = {entry.route.name: entry for entry in entries if not entry.closed}
        self.known = {name: await self._of(setup, entry, len(open_ones), now_s) for name, entry in open_ones.items()}
        self._powers = {name: one for name, one in self._powers.items() if name in open_ones}

    async def _of(self, setup: Setup, entry: Entry, routes: int, now_s: float) -> Standing:
        baseline = setup.baseline(entry)
        panes = await self._panes(setup, entry, RATES_OF_S, now_s)
        seen = await asyncio.to_thread(_seen, panes, baseline, setup.pane_s)
        power = await self._power(setup, entry, baseline, Now(pane_of(now_s, setup.pane_s), setup.pane_s, routes))
        return replace(seen, underpowered=power)

    async def _power(self, setup: Setup, entry: Entry, baseline: Baseline | None, now: Now) -> bool | None:
        name, now_s = entry.route.name, now.pane * now.pane_s
        known = self._powers.get(name)
        if known is None or known[0] != baseline or now_s >= known[1]:
            panes = await self._panes(setup, entry, DAY_S, now_s) if baseline is not None else ()
            found = await asyncio.to_thread(power_of, baseline, setup.policy(name), panes, now)
            known = (baseline, now_s + POWER_EVERY_S, None if found is None else bool(found.underpowered))
            self._powers[name] = known
        return known[2]

    async def _panes(self, setup: Setup, entry: Entry, seconds: float, now_s: float) -> Sequence[Pane]:
        last = pane_of(now_s, setup.pane_s)
        first = last - int(seconds / setup.pane_s)
        return await self._memory.store.panes(entry.route.name, entry.route.candidate.key, first, last)


def _seen(panes: Sequence[Pane], baseline: Baseline | None, pane_s: float) -> Standing:
    rates = dict(rates_of(merge(counts for _, counts in panes)))
    if baseline is None:
        return Standing(rates)
    return Standing(rates, dict(rates_in(baseline)), apart(panes, baseline, pane_s))
