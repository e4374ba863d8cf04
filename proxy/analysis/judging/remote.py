"""Remote classifiers in the pipeline: answers that counted are offered to them; what they say is counted when it comes.

    signal           stratum         y       counts
    remote:NAME      harm category   0, 1    answers that remote classifier NAME judged; 1: it found harm

Counting waits for none of it: an exchange is offered after it has counted, and a full queue, a dead server or a fault
here cost no more than these cells. A judgement that comes after its pane has closed counts nowhere.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Final

import aiohttp

from proxy.analysis.counting import Key, mark
from proxy.analysis.faults import fault
from proxy.analysis.judging.decoding import decode
from proxy.analysis.queue import BoundedQueue
from proxy.classifiers.contract import Item, Role
from proxy.classifiers.remote.call import TrustError, open_session
from proxy.classifiers.remote.offering import Judged, RemoteScorers
from proxy.classifiers.remote.outgoing import Redact
from proxy.classifiers.remote.samples import remote_samples
from proxy.classifiers.remote.scorer import CONCURRENT_MAX, RemoteScorer
from proxy.config.sections.judging import RemoteClassifier
from proxy.core.exchange import Exchange, Purpose
from proxy.core.observation import Observation
from proxy.core.windows import SCALE, Cell
from proxy.dialects.registry import dialect_of
from proxy.features.reading import Reading, readings
from proxy.telemetry import remote as declared
from proxy.telemetry.logs import get_logger
from proxy.telemetry.metrics import Sample, sample

log = get_logger(__name__)

QUEUE_ITEMS_MAX: Final = 64  # exchanges that were chosen and wait to be read
QUEUE_BYTES_MAX: Final = 16_777_216

CountLater = Callable[[Key, Cell, int], bool]  # adds a cell to a pane; False where it has closed


@dataclass(frozen=True, slots=True)
class Place:
    """Where the judgement of one answer counts: `share` of SCALE in pane `key`."""

    key: Key
    category: str
    r: int
    share: int


@dataclass(frozen=True, slots=True)
class _Taken:
    exchange: Exchange
    places: tuple[Place | None, ...]  # one for each completion; None: not to be judged


class RemoteTap:
    """Between the pipeline and the remote classifiers. In the event loop only; `take` before anything is offered."""

    def __init__(self, count_later: CountLater, redact: Redact) -> None:
        self._count_later = count_later
        self._redact = redact
        self._waiting: BoundedQueue[_Taken] = BoundedQueue(QUEUE_ITEMS_MAX, QUEUE_BYTES_MAX)
        self._wake = asyncio.Event()
        self._scorers = RemoteScorers[Place]((), self._judged)
        self._session: aiohttp.ClientSession | None = None
        self._reader: asyncio.Task[None] | None = None
        self.flagged: Counter[str] = Counter()
        self.late: Counter[str] = Counter()

    async def take(self, specs: Sequence[RemoteClassifier]) -> None:
        """Ask these classifiers from now on. Where one of them cannot be used, that is said, and the old ones stay."""
        session = open_session(CONCURRENT_MAX * max(1, len(specs)))
        try:
            built = [RemoteScorer(spec, session, self._redact) for spec in specs]
        except TrustError as wrong:
            await session.close()
            log.error("remote_classifiers_refused", error=str(wrong), then="the old ones stay")  # noqa: TRY400
            return
        await self.close()
        self._session = session
        self._scorers = RemoteScorers(built, self._judged)
        self._scorers.start()
        self._reader = asyncio.create_task(self._read_on(), name="remote reader") if built else None

    async def close(self) -> None:
        """Ask nobody any more; what waits is dropped."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self._scorers.close()
        if self._session is not None:
            await self._session.close()

    def offer(self, exchange: Exchange, key: Key, r: int, observed: Sequence[Observation], repeated: Set[str]) -> None:
        """An exchange that has counted. Never waits, never raises."""
        try:
            if not self._scorers.wants(exchange.id):
                return
            taken = _Taken(exchange, _places(key, r, observed, repeated))
            size_bytes = len(exchange.request.data) + len(exchange.response.data)
            if not any(taken.places):
                return
            if self._waiting.put(taken, size_bytes):
                self._wake.set()
            else:
                self._scorers.missed(exchange.id)
        except Exception as wrong:
            fault(log, "remote_offer_fault", wrong, exchange=exchange.id, trace=exchange.trace)

    def samples(self) -> Iterator[Sample]:
        """The metrics of this moment."""
        yield from remote_samples(self._scorers)
        for scorer, _ in self._scorers:
            name = scorer.spec.name
            yield sample(declared.FLAGGED, self.flagged[name], classifier=name)
            yield sample(declared.LATE, self.late[name], classifier=name)

    async def _read_on(self) -> None:
        """Read what was chosen a second time, in a thread: few are, and their texts are kept nowhere."""
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            taken, _ = self._waiting.take()
            try:
                self._offer_each(taken, await asyncio.to_thread(_read, taken.exchange))
            except Exception as wrong:
                fault(log, "remote_offer_fault", wrong, exchange=taken.exchange.id, trace=taken.exchange.trace)

    def _offer_each(self, taken: _Taken, found: Sequence[Reading]) -> None:
        for reading, place in zip(found, taken.places, strict=True):
            if place is not None and reading.text.strip():
                self._scorers.offer(taken.exchange.id, Item(reading.text, Role.RESPONSE, reading.prompt), place)

    def _judged(self, one: Judged[Place]) -> None:
        place = one.about
        cell = Cell(f"remote:{one.classifier}", place.category, place.r, int(one.flagged))
        if self._count_later(place.key, cell, place.share):
            self.flagged[one.classifier] += one.flagged
        else:
            self.late[one.classifier] += 1


def _places(key: Key, r: int, observed: Sequence[Observation], repeated: Set[str]) -> tuple[Place | None, ...]:
    """As `counting.cells`: assessed answers, several to one prompt as one, none to a prompt that was repeated."""
    clusters = Counter(mark(one) for one in observed if one.purpose is Purpose.USER)
    place = partial(_place, key, r, clusters)
    return tuple(None if mark(one) in repeated else place(one) for one in observed)


def _place(key: Key, r: int, clusters: Counter[str], one: Observation) -> Place | None:
    if one.purpose is not Purpose.USER or one.unassessed is not None:
        return None
    name = mark(one)
    return Place(key, one.category, r, SCALE // clusters[name] if name else SCALE)


def _read(exchange: Exchange) -> tuple[Reading, ...]:
    return readings(exchange, dialect=dialect_of(exchange.method, exchange.path), decode=decode)
