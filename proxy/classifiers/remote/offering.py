"""The pipeline's side of remote classifiers: `offer` never waits; what was judged comes later, by a callback.

Counting never depends on it: a full queue, a spent budget, an open breaker or a dead server leave a text without a
remote judgement, and that is all they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from proxy.classifiers.contract import Item, Scored
from proxy.classifiers.remote.failures import Failure
from proxy.classifiers.remote.outgoing import Waiting
from proxy.classifiers.remote.sampling import chosen
from proxy.classifiers.remote.scorer import CONCURRENT_MAX, RemoteScorer
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

T = TypeVar("T")

QUEUE_ITEMS_MAX: Final = 64  # of one classifier; an item is cut to some 30,000 characters before it waits
NO_HARM: Final = frozenset({"refusal", "hedge"})  # signals that are no fault of an answer


@dataclass(frozen=True, slots=True)
class Judged(Generic[T]):
    """What a remote classifier said of an item; `about` is what was offered with it. Only judgements come."""

    classifier: str
    exchange_id: str
    about: T
    scored: Scored

    @property
    def flagged(self) -> bool:
        """Whether it found any harm. That an answer refuses is none."""
        return any(flag for signal, flag in self.scored.flags.items() if signal not in NO_HARM)


class RemoteScorers(Generic[T]):
    """All remote classifiers of a process. `start` in the event loop, `close` at the end; the session is the caller's.

    `on_judged` is called in the event loop for each judgement. It may raise: that is logged, and the next one comes.
    """

    def __init__(self, scorers: Iterable[RemoteScorer], on_judged: Callable[[Judged[T]], None]) -> None:
        self._queues = [_Queue(scorer, on_judged) for scorer in scorers]

    def __iter__(self) -> Iterator[tuple[RemoteScorer, int]]:
        """Each classifier, and how many items wait for it."""
        return ((queue.scorer, len(queue)) for queue in self._queues)

    def start(self) -> None:
        """Begin to ask."""
        for queue in self._queues:
            queue.start()

    def offer(self, exchange_id: str, item: Item, about: T) -> None:
        """Offer an item to each classifier whose share holds this exchange. Never waits, never raises."""
        for queue in self._queues:
            queue.offer(exchange_id, item, about)

    def wants(self, exchange_id: str) -> bool:
        """Whether an item of this exchange would be offered to anybody: who asks first prepares nothing in vain."""
        return any(queue.wants(exchange_id) for queue in self._queues)

    def missed(self, exchange_id: str) -> None:
        """An item of this exchange could not be offered: the caller's own queue was full."""
        for queue in self._queues:
            if queue.wants(exchange_id):
                queue.scorer.totals.offered += 1
                queue.scorer.unavailable(Failure.QUEUE)

    async def close(self) -> None:
        """Drop what waits, cancel what is under way. Offers after it are nothing."""
        for queue in self._queues:
            await queue.close()


class _Queue(Generic[T]):
    """What waits for one classifier, and the tasks that ask it."""

    def __init__(self, scorer: RemoteScorer, on_judged: Callable[[Judged[T]], None]) -> None:
        self.scorer = scorer
        self._on_judged = on_judged
        self._waiting: asyncio.Queue[tuple[str, Waiting, T]] = asyncio.Queue(QUEUE_ITEMS_MAX)
        self._tasks: list[asyncio.Task[None]] = []
        self._open = False

    def __len__(self) -> int:
        return self._waiting.qsize()

    def start(self) -> None:
        self._open = True
        name = f"remote {self.scorer.spec.name}"
        self._tasks = [asyncio.create_task(self._work(), name=name) for _ in range(CONCURRENT_MAX)]

    def wants(self, exchange_id: str) -> bool:
        return self._open and chosen(exchange_id, self.scorer.spec.name, self.scorer.spec.share)

    def offer(self, exchange_id: str, item: Item, about: T) -> None:
        if not self.wants(exchange_id):
            return
        self.scorer.totals.offered += 1
        refused = self.scorer.refuses() or (Failure.QUEUE if self._waiting.full() else None)
        if refused is not None:
            self.scorer.unavailable(refused)
            return
        self._waiting.put_nowait((exchange_id, Waiting.of(item), about))

    async def close(self) -> None:
        self._open = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while not self._waiting.empty():
            self._waiting.get_nowait()
            self.scorer.unavailable(Failure.STOPPED)

    async def _work(self) -> None:
        while True:
            exchange_id, waiting, about = await self._waiting.get()
            scored = await self.scorer.score_waiting(waiting)
            if scored.out_of_scope is None:
                self._tell(Judged(self.scorer.spec.name, exchange_id, about, scored))

    def _tell(self, judged: Judged[T]) -> None:
        try:
            self._on_judged(judged)
        except Exception as wrong:  # a fault in counting stops no asking
            log.error("remote_judgement_fault", classifier=judged.classifier, kind=type(wrong).__name__)  # noqa: TRY400
