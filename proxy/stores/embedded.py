"""The default store: counters in memory, made durable by a SQLite file once a second (whoever owns it calls `flush`).

State and records are on disk before their call returns; while the disk takes nothing they wait in memory (`fallback`).
A process that is killed loses what was added since the last flush, and what waits; nothing else. Without a path
everything stays in memory, with the same semantics.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from proxy.core.errors import StateError
from proxy.core.windows import Cell, Counts
from proxy.stores.contract import Figures, First, Resolve
from proxy.stores.database import Database, PaneKey
from proxy.stores.fallback import Fallback

SEEN_MAX: Final = (
    65_536  # prompts remembered of one route; over it the oldest is forgotten: 100 a second for 10 minutes
)

T = TypeVar("T")


class EmbeddedStore:
    """See `contract.Store`. Make one with `open_embedded`."""

    def __init__(self, database: Fallback, worker: ThreadPoolExecutor) -> None:
        self._database = database
        self._worker = worker
        self._panes: dict[tuple[str, str], dict[int, dict[Cell, int]]] = {}
        self._seen: dict[str, dict[str, float]] = {}
        self._new_counts: dict[PaneKey, dict[Cell, int]] = {}
        self._new_seen: dict[tuple[str, str], float] = {}
        self._forgotten: set[tuple[str, str]] = set()
        self._gone: set[str] = set()
        self._before_pane: int | None = None
        self._expired_pane: int | None = None
        self._flushing = asyncio.Lock()
        self.figures = Figures()

    @property
    def moved_aside(self) -> str:
        """The name that a broken state file was given at the start; "" where all was well."""
        return self._database.database.moved_aside

    @property
    def not_durable(self) -> str:
        """Why the last writes are in memory only; "" where they are on disk."""
        return self._database.not_durable

    @property
    def shared(self) -> bool:
        """No: this process is all there is."""
        return False

    def resolve_by(self, resolve: Resolve) -> None:
        """Nobody else writes."""

    @property
    def evidence_local(self) -> str:
        """Never: this process is all there is."""
        return ""

    @property
    def clock_offset_s(self) -> float:
        """None: the machine's clock is the store's."""
        return 0.0

    def restore(self) -> None:
        """Fill the memory from the file; called once, by `open_embedded`."""
        for (route, served, pane), cell, count in self._database.counters():
            self._panes.setdefault((route, served), {}).setdefault(pane, {})[cell] = count
        for route, prompt_hash, at_s in self._database.seen():
            self._seen.setdefault(route, {})[prompt_hash] = at_s

    async def add(self, route: str, served: str, pane: int, counts: Mapping[Cell, int]) -> None:
        """Add counts to a pane; durable after the next flush."""
        held = self._panes.setdefault((route, served), {}).setdefault(pane, {})
        new = self._new_counts.setdefault((route, served, pane), {})
        for cell, count in counts.items():
            held[cell] = held.get(cell, 0) + count
            new[cell] = new.get(cell, 0) + count

    async def add_first(self, route: str, served: str, pane: int, first: First) -> None:
        """What is new here is new: nobody else counts."""
        await self.add(route, served, pane, first.fresh)

    async def panes(self, route: str, served: str, first: int, last: int) -> Sequence[tuple[int, Counts]]:
        """The panes of this range that have data, oldest first."""
        held = self._panes.get((route, served), {})
        wanted = range(first, last + 1) if last - first < len(held) else (p for p in held if first <= p <= last)
        return [(pane, dict(held[pane])) for pane in sorted(pane for pane in wanted if pane in held)]

    async def seen(self, route: str, prompt_hash: str, now_s: float, memory_s: float) -> bool:
        """Test and set. A prompt is remembered from when it counted, so one that is repeated for ever counts again
        each `memory_s`.
        """
        held = self._seen.setdefault(route, {})
        at_s = held.get(prompt_hash)
        if at_s is not None and abs(now_s - at_s) < memory_s:  # a time far ahead: the clock was set back
            return True
        held.pop(prompt_hash, None)  # so that the order of the dict is the order of time
        held[prompt_hash] = now_s
        self._new_seen[route, prompt_hash] = now_s
        self._forgotten.discard((route, prompt_hash))
        while held:
            oldest = next(iter(held))
            if len(held) <= SEEN_MAX and abs(now_s - held[oldest]) < memory_s:
                break
            del held[oldest]
            if self._new_seen.pop((route, oldest), None) is None:  # else it never came to the file
                self._forgotten.add((route, oldest))
        return False

    async def load(self, key: str) -> tuple[int, bytes] | None:
        """A state value and its version."""
        return await self._in_worker(lambda: self._database.load(key))

    async def swap(self, key: str, version: int, value: bytes) -> bool:
        """Compare and set; on disk before it returns, if it can be written."""
        return await self._in_worker(lambda: self._database.swap(key, version, value))

    async def drop(self, key: str, version: int) -> bool:
        """Compare and remove."""
        return await self._in_worker(lambda: self._database.drop(key, version))

    async def append(self, kind: str, record_id: str, at_s: float, record: bytes) -> None:
        """Keep a record; on disk before it returns, if it can be written. Raises StateError where the id is taken."""
        await self._in_worker(lambda: self._database.append(kind, record_id, at_s, record))

    async def record(self, kind: str, record_id: str) -> bytes | None:
        """One record."""
        return await self._in_worker(lambda: self._database.record(kind, record_id))

    async def records(self, kind: str, limit: int) -> Sequence[tuple[str, float, bytes]]:
        """The newest records of a kind."""
        return await self._in_worker(lambda: self._database.records(kind, limit))

    async def expire_records(self, kind: str, before_s: float) -> int:
        """Remove the records of a kind of before this time."""
        return await self._in_worker(lambda: self._database.expire_records(kind, before_s))

    async def expire(self, before_pane: int) -> None:
        """Forget older panes; the file follows at the next flush. An edge is expired once: it costs a whole search."""
        if self._expired_pane is not None and before_pane <= self._expired_pane:
            return
        self._expired_pane = before_pane
        for held in self._panes.values():
            for pane in [pane for pane in held if pane < before_pane]:
                del held[pane]
        self._panes = {key: held for key, held in self._panes.items() if held}
        self._new_counts = {key: counts for key, counts in self._new_counts.items() if key[2] >= before_pane}
        self._before_pane = max(before_pane, self._before_pane or before_pane)

    async def forget(self, route: str) -> None:
        """Forget a route; the file follows at the next flush."""
        self._panes = {key: held for key, held in self._panes.items() if key[0] != route}
        self._seen.pop(route, None)
        self._new_counts = {key: counts for key, counts in self._new_counts.items() if key[0] != route}
        self._new_seen = {key: at_s for key, at_s in self._new_seen.items() if key[0] != route}
        self._forgotten = {key for key in self._forgotten if key[0] != route}
        self._gone.add(route)

    async def flush(self) -> None:
        """Write what is new, in one transaction, after what waits. What could not be written stays new."""
        async with self._flushing:
            counts, self._new_counts = self._new_counts, {}
            seen, self._new_seen = self._new_seen, {}
            forgotten, self._forgotten = self._forgotten, set()
            before_pane, self._before_pane = self._before_pane, None
            gone, self._gone = self._gone, set()
            rows = [(route, prompt_hash, at_s) for (route, prompt_hash), at_s in seen.items()]
            if not (counts or rows or forgotten or gone or before_pane is not None or self.not_durable):
                return
            try:
                await self._in_worker(lambda: self._database.add(counts, rows, forgotten, before_pane, gone))
            except StateError:
                kept = {key: cells for key, cells in counts.items() if key[0] not in self._gone}
                self._take_back(kept, seen, forgotten, before_pane)
                self._gone |= gone
                raise

    def _take_back(
        self,
        counts: dict[PaneKey, dict[Cell, int]],
        seen: dict[tuple[str, str], float],
        forgotten: set[tuple[str, str]],
        before_pane: int | None,
    ) -> None:
        """A flush failed: join what it held with what came since."""
        for key, cells in counts.items():
            new = self._new_counts.setdefault(key, {})
            for cell, count in cells.items():
                new[cell] = new.get(cell, 0) + count
        old = {key: at_s for key, at_s in seen.items() if key not in self._forgotten and key[0] not in self._gone}
        self._new_seen = {**old, **self._new_seen}
        self._forgotten |= {key for key in forgotten if key not in self._new_seen}
        if before_pane is not None:
            self._before_pane = max(before_pane, self._before_pane or before_pane)

    async def close(self) -> None:
        """Flush, and let go of the file even where that fails."""
        try:
            await self.flush()
        finally:
            await self._in_worker(self._database.close)
            self._worker.shutdown()

    async def _in_worker(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, work)
        except sqlite3.IntegrityError as wrong:
            raise StateError(f"a record of this kind and id is kept already: {wrong}") from wrong
        except sqlite3.Error as wrong:
            raise StateError(f"state file: {wrong}; is the disk full, or the folder not writable?") from wrong


async def open_embedded(path: Path | None) -> EmbeddedStore:
    """The store in this SQLite file (made where it is not there), or in memory only.

    A broken file is moved aside and said. Raises StateError where the file cannot be opened at all.
    """
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    def build() -> EmbeddedStore:
        if path is not None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = EmbeddedStore(Fallback(Database(path)), worker)
        store.restore()
        return store

    try:
        return await asyncio.get_running_loop().run_in_executor(worker, build)
    except (sqlite3.Error, OSError) as wrong:
        worker.shutdown(wait=False)
        raise StateError(f"{path}: cannot open the state file: {wrong}; may I write to its folder?") from wrong
