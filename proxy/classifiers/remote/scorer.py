"""One classifier on another machine: mask, ask within budget and breaker, read. Never raises for a text's sake."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from proxy.classifiers.contract import Item, OutOfScope, Scored
from proxy.classifiers.remote.breaker import Breaker, State
from proxy.classifiers.remote.budget import Budget
from proxy.classifiers.remote.call import post, trust
from proxy.classifiers.remote.failures import NOT_THE_SERVERS, Failure, UnansweredError
from proxy.classifiers.remote.key import read_key
from proxy.classifiers.remote.kinds.provider import Reading, UnparsedError
from proxy.classifiers.remote.kinds.registry import KINDS
from proxy.classifiers.remote.outgoing import Redact, Waiting
from proxy.config.sections.judging import RemoteClassifier
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

CONCURRENT_MAX: Final = 4  # requests of one classifier at a time
MODEL_CHARS_MAX: Final = 100


@dataclass(slots=True)
class Totals:
    """What happened since the start."""

    offered: int = 0
    requests: int = 0
    scored: int = 0
    unavailable: Counter[Failure] = field(default_factory=Counter)


class RemoteScorer:
    """Asks one remote classifier. `session` belongs to the caller. Use it in one event loop only.

    `redact` masks what may not leave; with `redact: false` in the settings it is not called. `clock` gives seconds and
    never goes back. Raises TrustError where the file of authorities cannot be used.
    """

    def __init__(
        self,
        spec: RemoteClassifier,
        session: aiohttp.ClientSession,
        redact: Redact,
        clock: Callable[[], float] = time.monotonic,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.spec = spec
        self._session = session
        self._redact: Redact = redact if spec.redact else str
        self._clock = clock
        self._environment = environment
        self._provider = KINDS[spec.kind](spec)
        self._url = spec.url.rstrip("/") + self._provider.path
        self._tls = trust(spec.tls_ca_file)
        self._slots = asyncio.Semaphore(CONCURRENT_MAX)
        self._breaker = Breaker()
        self._budget = Budget.fresh(spec.requests_per_minute_max, spec.requests_per_day_max, clock())
        self.totals = Totals()

    @property
    def version(self) -> str:
        """Name, provider and model: "hosted:openai_moderation@omni-moderation-2024-09-26"."""
        return self._version(self.spec.model)

    @property
    def breaker_state(self) -> State:
        """Where the breaker stands now."""
        return self._breaker.state(self._clock())

    @property
    def budget(self) -> Budget:
        """What may be asked now."""
        return self._budget.at(self._clock())

    async def score_async(self, items: Sequence[Item]) -> list[Scored]:
        """One result for each item, in order; at most CONCURRENT_MAX are asked at a time. Never raises."""
        return list(await asyncio.gather(*(self.score_waiting(Waiting.of(item)) for item in items)))

    async def score_waiting(self, waiting: Waiting) -> Scored:
        """The result for one text that was cut to length already. Never raises."""
        if waiting.empty:
            return Scored(self.version, out_of_scope=OutOfScope.EMPTY)
        try:
            async with self._slots:
                reading = await self._asked(waiting)
        except UnansweredError as why:
            return self.unavailable(why.failure)
        except Exception as wrong:  # a fault of ours costs one judgement; its text is not logged, it may hold theirs
            log.error("remote_classifier_fault", classifier=self.spec.name, kind=type(wrong).__name__)  # noqa: TRY400
            return self.unavailable(Failure.FAULT)
        self.totals.scored += 1
        model = reading.model[:MODEL_CHARS_MAX] or self.spec.model
        return Scored(self._version(model), reading.scores, reading.hazards, {}, reading.flags)

    def unavailable(self, why: Failure) -> Scored:
        """No judgement, counted by its reason."""
        self.totals.unavailable[why] += 1
        return Scored(self.version, out_of_scope=OutOfScope.UNAVAILABLE)

    def refuses(self) -> Failure | None:
        """Why nothing would be asked at this moment; None where something would."""
        now_s = self._clock()
        if not self._breaker.allows(now_s):
            return Failure.BREAKER
        return None if self._budget.at(now_s).left else Failure.BUDGET

    async def _asked(self, waiting: Waiting) -> Reading:
        """Raises UnansweredError. Nothing is masked in vain: what cannot be asked is refused before."""
        self._check()
        key = read_key(self.spec, self._environment)
        item = await self._masked(waiting)
        self._spend()
        try:
            reading = await self._called(item, key)
        except UnansweredError as why:
            self._note(why)
            raise
        except BaseException:  # cancelled, or a fault of ours: it says nothing of the server
            self._breaker = self._breaker.abandoned()
            raise
        self._moved(self._breaker.succeeded(self._clock()))
        return reading

    def _check(self) -> None:
        why = self.refuses()
        if why is not None:
            raise UnansweredError(why)

    def _spend(self) -> None:
        """Take one request out of the budget, and the breaker's leave. No wait stands between looking and taking."""
        self._check()
        now_s = self._clock()
        taken = self._budget.take(now_s)
        if taken is None:
            raise UnansweredError(Failure.BUDGET)
        self._budget, self._breaker = taken, self._breaker.begun(now_s)
        self.totals.requests += 1

    async def _masked(self, waiting: Waiting) -> Item:
        """In a thread: masking a long text takes milliseconds, which belong to counting."""
        try:
            return await asyncio.to_thread(waiting.masked, self._redact)
        except Exception as wrong:
            log.error("remote_redaction_fault", classifier=self.spec.name, kind=type(wrong).__name__)  # noqa: TRY400
            raise UnansweredError(Failure.REDACTION) from None

    async def _called(self, item: Item, key: str) -> Reading:
        into = self._provider.key_parameter
        answer = await post(
            self._session,
            self._url,
            self._provider.body(item),
            headers={"Authorization": f"Bearer {key}"} if key and not into else {},
            query={into: key} if key and into else {},
            tls=self._tls,
            timeout_s=self.spec.timeout_s,
        )
        try:
            return self._provider.read(answer, item)
        except UnparsedError as why:
            log.debug("remote_classifier_unparsed", classifier=self.spec.name, why=str(why))
            raise UnansweredError(Failure.UNPARSED) from None

    def _note(self, why: UnansweredError) -> None:
        now_s = self._clock()
        if why.failure in NOT_THE_SERVERS:
            self._moved(self._breaker.succeeded(now_s), why.failure)
        else:
            self._moved(self._breaker.failed(now_s, why.retry_after_s), why.failure)

    def _moved(self, breaker: Breaker, why: Failure | None = None) -> None:
        """Take the breaker's new state; its opening and closing are each said once."""
        before, self._breaker = self._breaker, breaker
        if breaker.openings > before.openings:
            log.warning("remote_classifier_down", classifier=self.spec.name, why=why, openings=breaker.openings)
        elif before.openings and not breaker.openings:
            log.info("remote_classifier_back", classifier=self.spec.name)

    def _version(self, model: str) -> str:
        return f"{self.spec.name}:{self.spec.kind}@{model or '?'}"
