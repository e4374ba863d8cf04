"""A remote classifier as the contract has it: `score` blocks. It runs on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import CancelledError
from math import ceil
from types import TracebackType
from typing import Any, Final, TypeVar

import aiohttp

from proxy.classifiers.contract import Item, Scored
from proxy.classifiers.remote.call import open_session
from proxy.classifiers.remote.failures import Failure
from proxy.classifiers.remote.outgoing import Redact
from proxy.classifiers.remote.scorer import CONCURRENT_MAX, RemoteScorer
from proxy.config.sections.judging import RemoteClassifier

T = TypeVar("T")

GRACE_S: Final = 5.0  # for masking, and for a busy machine


class BlockingRemote:
    """A `contract.Classifier`. Close it, or use it as a context; after that every item is unavailable.

    Raises TrustError where the file of authorities cannot be used.
    """

    def __init__(self, spec: RemoteClassifier, redact: Redact) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"remote {spec.name}", daemon=True)
        self._thread.start()
        self._session: aiohttp.ClientSession | None = None
        try:
            self._scorer = self._run(self._built(spec, redact), GRACE_S)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> BlockingRemote:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def version(self) -> str:
        """Name, provider and model."""
        return self._scorer.version

    def score(self, items: Sequence[Item]) -> list[Scored]:
        """One result for each item, in order, within `timeout_s` for every CONCURRENT_MAX items and a little grace."""
        patience_s = self._scorer.spec.timeout_s * ceil(len(items) / CONCURRENT_MAX) + GRACE_S
        if self._loop.is_closed():
            return [self._scorer.unavailable(Failure.STOPPED) for _ in items]
        try:
            return self._run(self._scorer.score_async(items), patience_s)
        except (TimeoutError, CancelledError):
            return [self._scorer.unavailable(Failure.TIMEOUT) for _ in items]

    def close(self) -> None:
        """End what is under way and the thread."""
        if self._loop.is_closed():
            return
        if self._session is not None:
            self._run(_ended(self._session), GRACE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _built(self, spec: RemoteClassifier, redact: Redact) -> RemoteScorer:
        self._session = open_session(CONCURRENT_MAX)
        return RemoteScorer(spec, self._session, redact)

    def _run(self, work: Coroutine[Any, Any, T], patience_s: float) -> T:
        """Run in the thread and wait. Raises TimeoutError, after cancelling it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(patience_s)
        except TimeoutError:
            future.cancel()
            raise


async def _ended(session: aiohttp.ClientSession) -> None:
    await session.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
