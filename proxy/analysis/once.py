"""A prompt counts once in a while, on whichever replica: what this process saw before, and what the store settles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import TypeAlias

from proxy.analysis import counting
from proxy.analysis.hash_keys import hashes_of
from proxy.core.observation import Observation
from proxy.core.sampling import Draw, weighed
from proxy.core.windows import Cell, Counts, merge
from proxy.stores.contract import First, Store

Count: TypeAlias = Callable[[counting.Key, Iterable[tuple[Cell, int]]], None]


@dataclass(frozen=True, slots=True)
class Place:
    """Where verdicts are counted, how they are weighed, and what tells their prompts from those of other judges."""

    key: counting.Key
    r: int
    draw: Draw
    prefix: str = ""


class Once:
    """One for the process. `memory_s`: how long a prompt is remembered; `now` is the store's clock.

    `count` adds to the tally of now: one that was flushed meanwhile is no place for a count.
    """

    def __init__(self, store: Store, count: Count, now: Callable[[], float], memory_s: Callable[[], float]) -> None:
        self._store = store
        self._count = count
        self._now = now
        self._memory_s = memory_s

    async def repeated(self, route: str, observed: Sequence[Observation], prefix: str = "") -> frozenset[str]:
        """The marks of those prompts that counted lately; all of them are remembered from now on."""
        marks = {mark for mark in map(counting.mark, observed) if mark}
        return frozenset([mark for mark in sorted(marks) if await self._seen(route, prefix + mark)])

    async def add(self, place: Place, observed: Sequence[Observation], repeated: Set[str]) -> None:
        """Into the tally; what is new here and may not be new elsewhere is settled by the store, with its flush."""
        key, draw, r = place.key, place.draw, place.r
        if not self._store.shared:
            self._count(key, weighed(counting.cells(observed, 0, repeated), draw, r))
            return
        groups: dict[str, list[Observation]] = {}
        for one in observed:
            groups.setdefault(counting.mark(one), []).append(one)
        for mark, group in groups.items():
            if not mark or mark in repeated:
                self._count(key, weighed(counting.cells(group, 0, repeated), draw, r))
            else:
                fresh, instead = (
                    merge({one: n} for one, n in weighed(counting.cells(group, 0, known), draw, r))
                    for known in (frozenset[str](), frozenset([mark]))
                )
                await self.claim(key, place.prefix + mark, fresh, instead)

    async def claim(self, key: counting.Key, mark: str, fresh: Counts, instead: Counts) -> None:
        """Let the store count `fresh` where no other replica counted this prompt, else `instead`."""
        await self._store.add_first(*key, First(hashes_of(mark), self._now(), self._memory_s(), fresh, instead))

    async def _seen(self, route: str, mark: str) -> bool:
        """Whether this prompt counted lately, under the key of now or the one before; it is remembered under both."""
        now_s, memory_s = self._now(), self._memory_s()
        found = [await self._store.seen(route, one, now_s, memory_s) for one in hashes_of(mark)]
        return any(found)
