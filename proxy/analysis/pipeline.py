"""From the wire to the store: take, judge, count, flush, acknowledge.

The receiver puts messages into a bounded queue and never waits. One task takes what waits as a batch, bounded in
exchanges, bytes and the time that the first of them waits for others; a batch is judged in one thread, so that the
loop stays free for everything else. Once a second the counts go to the store, and only when they are durable are their
frames acknowledged: so traffic knows what a crash has lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from proxy.analysis import counting
from proxy.analysis.counting import Tally
from proxy.analysis.faults import exchange_fault, fault
from proxy.analysis.judging.batch import Judging, Sampled, Toss, unknown
from proxy.analysis.judging.ordinary import OrdinaryAnswers
from proxy.analysis.once import Once, Place
from proxy.analysis.queue import BoundedQueue
from proxy.analysis.sampling.budget import Work
from proxy.analysis.sampling.coverage import Coverage
from proxy.analysis.sampling.sampler import Sampler
from proxy.analysis.serving import Serving
from proxy.analysis.totals import ANALYSED, DROPPED, Totals
from proxy.core import closing
from proxy.core.baselines.handover import Duty, beside
from proxy.core.closing import Watermark
from proxy.core.errors import StateError
from proxy.core.evidence.signals import ALL
from proxy.core.exchange import Exchange, Purpose
from proxy.core.observation import NO_HARM, Observation
from proxy.core.sampling import FULL_RATES, HARMFUL, HARMLESS, REVIEW, REVIEWED, UNSAMPLED, Rates, fits, weighed
from proxy.core.windows import SCALE, Cell, cell, pane_of
from proxy.dialects.registry import dialect_of
from proxy.link.frames import Stats
from proxy.link.receiver import Peer
from proxy.stores.contract import Store
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

FLUSH_INTERVAL_S: Final = 1.0
BATCH_BYTES_MAX: Final = 4_194_304  # as captured; a batch of one may be larger

NO_ROUTE: Final = "no_route"  # passed on, and never judged
LEARNT: Final = "l"  # before the mark of a prompt, in the counts of a classifier that learns
SKIPPED_FULL: Final = "queue_full"
SKIPPED_FAULT: Final = "fault"
SKIPPED_UNWEIGHED: Final = "unweighed"  # its coverage does not fit its pane: see coverage.py
SKIPPED_LATE: Final = "late"  # its pane had closed before its turn came: it is in no evidence, so nobody judges it
SKIPPED_UNSAMPLED: Final = "unsampled"  # the coin left it out: sampling.py
SKIP_REASONS: Final = (SKIPPED_FULL, SKIPPED_FAULT, SKIPPED_UNWEIGHED, SKIPPED_LATE, SKIPPED_UNSAMPLED)


@dataclass(frozen=True, slots=True)
class Batching:
    """A batch has at most `items_max` exchanges, and its first waits at most `wait_s` for others."""

    items_max: int = 16
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Panes:
    """Length of a pane, time after which any pane has closed, how long a prompt is remembered; all in seconds."""

    pane_s: float
    close_lag_s: float
    duplicate_memory_s: float


OnDone = Callable[[Exchange, str, "Sampled | None"], None]
OnCounted = Callable[[Exchange, counting.Key, int, Sequence[Observation], Set[str]], None]
Message = Exchange | Stats
Taken = tuple[Peer, int, Message]


@dataclass(frozen=True, slots=True)
class _Job:
    """An exchange with the place of its counts."""

    exchange: Exchange
    key: counting.Key
    r: int  # of the wire's thinning
    rates: Rates
    duty: Duty


def _whoever(_: str) -> Duty:
    """Where nobody says who judges."""
    return Duty()


def _nobody(_route: str, _served: str) -> None:
    """Where nobody measures how late answers come."""


class Pipeline:
    """One for the process. `run` until cancelled, then `drain`."""

    def __init__(
        self,
        *,
        store: Store,
        panes: Panes,
        queue: BoundedQueue[Taken],
        judging: Judging,
        note_unknown_model: Callable[[str], None],
        now: Callable[[], float],
        note_dialect: Callable[[str, str], None],
        batching: Batching = Batching(),
        sampler: Sampler | None = None,
        own: Store | None = None,
        serving: Serving | None = None,
        duty_of: Callable[[str], Duty] = _whoever,
        watermark_of: Callable[[str, str], Watermark | None] = _nobody,
    ) -> None:
        """`own` is this process's store, where `store` is shared: what is made of embeddings goes nowhere else.

        `duty_of` says who judges the answers of a route, `watermark_of` which panes of a route and served model have
        closed; None, where nobody says, those of which any would have.
        """
        self._store = store
        self._note_dialect = note_dialect
        self.queue = queue
        self.judging = judging
        self.serving = serving or Serving()
        self.judging.on_read = self.serving.read
        self.ordinary = OrdinaryAnswers(own or store)
        self._note_unknown_model = note_unknown_model
        self._now = now
        self._duty_of = duty_of
        self._watermark_of = watermark_of
        self._once = Once(store, self._count_now, now, lambda: self.panes.duplicate_memory_s)
        self._tally = Tally()
        self._handled: dict[Peer, int] = {}
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="judge")
        self.panes = panes
        self.batching = batching
        self.sampler = sampler or Sampler()
        self.coverage = Coverage()
        self.totals = Totals()
        self.working = False
        self.on_done: OnDone | None = None  # told of every exchange, what became of it and what was seen of it
        self.on_counted: OnCounted | None = None  # told of what has counted: (exchange, key, r, observed, repeated)

    @property
    def work(self) -> Work:
        """What judging took since the start, and what came for it. Skipped for want of room is what came too."""
        totals, waiting = self.totals, len(self.queue)
        seconds = sum(self.judging.costs.seconds.values())
        return Work(seconds, totals.exchanges, totals.exchanges + waiting + totals.skipped[SKIPPED_FULL])

    def on_message(self, peer: Peer, number: int, message: Message, size_bytes: int) -> None:
        """For the receiver. A full queue skips exchanges, which count as lost; a report is always taken."""
        report = isinstance(message, Stats)
        if isinstance(message, Exchange):
            self.serving.arrived(message)
        if not self.queue.put((peer, number, message), size_bytes, always=report) and isinstance(message, Exchange):
            self._skip(message, SKIPPED_FULL)
        self._wake.set()

    async def run(self) -> None:
        """Take messages for ever, a batch at a time."""
        loop = asyncio.get_running_loop()
        while True:
            if not self.queue:
                self._wake.clear()
                await self._wake.wait()
            if len(self.queue) < self.batching.items_max and self.batching.wait_s:
                await asyncio.sleep(self.batching.wait_s)
            begin_s = loop.time()
            await self._next()
            self.totals.busy_s += loop.time() - begin_s
            await asyncio.sleep(0)  # let everybody else have a turn

    async def judge(self, exchange: Exchange, purpose: Purpose, version: str = "") -> tuple[Observation, ...]:
        """For questions of our own, counted nowhere: by the judge of this version, "" whoever judges users' now."""
        loop = asyncio.get_running_loop()
        [seen] = await loop.run_in_executor(self._thread, self.judging.judge, [exchange], purpose, version)
        return unknown(exchange, purpose) if seen is None else seen

    def count_later(self, key: counting.Key, cell: Cell, count: int) -> bool:
        """Add what became known only after its exchange had counted; False, and nothing, where the pane has closed."""
        return not self._has_closed(key) and self._count_at(key, cell, count)

    def count_shown(self, key: counting.Key, cell: Cell, count: int) -> bool:
        """As `count_later`, for what is shown and enters no evidence: it has the most time that is given to any."""
        latest = Watermark(self.panes.close_lag_s)
        return not latest.has_closed(key[2], self.panes.pane_s, self._now()) and self._count_at(key, cell, count)

    def _count_at(self, key: counting.Key, cell: Cell, count: int) -> bool:
        self._tally.add(key, [(cell, count)])
        return True

    def _count_now(self, key: counting.Key, cells: Iterable[tuple[Cell, int]]) -> None:
        self._tally.add(key, cells)

    def _pane(self, time_s: float) -> int:
        """The pane of a moment on this machine's clock: all replicas number panes by the store's."""
        return pane_of(time_s + self._store.clock_offset_s, self.panes.pane_s)

    def _has_closed(self, key: counting.Key) -> bool:
        watermark = self._watermark_of(key[0], key[1]) or Watermark(self.panes.close_lag_s)
        return watermark.has_closed(key[2], self.panes.pane_s, self._now())

    def _note_lag(self, exchange: Exchange) -> None:
        """How late it counts, in the pane of now. Of the base's answers nothing is read as evidence."""
        if not exchange.base_served:
            now_s = self._now()
            lag_s = now_s - self._store.clock_offset_s - exchange.started_s
            key = (exchange.route, exchange.served, pane_of(now_s, self.panes.pane_s))
            self._tally.add(key, [closing.arrival(lag_s)])

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
        """One batch."""
        self.working = True
        try:
            taken = self._batch()
            jobs = [job for _, _, message in taken if (job := self._job(message)) is not None]
            if jobs:
                await self._judge_and_count(jobs)
            self._handled |= {peer: number for peer, number, _ in taken}
            self.totals.exchanges += sum(isinstance(message, Exchange) for _, _, message in taken)
        finally:
            self.working = False

    def _batch(self) -> list[Taken]:
        """The oldest messages, within the bounds of a batch."""
        first, size_bytes = self.queue.take()
        taken = [first]
        while self.queue and len(taken) < self.batching.items_max and size_bytes < BATCH_BYTES_MAX:
            message, more_bytes = self.queue.take()
            taken.append(message)
            size_bytes += more_bytes
        return taken

    def _job(self, message: Message) -> _Job | None:
        """What is to be judged; None where the message is done with."""
        try:
            if isinstance(message, Exchange):
                return self._placed(message)
            self._take_losses(message)
        except Exception as wrong:  # whatever it is, the next message is taken
            fault(log, "message_fault", wrong)
        return None

    def _placed(self, exchange: Exchange) -> _Job | None:
        if not exchange.route:
            if exchange.requested_model:
                self._note_unknown_model(exchange.requested_model)
            self._done(exchange, NO_ROUTE)
            return None
        pane = self._pane(exchange.started_s)
        r = self.coverage.level(pane, exchange.coverage_k)
        if r is None:
            self._skip(exchange, SKIPPED_UNWEIGHED)
            return None
        key = (exchange.route, exchange.served, pane)
        self._tally.add(key, [counting.traffic(r)])
        if self._is_late(key, r):
            self._note_lag(exchange)
            self._done(exchange, SKIPPED_LATE)
            return None
        return _Job(exchange, key, r, self.sampler.rates_of(exchange.route, pane), self._duty(exchange))

    def _duty(self, exchange: Exchange) -> Duty:
        """Who judges it. Nobody learns from the base's answers: a baseline is of the candidate's."""
        duty = self._duty_of(exchange.route)
        return Duty(duty.judge) if exchange.base_served else duty

    def _is_late(self, key: counting.Key, r: int) -> bool:
        if self._has_closed(key):
            self._tally.add(key, [counting.late(r)])
            self.totals.skipped[SKIPPED_LATE] += 1
            self.totals.outcomes[key[0], SKIPPED_LATE] += 1
            return True
        return False

    async def _judge_and_count(self, jobs: Sequence[_Job]) -> None:
        exchanges, tosses = [job.exchange for job in jobs], [self._toss(job) for job in jobs]
        judging = partial(self.judging.sample, exchanges, tosses, [job.duty for job in jobs])
        judged = await asyncio.get_running_loop().run_in_executor(self._thread, judging)
        for job, sampled in zip(jobs, judged, strict=True):
            try:
                if sampled is None:
                    self._skip(job.exchange, SKIPPED_FAULT)
                elif not fits(sampled.draw, job.r):
                    self._skip(job.exchange, SKIPPED_UNWEIGHED)
                else:
                    await self._take(job, sampled)
            except Exception as wrong:  # a fault of ours costs one exchange, said and counted
                exchange_fault(log, wrong, job.exchange)
                self._skip(job.exchange, SKIPPED_FAULT)

    def _toss(self, job: _Job) -> Toss | None:
        """The coin of an exchange; None where all are analysed."""
        if job.rates == FULL_RATES:
            return None
        return partial(self.sampler.toss, job.rates, job.exchange, memory_s=self.panes.duplicate_memory_s)

    async def _take(self, job: _Job, sampled: Sampled) -> None:
        """Count it for what it was drawn for."""
        self._note_lag(job.exchange)
        if self._is_late(job.key, job.r):  # while it was judged
            self._done(job.exchange, SKIPPED_LATE, sampled)
            return
        looked, observed, draw = job.rates != FULL_RATES, sampled.observed, sampled.draw
        harmful = sampled.glance.harmful if looked else any(one.category != NO_HARM for one in observed)
        self.sampler.note(job.exchange.route, job.key[2], harmful=harmful, looked=looked)
        if not draw.analysed:
            await self._pass_over(job, sampled)
            self._done(job.exchange, UNSAMPLED, sampled)
        elif draw.harm is None and draw.all is None:
            self._review(job, observed)
            self._done(job.exchange, REVIEW, sampled)
        else:
            counted = await self._count(job, sampled)
            self._done(job.exchange, ANALYSED, replace(sampled, observed=counted))

    async def _pass_over(self, job: _Job, sampled: Sampled) -> None:
        """An exchange that the coin left out is in no signal, and never safe: it adds to the totals alone."""
        stratum = HARMFUL if sampled.glance.harmful else HARMLESS
        self._tally.add(job.key, [(cell(UNSAMPLED, stratum, job.r, 1), SCALE)])
        self.totals.skipped[SKIPPED_UNSAMPLED] += 1
        self.totals.outcomes[job.exchange.route, UNSAMPLED] += 1
        if sampled.draw.counts_once:
            repeated = await self._once.repeated(job.exchange.route, sampled.observed)
            for mark in {counting.mark(one) for one in sampled.observed} - repeated - {""}:
                await self._once.claim(job.key, mark, {}, {})

    def _review(self, job: _Job, observed: Sequence[Observation]) -> None:
        """Analysed for people to see, and in no estimate."""
        harmful = any(one.harmful_output for one in observed)
        self._tally.add(job.key, [(cell(REVIEW, ALL, job.r, int(harmful)), SCALE)])
        self._tally.add(job.key, weighed(counting.cells(observed, 0, frozenset()), REVIEWED, job.r))
        self.totals.outcomes[job.exchange.route, REVIEW] += 1
        self.totals.add(job.exchange.route, observed, frozenset())

    async def _count(self, job: _Job, sampled: Sampled) -> tuple[Observation, ...]:
        """What was seen, with what only those before it tell."""
        exchange, observed, draw = job.exchange, sampled.observed, sampled.draw
        repeated = await self._once.repeated(exchange.route, observed)
        if draw.all is not None:  # else they are no fair part of what is ordinary
            observed = await self.ordinary.marked(job.key[:2], observed, repeated)
        await self._once.add(Place(job.key, job.r, draw), observed, repeated)
        await self._learn(job, sampled)
        self.totals.add(exchange.route, observed, repeated)
        self.totals.outcomes[exchange.route, ANALYSED] += 1
        if any(one.unassessed is None for one in observed):
            self._note_dialect(exchange.route, dialect_of(exchange.method, exchange.path).name)
        if self.on_counted is not None and draw.all is not None:
            self.on_counted(exchange, job.key, job.r + draw.all, observed, repeated)
        return observed

    async def _learn(self, job: _Job, sampled: Sampled) -> None:
        """Count what a classifier said that judges beside the one whose verdicts count."""
        if sampled.beside:
            route, served, pane = job.key
            place = Place((route, beside(served, job.duty.learner), pane), job.r, sampled.draw, LEARNT)
            repeated = await self._once.repeated(route, sampled.beside, LEARNT)
            await self._once.add(place, sampled.beside, repeated)

    def _done(self, exchange: Exchange, outcome: str, sampled: Sampled | None = None) -> None:
        """Nobody who listens costs an exchange."""
        if self.on_done is None:
            return
        try:
            self.on_done(exchange, outcome, sampled)
        except Exception as wrong:
            exchange_fault(log, wrong, exchange)

    def _skip(self, exchange: Exchange, reason: str) -> None:
        self._done(exchange, reason)
        self.totals.skipped[reason] += 1
        if exchange.route:
            self.totals.outcomes[exchange.route, reason] += 1
        self._lose(exchange.route, exchange.served, exchange.started_s, reason, 1)

    def _take_losses(self, stats: Stats) -> None:
        for loss in stats.lost:
            if loss.route:
                self.totals.outcomes[loss.route, DROPPED] += loss.exchanges
            self._lose(loss.route, loss.served, float(loss.second), "wire", loss.exchanges)

    def _lose(self, route: str, served: str, time_s: float, where: str, exchanges: int) -> None:
        if route:
            self.totals.lost[route] += exchanges
            key = (route, served, self._pane(time_s))
            self._tally.add(key, [counting.lost(where, exchanges)])
