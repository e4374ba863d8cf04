"""What one process has counted and not flushed yet, within a bound. Pure.

A flush takes the oldest panes of a route, freezes them under a number and keeps them until they are acknowledged: it is
tried again as it was, so that the store can know it. What comes in the meantime waits for the next number. Beyond
`cells_max` the oldest panes are folded into one counter each of what was lost, so that their panes are known as
impaired; a number of panes beyond any use is dropped and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from proxy.core.evidence.signals import LOST
from proxy.core.windows import Cell, Counts, cell, merge
from proxy.stores.contract import First

CELLS_PER_FLUSH_MAX: Final = 16_384  # some 30 ms in the store; what is more goes under the next number
FIRSTS_WAITING_MAX: Final = 4_096  # of one route; older ones are taken for fresh: this process knows no better
FIRSTS_PER_FLUSH_MAX: Final = 1_024
LOST_PANES_MAX: Final = 10_000
TRAFFIC: Final = "traffic"  # the signal that counts every exchange once

Place = tuple[str, int]  # served model, pane


@dataclass(frozen=True, slots=True)
class Frozen:
    """One flush of one route. It never changes; `since_s` is when it was frozen."""

    number: int
    since_s: float
    counts: Mapping[Place, Counts]
    firsts: tuple[tuple[Place, First], ...]


@dataclass(slots=True)
class Waiting:
    """Of one route."""

    counts: dict[Place, dict[Cell, int]] = field(default_factory=dict)
    firsts: list[tuple[Place, First]] = field(default_factory=list)
    frozen: Frozen | None = None

    def __bool__(self) -> bool:
        return bool(self.counts or self.firsts or self.frozen)


class Pending:
    """One for the process. `cells` counts what waits; `dropped` what was lost because too much waited."""

    def __init__(self, cells_max: int) -> None:
        self._cells_max = cells_max
        self._routes: dict[str, Waiting] = {}
        self._number = 0
        self.cells = 0
        self.dropped = 0

    def add(self, route: str, place: Place, counts: Mapping[Cell, int]) -> None:
        """Add counts to a pane."""
        held = self._routes.setdefault(route, Waiting()).counts.setdefault(place, {})
        before = len(held)
        for one, count in counts.items():
            held[one] = held.get(one, 0) + count
        self.cells += len(held) - before
        if self.cells > self._cells_max:
            self._shrink()

    def add_first(self, route: str, place: Place, first: First) -> None:
        """Add the counts of a prompt that is new here."""
        waiting = self._routes.setdefault(route, Waiting())
        waiting.firsts.append((place, first))
        self.cells += _size(first)
        if len(waiting.firsts) > FIRSTS_WAITING_MAX or self.cells > self._cells_max:
            self._settle(route, waiting)

    def routes(self) -> list[str]:
        """Those with something to flush."""
        return [route for route, waiting in self._routes.items() if waiting]

    def freeze(self, route: str, now_s: float) -> Frozen | None:
        """The next flush of a route: the one that was not acknowledged, or a new one; None where nothing waits."""
        waiting = self._routes.get(route)
        if waiting is None:
            return None
        if waiting.frozen is None and (waiting.counts or waiting.firsts):
            self._number += 1
            firsts = tuple(waiting.firsts[:FIRSTS_PER_FLUSH_MAX])
            del waiting.firsts[:FIRSTS_PER_FLUSH_MAX]
            waiting.frozen = Frozen(self._number, now_s, _oldest(waiting.counts), firsts)
        return waiting.frozen

    def acknowledged(self, route: str, frozen: Frozen) -> None:
        """This flush of this route is stored, or is given up; the route may have been forgotten since."""
        waiting = self._routes.get(route)
        if waiting is None or waiting.frozen is not frozen:
            return
        self.cells -= _cells(frozen)
        waiting.frozen = None
        if not waiting:
            del self._routes[route]

    def local(self, route: str, served: str) -> dict[int, dict[Cell, int]]:
        """By pane, what is not known to be stored; every prompt that is new here is taken for new."""
        found: dict[int, list[Counts]] = {}
        for (one, pane), counts in _places(self._routes.get(route, Waiting())):
            if one == served:
                found.setdefault(pane, []).append(counts)
        return {pane: merge(parts) for pane, parts in found.items()}

    def forget(self, route: str) -> None:
        """Nothing of this route is flushed any more."""
        waiting = self._routes.pop(route, None)
        if waiting is not None:
            self.cells -= sum(len(counts) for counts in waiting.counts.values())
            self.cells -= sum(_size(first) for _, first in waiting.firsts)
            self.cells -= 0 if waiting.frozen is None else _cells(waiting.frozen)

    def _settle(self, route: str, waiting: Waiting) -> None:
        """The older half of the prompts is taken for new."""
        older = waiting.firsts[: len(waiting.firsts) // 2 + 1]
        del waiting.firsts[: len(older)]
        for place, first in older:
            self.cells -= _size(first)
            self.add(route, place, first.fresh)

    def _shrink(self) -> None:
        """Fold the oldest panes of all routes into what was lost, until a tenth of the room is free."""
        ages = [(place[1], route, place) for route, one in self._routes.items() for place in one.counts]
        for _, route, place in sorted(ages):
            if self.cells <= self._cells_max * 0.9:
                return
            self._give_up(self._routes[route].counts, place, keep=len(ages) <= LOST_PANES_MAX)

    def _give_up(self, held: dict[Place, dict[Cell, int]], place: Place, *, keep: bool) -> None:
        counts = held.pop(place)
        lost = _as_lost(counts)
        if keep:
            held[place] = lost
        if counts != lost or not keep:
            self.cells -= len(counts) - keep
            self.dropped += len(counts)


def _oldest(counts: dict[Place, dict[Cell, int]]) -> dict[Place, dict[Cell, int]]:
    """Take the oldest panes out, as many as go into one flush; one at least."""
    taken: dict[Place, dict[Cell, int]] = {}
    cells = 0
    for place in sorted(counts, key=lambda one: (one[1], one[0])):
        cells += len(counts[place])
        if taken and cells > CELLS_PER_FLUSH_MAX:
            break
        taken[place] = counts.pop(place)
    return taken


def _places(waiting: Waiting) -> Iterator[tuple[Place, Counts]]:
    yield from waiting.counts.items()
    yield from ((place, first.fresh) for place, first in waiting.firsts)
    if waiting.frozen is not None:
        yield from waiting.frozen.counts.items()
        yield from ((place, first.fresh) for place, first in waiting.frozen.firsts)


def _as_lost(counts: Counts) -> dict[Cell, int]:
    """One counter for a pane that is given up: its exchanges, all of them lost."""
    lost = sum(count for one, count in counts.items() if one.signal in (TRAFFIC, LOST))
    return {cell(LOST, "store", 0, 1): lost}


def _size(first: First) -> int:
    return len(first.fresh) + len(first.instead)


def _cells(frozen: Frozen) -> int:
    return sum(map(len, frozen.counts.values())) + sum(_size(first) for _, first in frozen.firsts)
