"""From the wire to the store: take, judge, count, flush, acknowledge.

The receiver puts messages into a bounded queue and never waits. One task takes them, in slices short enough that the
loop stays free for everything else; long bodies are judged in a thread. Once a second the counts go to the store, and
only when they are durable are their frames acknowledged: so traffic knows what a crash has lost.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Container
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from proxy.analysis import counting
from proxy.analysis.counting import Tally
from proxy.analysis.coverage import Coverage
from proxy.analysis.decoding import decode
from proxy.analysis.faults import fault
from proxy.analysis.queue import BoundedQueue
from proxy.core.errors import StateError
from proxy.core.exchange import Exchange
from proxy.core.observation import Observation
from proxy.core.windows import pane_of
from proxy.dialects.registry import dialect_of
from proxy.features.judge import observations
from proxy.link.frames import Stats
from proxy.link.receiver import Peer
from proxy.stores.contract import Store
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

SLICE_S: Final = 0.005
FLUSH_INTERVAL_S: Final = 1.0
THREAD_BYTES_MIN: Final = 65_536  # a body from this size on, or an encoded one, is judged beside the loop

SKIPPED_FULL: Final = "queue_full"
SKIPPED_FAULT: Final = "fault"
SKIPPED_UNWEIGHED: Final = "unweighed"  # its coverage does not fit its pane: see coverage.py
SKIP_REASONS: Final = (SKIPPED_FULL, SKIPPED_FAULT, SKIPPED_UNWEIGHED)


@dataclass(frozen=True, slots=True)
class Panes:
    """Length of a pane, time after which a pane has closed, and how long a prompt is remembered; all in seconds."""

    pane_s: float
    close_lag_s: float
    duplicate_memory_s: float


@dataclass(slots=True)
class Totals:
    """What the pipeline did since it started; `assessed` and `refusals` are by route, the rest by reason."""

    exchanges: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    observations: Counter[tuple[str, str]] = field(default_factory=Counter)  # (route, "ok" or the reason)
    duplicates: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    flushes: int = 0
    flush_faults: int = 0
    flushed_s: float = 0.0
    busy_s: float = 0.0

    def keep(self, routes: Container[str]) -> None:
        """Forget what was counted of other routes: names that come and go for ever have a bound."""
        self.observations = Counter({key: n for key, n in self.observations.items() if key[0] in routes})
        for counter in (self.duplicates, self.lost):
            for gone in [route for route in counter if route not in routes]:
                del counter[gone]


Message = Exchange | Stats


class Pipeline:
    """One for the process. `run` until cancelled, then `drain`."""

    def __init__(
        self,
        *,
        store: Store,
        panes: Panes,
        queue: BoundedQueue[tuple[Peer, int, Message]],
        prompt_hash: Callable[[str], str],
        note_unknown_model: Callable[[str], None],
        now: Callable[[], float],
        note_dialect: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._note_dialect = note_dialect
        self.queue = queue
        self._prompt_hash = prompt_hash
        self._note_unknown_model = note_unknown_model
        self._now = now
        self._tally = Tally()
        self._handled: dict[Peer, int] = {}
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="judge")
        self.panes = panes
        self.coverage = Coverage()
        self.totals = Totals()
        self.sender_stats: dict[int, Stats] = {}

    def on_message(self, peer: Peer, number: int, message: Message, size_bytes: int) -> None:
        """For the receiver. A full queue skips exchanges, which count as lost; a report is always taken."""
        report = isinstance(message, Stats)
        if not self.queue.put((peer, number, message), size_bytes, always=report) and isinstance(message, Exchange):
            self._skip(message, SKIPPED_FULL)
        self._wake.set()

    async def run(self) -> None:
        """Take messages for ever, a slice at a time."""
        loop = asyncio.get_running_loop()
        while True:
            if not self.queue:
                self._wake.clear()
                await self._wake.wait()
            begin_s = now_s = loop.time()
            while self.queue and now_s < begin_s + SLICE_S:
                await self._next()
                now_s = loop.time()
            self.totals.busy_s += now_s - begin_s
            await asyncio.sleep(0)  # let everybody else have a turn

    async def flush(self) -> None:
        """Counts into the store, then acknowledgements. Raises StateError; what was not stored is kept."""
        tally, self._tally = self._tally, Tally()
        handled, self._handled = self._handled, {}
        try:
            while tally:
                key = next(iter(tally.counts))
                await self._store.add(*key, tally.counts[key])
                del tally.counts[key]
            await self._store.flush()
        except StateError:
            for key, cells in tally.counts.items():
                self._tally.add(key, cells.items())
            self._handled = {**handled, **self._handled}
            self.totals.flush_faults += 1
            raise
        for peer, number in handled.items():
            peer.acknowledge(number)
        self.totals.flushes += 1
        self.totals.flushed_s = self._now()

    async def drain(self, patience_s: float) -> None:
        """Handle what waits, at most for `patience_s`, and flush."""
        deadline_s = asyncio.get_running_loop().time() + patience_s
        while self.queue and asyncio.get_running_loop().time() < deadline_s:
            await self._next()
        self._thread.shutdown(wait=False, cancel_futures=True)
        await self.flush()

    async def _next(self) -> None:
        (peer, number, message), size_bytes = self.queue.take()
        try:
            await self._take(peer, message, size_bytes)
        except Exception as wrong:  # whatever it is, the next message is taken
            fault(log, "message_fault", wrong)
        self._handled[peer] = number

    async def _take(self, peer: Peer, message: Message, size_bytes: int) -> None:
        if isinstance(message, Stats):
            self._take_stats(peer, message)
            return
        try:
            await self._take_exchange(message, size_bytes)
        finally:
            self.totals.exchanges += 1

    async def _take_exchange(self, exchange: Exchange, size_bytes: int) -> None:
        if not exchange.route:
            if exchange.requested_model:
                self._note_unknown_model(exchange.requested_model)
            return
        try:
            observed = await self._judge(exchange, size_bytes)
            await self._count(exchange, observed)
        except Exception as wrong:  # a fault of ours costs one exchange, said and counted
            fault(log, "exchange_fault", wrong, exchange=exchange.id, route=exchange.route)
            self._skip(exchange, SKIPPED_FAULT)

    async def _judge(self, exchange: Exchange, size_bytes: int) -> tuple[Observation, ...]:
        def judge() -> tuple[Observation, ...]:
            dialect = dialect_of(exchange.method, exchange.path)
            return observations(
                exchange, dialect=dialect, decode=decode, prompt_hash=self._prompt_hash, pi_k=exchange.coverage_k
            )

        encoded = exchange.request.content_encoding or exchange.response.content_encoding
        if size_bytes < THREAD_BYTES_MIN and not encoded:
            return judge()
        return await asyncio.get_running_loop().run_in_executor(self._thread, judge)

    async def _count(self, exchange: Exchange, observed: tuple[Observation, ...]) -> None:
        now_s = self._now()
        pane = pane_of(exchange.started_s, self.panes.pane_s)
        r = self.coverage.level(pane, exchange.coverage_k)
        if r is None:
            self._skip(exchange, SKIPPED_UNWEIGHED)
            return
        key = (exchange.route, exchange.served, pane)
        self._tally.add(key, [counting.traffic(r)])
        if (pane + 1) * self.panes.pane_s + self.panes.close_lag_s < now_s:
            self._tally.add(key, [counting.late(r)])
            return
        repeated = await self._repeated(exchange.route, observed, now_s)
        cells = list(counting.cells(observed, r, repeated))
        self._tally.add(key, cells)
        self._total(exchange.route, observed, repeated)
        if any(one.unassessed is None for one in observed):
            self._note_dialect(exchange.route, dialect_of(exchange.method, exchange.path).name)

    async def _repeated(self, route: str, observed: tuple[Observation, ...], now_s: float) -> frozenset[str]:
        memory_s = self.panes.duplicate_memory_s
        marks = {mark for mark in map(counting.mark, observed) if mark}
        return frozenset([mark for mark in sorted(marks) if await self._store.seen(route, mark, now_s, memory_s)])

    def _total(self, route: str, observed: tuple[Observation, ...], repeated: frozenset[str]) -> None:
        for one in observed:
            if counting.mark(one) in repeated:
                self.totals.duplicates[route] += 1
            else:
                self.totals.observations[route, one.unassessed.value if one.unassessed else counting.OK] += 1

    def _skip(self, exchange: Exchange, reason: str) -> None:
        self.totals.skipped[reason] += 1
        self._lose(exchange.route, exchange.served, exchange.started_s, reason, 1)

    def _take_stats(self, peer: Peer, stats: Stats) -> None:
        self.sender_stats[peer.process_id] = stats
        for loss in stats.lost:
            self._lose(loss.route, loss.served, float(loss.second), "wire", loss.exchanges)

    def _lose(self, route: str, served: str, time_s: float, where: str, exchanges: int) -> None:
        if route:
            self.totals.lost[route] += exchanges
            key = (route, served, pane_of(time_s, self.panes.pane_s))
            self._tally.add(key, [counting.lost(where, exchanges)])
