"""Many replicas on one real shared store, each behind a link that fails, with a clock of its own, restarted at will.

Beside them a single process is fed the same exchanges: each a moment (by the store's clock), a harm category, and
whether it was refused. Its client asks again, of another replica, where the first died before anything was sent.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from proxy.analysis import counting
from proxy.core.errors import StateError
from proxy.core.exchange import Purpose
from proxy.core.observation import Observation
from proxy.core.windows import Cell, merge, pane_of
from proxy.stores.contract import Store
from proxy.stores.redis_store import RedisStore
from tests.contracts.flaky import FlakyLink, replica

ROUTE: Final = "support"
SERVED: Final = "default/support"
PANE_S: Final = 60.0
CATEGORIES: Final = ("crime", "violence")


@dataclass(frozen=True, slots=True)
class Asked:
    """One exchange. `time_s` lies in the middle of a pane: clocks agree to milliseconds, not better."""

    number: int
    time_s: float
    category: str
    refused: int

    def counts(self) -> dict[Cell, int]:
        """As the pipeline counts it."""
        seen = Observation(
            f"{self.number}",
            ROUTE,
            SERVED,
            base_served=False,
            time_s=self.time_s,
            purpose=Purpose.USER,
            prompt_hash=f"{self.number}",
            category=self.category,
            refusal=self.refused,
        )
        return merge({place: n} for place, n in (counting.traffic(0), *counting.cells([seen], 0, frozenset())))


def traffic(toss: random.Random, panes: int, each: int, begin_s: float) -> list[Asked]:
    """Refuses 96 of 100 for the first half of the panes, then 40."""
    made = []
    for i in range(panes * each):
        pane, rate = i // each, 0.96 if i // each < panes // 2 else 0.40
        time_s = begin_s + (pane + 0.5) * PANE_S
        made.append(Asked(i, time_s, toss.choice(CATEGORIES), int(toss.random() < rate)))
    return made


@dataclass
class Replica:
    """One process: its clock is off by `skew_s`. `unsent`: what it counted since its last try to flush."""

    url: str
    skew_s: float
    toss: random.Random
    store: RedisStore = field(init=False)
    link: FlakyLink = field(init=False)
    unsent: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store, self.link = replica(self.url, now=lambda: time.time() + self.skew_s)

    async def take(self, asked: Asked) -> None:
        """Count an exchange, in the pane that this process's clock and the store's say."""
        started_s = asked.time_s + self.skew_s  # what its traffic process wrote down
        pane = pane_of(started_s + self.store.clock_offset_s, PANE_S)
        await self.store.add(ROUTE, SERVED, pane, asked.counts())
        self.unsent.append(asked)

    async def flush(self) -> bool:
        """Try; on the way there or back it may be lost."""
        self.link.faults = [self.toss.choice(["", "", "before", "after"]) for _ in range(4)]
        self.unsent = []
        try:
            await self.store.flush()
        except StateError:
            return False
        return True

    async def restart(self) -> Sequence[Asked]:
        """Killed, and started anew: what was counted and never sent is asked again by its clients."""
        lost, self.unsent = self.unsent, []
        await self.link.close()
        self.__post_init__()
        await self.store.open()
        return lost


@dataclass
class Fleet:
    """`replicas` of them, and the single process beside them."""

    replicas: Sequence[Replica]
    alone: Store
    toss: random.Random

    async def run(self, exchanges: Sequence[Asked], rounds: int) -> None:
        """Feed all, in some order, while links are cut and mended, flushes come late and twice, and replicas die."""
        waiting = list(exchanges)
        for asked in exchanges:
            await self.alone.add(ROUTE, SERVED, pane_of(asked.time_s, PANE_S), asked.counts())
        per_round = len(waiting) // rounds + 1
        while waiting:
            batch, waiting = waiting[:per_round], waiting[per_round:]
            for asked in batch:
                await self.toss.choice(self.replicas).take(asked)
            for one in self.toss.sample(self.replicas, len(self.replicas) // 2):
                one.link.cut = self.toss.random() < 0.2
                done = await one.flush()
                if done and self.toss.random() < 0.1:  # else a flush may be in the store and not known to be
                    waiting += await one.restart()
        await self.settle()

    async def settle(self) -> None:
        """Every link is mended, and everything arrives."""
        for one in self.replicas:
            one.link.cut, one.toss = False, random.Random(0)
            while not await one.flush():
                pass

    async def panes(self, store: Store, first: int, last: int) -> list[tuple[int, Mapping[Cell, int]]]:
        """As any replica reads them."""
        return [(pane, dict(counts)) for pane, counts in await store.panes(ROUTE, SERVED, first, last)]
