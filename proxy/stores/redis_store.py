"""The shared store: Redis 7 or Valkey, alone, as a cluster, or behind Sentinel. Many replicas, no leader.

Counts wait here until the next flush, which is one script call a route, whatever the traffic; `packing` and
`redis_scripts` say how. A prompt that is new here is settled with the flush, against every other replica.

While the store is away (no answer, no memory, no master), counting goes on here within a bound, and reads tell what was
known last and what was counted here since: `evidence_local` says so. State and records wait in `held`. Each flush tries
to reach the store again; the first that succeeds sends everything, and late counts land in their own panes.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from proxy.config.settings import Settings
from proxy.core.errors import StateError
from proxy.core.windows import Cell, Counts, merge, pane_of
from proxy.stores import redis_scripts as scripts
from proxy.stores.contract import Figures, First, Resolve
from proxy.stores.held import Held, theirs
from proxy.stores.mirror import Mirror
from proxy.stores.pending import Pending
from proxy.stores.recent import RecentPrompts
from proxy.stores.redis_counters import RedisCounters
from proxy.stores.redis_keys import DAY_S, state_key
from proxy.stores.redis_link import Away, RedisLink
from proxy.stores.redis_states import RedisStates
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

CLOCK_INTERVAL_S: Final = 10.0
CLOCK_ROUND_TRIP_MAX_S: Final = 0.25  # an answer that took longer says too little of the time
SEAL_BEYOND_LAG_PANES: Final = 10  # late flushes have mostly come by then
MIRROR_NAME: Final = "shared.state"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """`retention_s`: life of a pane. `records_s`: of a record. `cells_max`: counters that may wait.

    No read goes further back than `panes_max` panes: it would ask for each of them. Panes of `pane_s` that ended
    `seal_after_s` ago are packed, a route each `seal_interval_s`.
    """

    retention_s: int
    records_s: int = 400 * DAY_S
    cells_max: int = 250_000
    pane_s: float = 60.0
    seal_after_s: float = 900.0
    seal_interval_s: float = 60.0
    panes_max: int = 100_000


class RedisStore:
    """See `contract.Store`. `now` is this machine's clock."""

    def __init__(
        self,
        link: RedisLink,
        options: Options,
        mirror: Mirror | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.replica = secrets.token_hex(8)
        self.figures = Figures()
        self._resolve: Resolve = theirs
        self._options = options
        self._link = link
        self._now = now
        self._counters = RedisCounters(link, self.replica, options.retention_s)
        self._states = RedisStates(link, self.replica, options.records_s)
        self._pending = Pending(options.cells_max)
        self._recent = RecentPrompts()
        self._held = Held(mirror)
        self._read: dict[tuple[str, str], list[tuple[int, Counts]]] = {}
        self._gone: set[str] = set()
        self._floor: int | None = None
        self._away = ""
        self._offset_s = 0.0
        self._sealed_s: dict[str, float] = {}
        self._clock_s = -CLOCK_INTERVAL_S
        self._flushing = asyncio.Lock()

    # --- what it is --------------------------------------------------------------------------------------------------

    @property
    def shared(self) -> bool:
        """Yes."""
        return True

    def resolve_by(self, resolve: Resolve) -> None:
        """How two changes of one value are settled, once the store is back."""
        self._resolve = resolve

    @property
    def moved_aside(self) -> str:
        """Never: there is no file of ours that could break."""
        return ""

    @property
    def not_durable(self) -> str:
        """Why the last writes are here only."""
        return self._away

    @property
    def evidence_local(self) -> str:
        """Why reads tell only what this process knows."""
        return self._away

    @property
    def clock_offset_s(self) -> float:
        """The store's clock less this machine's."""
        return self._offset_s

    async def open(self) -> None:
        """Reach the store once, so that its clock is known; one that is away is said, and tried again."""
        try:
            await self._look_at_clock()
        except Away as wrong:
            self._leave(wrong)

    # --- counters ----------------------------------------------------------------------------------------------------

    async def add(self, route: str, served: str, pane: int, counts: Mapping[Cell, int]) -> None:
        """Add counts; in the store after the next flush."""
        self._pending.add(route, (served, pane), counts)

    async def add_first(self, route: str, served: str, pane: int, first: First) -> None:
        """Add what a prompt counts that is new here; settled with the flush."""
        self._pending.add_first(route, (served, pane), first)

    async def seen(self, route: str, prompt_hash: str, now_s: float, memory_s: float) -> bool:
        """Test and set, of this process."""
        return self._recent.seen(route, prompt_hash, now_s, memory_s)

    async def panes(self, route: str, served: str, first: int, last: int) -> Sequence[tuple[int, Counts]]:
        """The panes of this range: of all replicas, or what is known here while the store is away."""
        first = max(first, last - self._options.panes_max, first if self._floor is None else self._floor)
        found = await self._or_here(lambda: self._counters.panes(route, served, first, last), lambda: None)
        if found is None:
            return self._local(route, served, first, last)
        self._read[route, served] = found
        return found

    def _local(self, route: str, served: str, first: int, last: int) -> list[tuple[int, Counts]]:
        known: dict[int, Counts] = dict(self._read.get((route, served), ()))
        here = self._pending.local(route, served)
        wanted = sorted(pane for pane in known.keys() | here.keys() if first <= pane <= last)
        return [(pane, merge((known.get(pane, {}), here.get(pane, {})))) for pane in wanted]

    async def expire(self, before_pane: int) -> None:
        """Show no older panes; the store forgets them by itself."""
        self._floor = before_pane if self._floor is None else max(self._floor, before_pane)

    async def forget(self, route: str) -> None:
        """Forget a route, in the store too."""
        self._pending.forget(route)
        self._recent.forget(route)
        self._read = {key: panes for key, panes in self._read.items() if key[0] != route}
        self._sealed_s.pop(route, None)
        self._gone.add(route)
        await self._or_here(self._forget_gone, lambda: None)

    async def _forget_gone(self) -> None:
        for route in list(self._gone):
            await self._counters.forget(route)
            self._gone.discard(route)

    # --- state and records -------------------------------------------------------------------------------------------

    async def load(self, key: str) -> tuple[int, bytes] | None:
        """A state value and its version."""
        if self._away:
            return self._held.load(key)
        try:
            found = await self._states.load(key, self._now())
        except Away as wrong:
            self._leave(wrong)
            return self._held.load(key)
        self._held.note(key, found)
        return found

    async def swap(self, key: str, version: int, value: bytes) -> bool:
        """Compare and set."""
        swapped = await self._or_here(
            lambda: self._states.swap(key, version, value), lambda: self._held.swap(key, version, value)
        )
        if swapped and not self._away:
            self._held.note(key, (version + 1, value))
        return swapped

    async def drop(self, key: str, version: int) -> bool:
        """Compare and remove."""
        if not version:
            return False
        dropped = await self._or_here(
            lambda: self._states.drop(key, version), lambda: self._held.swap(key, version, None)
        )
        if dropped and not self._away:
            self._held.note(key, None)
        return dropped

    async def append(self, kind: str, record_id: str, at_s: float, record: bytes) -> None:
        """Keep a record. Raises StateError where the id is taken."""

        async def there() -> None:
            if not await self._states.append(kind, record_id, at_s, record):
                raise StateError(f"a record of this kind and id is kept already: {kind} {record_id}")

        await self._or_here(there, lambda: self._held.append(kind, record_id, at_s, record))

    async def record(self, kind: str, record_id: str) -> bytes | None:
        """One record."""
        waiting = self._held.record(kind, record_id)
        return waiting or await self._or_here(lambda: self._states.record(kind, record_id), lambda: None)

    async def records(self, kind: str, limit: int) -> Sequence[tuple[str, float, bytes]]:
        """The newest records of a kind."""
        empty: list[tuple[str, float, bytes]] = []
        kept = await self._or_here(lambda: self._states.records(kind, limit), lambda: empty)
        return sorted([*self._held.records(kind), *kept], key=lambda one: -one[1])[:limit]

    async def expire_records(self, kind: str, before_s: float) -> int:
        """Remove old records; what cannot be removed now goes by itself, or with the next call."""
        here = self._held.expire_records(kind, before_s)
        return here + await self._or_here(lambda: self._states.expire_records(kind, before_s), lambda: 0)

    # --- flush -------------------------------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Everything that waits into the store, oldest first. Raises StateError; what was not stored is tried again."""
        async with self._flushing:
            begin_s = time.perf_counter()
            try:
                await self._catch_up()
                done = await asyncio.gather(*map(self._flush_route, self._pending.routes()), return_exceptions=True)
                for wrong in filter(None, done):
                    raise wrong
                await self._seal()
            except Away as wrong:
                self._leave(wrong)
                raise
            finally:
                self.figures.flush_s += time.perf_counter() - begin_s
                self.figures.cells_waiting = self._pending.cells
                self.figures.cells_dropped = self._pending.dropped + self._counters.dropped
            self.figures.flushes += 1
            if self._away:
                log.warning("shared_store_back", records_lost=self._held.records_lost)
                self._away, self._held.records_lost = "", 0

    async def close(self) -> None:
        """Flush, and let go even where that fails."""
        try:
            await self.flush()
        finally:
            await self._link.close()

    async def _flush_route(self, route: str) -> None:
        """All that waits of a route, one numbered flush after the other."""
        while (frozen := self._pending.freeze(route, self._now())) is not None:
            too_old = self._now() - frozen.since_s > self._options.retention_s  # nobody knows its number any more
            if not too_old:
                repeated = await self._counters.flush(route, frozen, self._now() + self._offset_s)
                self.figures.repeated_elsewhere += repeated
            self._pending.acknowledged(route, frozen)
            self._sealed_s.setdefault(route, self._now() - self._options.seal_interval_s)

    async def _seal(self) -> None:
        """Pack old panes of the routes that this process counts for, one route after the other."""
        now_s = self._now()
        for route in [one for one, at_s in self._sealed_s.items() if now_s - at_s >= self._options.seal_interval_s]:
            before = pane_of(now_s + self._offset_s - self._options.seal_after_s, self._options.pane_s)
            await self._counters.seal(route, before)
            self._sealed_s[route] = now_s

    async def _catch_up(self) -> None:
        """The clock, now and then and as a probe; then what was written while the store was away."""
        if self._away or self._now() - self._clock_s >= CLOCK_INTERVAL_S:
            await self._look_at_clock()
        await self._forget_gone()
        for key, change in self._held.changes():
            self._held.settled(key, await self._states.settle(key, change, self._resolve))
        for kind, record_id, at_s, record in self._held.waiting_records():
            await self._states.append(kind, record_id, at_s, record)  # False: it came through before
            self._held.sent(kind, record_id)

    async def _look_at_clock(self) -> None:
        begin_s = self._now()
        seconds, micros = await self._link.script(scripts.TIME, [state_key("clock")])
        end_s = self._now()
        if end_s - begin_s <= CLOCK_ROUND_TRIP_MAX_S or self._clock_s < 0.0:  # the first one is better than none
            self._offset_s = seconds + micros / 1e6 - (begin_s + end_s) / 2
            self._clock_s = end_s

    # --- here or there -----------------------------------------------------------------------------------------------

    async def _or_here(self, there: Callable[[], Awaitable[T]], here: Callable[[], T]) -> T:
        """Ask the store; where it is away, now or since a while, what is known here."""
        if self._away:
            return here()
        try:
            return await there()
        except Away as wrong:
            self._leave(wrong)
            return here()

    def _leave(self, wrong: Away) -> None:
        if not self._away:
            self.figures.outages += 1
            log.error("shared_store_away", error=str(wrong), then="counting goes on here; flushed when it is back")
        self._away = str(wrong)


async def open_redis(settings: Settings) -> RedisStore:
    """The shared store of these settings, reached or not. Raises StateError where the state folder cannot be used."""
    folder = Path(settings.state_dir)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as wrong:
        raise StateError(f"{folder}: {wrong.strerror}; may I write to the state folder?") from wrong
    options = Options(
        panes_max=settings.analysis.panes_kept_max,
        retention_s=int(settings.analysis.panes_kept_max * settings.pane_s) + 1,
        records_s=settings.store.records_kept_days * DAY_S,
        cells_max=settings.store.cells_waiting_max,
        pane_s=settings.pane_s,
        # Wherever panes close sooner, they are packed no sooner: what comes late is still shown, and costs less so.
        seal_after_s=settings.close_lag_s + SEAL_BEYOND_LAG_PANES * settings.pane_s,
    )
    store = RedisStore(RedisLink(settings.store), options, Mirror(folder / MIRROR_NAME))
    await store.open()
    return store
