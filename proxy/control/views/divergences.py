"""How far each shape of the last hour is from the baseline's, for the metrics: once a pane, one route after another.

Gauges for people, no alarms (detection section 7). It takes some tens of milliseconds of a busy route, so it is not
done when the metrics are asked for, and not on the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.control.memory import Memory
from proxy.core.gauges import SHAPES_S, divergences
from proxy.core.windows import pane_of


@dataclass(slots=True)
class Divergences:
    """One for the plane. `known`: by route and signal, `js_bits` and `kl_bits` (None: too few answers), and more."""

    memory: Memory
    known: dict[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    _pane: dict[str, int] = field(default_factory=dict)  # in which a route was measured last

    async def measure(self, pane_s: float, now_s: float) -> None:
        """Every route that was not measured in this pane. Raises StateError."""
        now = pane_of(now_s, pane_s)
        for name in await self.memory.names():
            if self._pane.get(name) != now:
                await self._measure_one(name, now, pane_s)
                self._pane[name] = now

    async def _measure_one(self, name: str, now: int, pane_s: float) -> None:
        entry = self.memory.known_entry(name)
        if entry is None or entry.closed or entry.baseline is None:
            self.known.pop(name, None)
            return
        first = pane_of(now * pane_s - SHAPES_S, pane_s) + 1
        panes = await self.memory.store.panes(name, entry.route.candidate.key, first, now)
        self.known[name] = await asyncio.to_thread(divergences, [counts for _, counts in panes], entry.baseline)

    def forget(self, name: str) -> None:
        """This route is no more."""
        self.known.pop(name, None)
        self._pane.pop(name, None)
