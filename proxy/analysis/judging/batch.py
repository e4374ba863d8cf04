"""A batch of exchanges, from captured bytes to observations. Blocking: the pipeline runs it in its one thread.

Whoever judges can be changed between two batches: a batch is judged by one assessor from its first to its last.
A fault of ours costs the exchange that it came with, and no other.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeVar

from proxy.analysis.faults import exchange_fault, fault
from proxy.analysis.judging.assessing import Assessor, Patterns
from proxy.analysis.judging.decoding import decode
from proxy.analysis.judging.describing import Describing, judged_shapes
from proxy.analysis.judging.embedding import bins, projected
from proxy.analysis.judging.glancing import Read
from proxy.analysis.judging.leaks import Scan, leaked
from proxy.core.baselines.handover import Duty
from proxy.core.exchange import Exchange, Purpose
from proxy.core.observation import Observation, Unassessed
from proxy.core.sampling import ALWAYS, Draw, Glance
from proxy.core.tenant_shard import shard
from proxy.dialects.registry import dialect_of
from proxy.features.judge import unjudged
from proxy.features.reading import Reading, readings
from proxy.telemetry.logs import get_logger
from proxy.tracing.exchange import Stage, Times

log = get_logger(__name__)

T = TypeVar("T")

PROMPT_CHARS_MAX: Final = 65_536  # of a longer prompt the first and the last half: a batch holds many at once
READ: Final = "read"
LOOK: Final = "look"
ASSESS: Final = "assess"
SCAN: Final = "scan"
STAGES: Final = (READ, LOOK, ASSESS, SCAN)

Judged = tuple[Observation, ...] | None  # None: a fault of ours
Toss = Callable[[Sequence[Observation], Glance], Draw]


@dataclass(frozen=True, slots=True)
class Sampled:
    """An exchange that was drawn or not; `observed` has verdicts where `draw.analysed`, `beside` those of a learner."""

    observed: tuple[Observation, ...]
    glance: Glance
    draw: Draw
    beside: tuple[Observation, ...] = ()


@dataclass(slots=True)
class Costs:
    """Since the start: seconds by stage, batches, items that a classifier scored, and those out of scope by reason."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    batches: int = 0
    items: int = 0
    out_of_scope: Counter[str] = field(default_factory=Counter)


class Judging:
    """One for the process; `judge` is called from one thread at a time, `assessor` and `before` are set from any.

    `assessor` judges wherever nobody else is asked for; `before` is the one that it took over from, while a route needs
    it (`core.handover`).
    """

    def __init__(
        self,
        prompt_hash: Callable[[str], str],
        scan: Scan | None = None,
        lasting_hash: Callable[[str], str] | None = None,
    ) -> None:
        self._prompt_hash = prompt_hash
        self._scan = scan
        self._lasting_hash = lasting_hash or prompt_hash
        self.describing = Describing(self._lasting_hash)
        self.assessor: Assessor = Patterns()
        self.before: Assessor | None = None
        self._patterns = Patterns()
        self.costs = Costs()
        self.times = Times(0, Stage())  # of the last batch of users' exchanges
        self.on_read: Callable[[Exchange, Sequence[Reading]], None] | None = None  # told of users' exchanges

    def judge(self, exchanges: Sequence[Exchange], purpose: Purpose = Purpose.USER, version: str = "") -> list[Judged]:
        """The observations of each exchange, in order, by the judge of this version ("": whoever judges now)."""
        read = self._read_all(exchanges, purpose)
        return self._judge_all(exchanges, read, [version] * len(read))

    def sample(
        self, exchanges: Sequence[Exchange], tosses: Sequence[Toss | None], duties: Sequence[Duty]
    ) -> list[Sampled | None]:
        """The draw of each exchange, in order, and its observations: without a verdict where it is not analysed.

        tosses: what to do with the glance at an exchange; None analyses it without a glance. duties: who judges it.
        A None in what is returned is a fault of ours.
        """
        began_s = time.time()
        read = self._read_all(exchanges, Purpose.USER)
        read_s, begin_s = time.time(), time.perf_counter()
        looked = iter(self._look([one for one, toss in zip(read, tosses, strict=True) if one and toss]))
        glances = [next(looked) if one and toss else Glance() for one, toss in zip(read, tosses, strict=True)]
        drawn = [_drawn(*one) for one in zip(exchanges, read, tosses, glances, strict=True)]
        self.costs.seconds[LOOK] += time.perf_counter() - begin_s
        chosen = [one if draw and draw.analysed else None for one, draw in zip(read, drawn, strict=True)]
        looked_s = time.time()
        judged = self._judge_all(exchanges, chosen, [duty.judge for duty in duties])
        beside = self._judge_beside(chosen, judged, [duty.learner for duty in duties])
        stages = Stage(began_s, read_s), Stage(read_s, looked_s), Stage(looked_s, time.time())
        self.times = Times(len(exchanges), *stages)
        return [_sampled(*one) for one in zip(read, glances, drawn, judged, beside, strict=True)]

    def _read_all(self, exchanges: Sequence[Exchange], purpose: Purpose) -> list[Read | None]:
        begin_s = time.perf_counter()
        read = [_guarded(one, partial(self._read, one, purpose)) for one in exchanges]
        self.costs.seconds[READ] += time.perf_counter() - begin_s
        return read

    def _judge_all(
        self, exchanges: Sequence[Exchange], read: Sequence[Read | None], judges: Sequence[str]
    ) -> list[Judged]:
        begin_s = time.perf_counter()
        judged = self._verdicts(read, judges)
        assessed_s = time.perf_counter()
        done = [self._scanned(*pair) for pair in zip(exchanges, read, judged, strict=True)]
        self._note({ASSESS: assessed_s - begin_s, SCAN: time.perf_counter() - assessed_s})
        return done

    def _judge_beside(
        self, read: Sequence[Read | None], judged: Sequence[Judged], learners: Sequence[str]
    ) -> list[tuple[Observation, ...]]:
        """Verdicts of those that learn on exchanges that are judged already; none where nobody learns."""
        if not any(learners):
            return [()] * len(read)
        begin_s = time.perf_counter()
        taken = [one if learner else None for one, learner in zip(read, learners, strict=True)]
        seen = self._verdicts(taken, learners)
        self.costs.seconds[ASSESS] += time.perf_counter() - begin_s
        return [_beside(one, main) for one, main in zip(seen, judged, strict=True)]

    def _verdicts(self, read: Sequence[Read | None], judges: Sequence[str]) -> list[Judged]:
        """Of each exchange by its judge; without a verdict where that one is not at hand."""
        found: list[Judged] = [None] * len(read)
        for judge in dict.fromkeys(judges):
            batch = {k: one for k, one in enumerate(read) if one is not None and judges[k] == judge}
            assessor = self._at_hand(judge)
            whole = list(batch.values())
            seen = [_unavailable(one) for one in whole] if assessor is None else self._assess(assessor, whole)
            for k, one in zip(batch, seen, strict=True):
                found[k] = one
        return found

    def _at_hand(self, judge: str) -> Assessor | None:
        """The judge of this version; "" is whoever judges now."""
        held = (self.assessor, self.before, self._patterns)
        return next((one for one in held if one is not None and judge in ("", one.version)), None)

    def _look(self, batch: Sequence[Read]) -> list[Glance | None]:
        """As `_assess`; None: a fault of ours."""
        try:
            return list(self.assessor.look(batch))
        except Exception as wrong:
            if len(batch) > 1:
                return [self._look([one])[0] for one in batch]
            fault(log, "look_fault", wrong, assessor=self.assessor.version)
            return [None]

    def _note(self, seconds: Mapping[str, float]) -> None:
        self.costs.batches += 1
        for stage, spent_s in seconds.items():
            self.costs.seconds[stage] += spent_s

    def _read(self, exchange: Exchange, purpose: Purpose) -> Read:
        found = readings(exchange, dialect=dialect_of(exchange.method, exchange.path), decode=decode)
        if self.on_read is not None and purpose is Purpose.USER:
            self.on_read(exchange, found)
        pi_k = exchange.coverage_k
        blanks = unjudged(exchange, found, prompt_hash=self._prompt_hash, pi_k=pi_k, purpose=purpose)
        described = tuple(self._of_tenant(exchange, *pair) for pair in zip(found, blanks, strict=True))
        return tuple(map(_bounded, found)), described

    def _of_tenant(self, exchange: Exchange, reading: Reading, blank: Observation) -> Observation:
        user = "" if reading.asked is None else reading.asked.user
        seen = self.describing.before(reading, blank)
        return replace(seen, tenant_shard=shard(exchange.tenant, user, self._lasting_hash))

    def _assess(self, assessor: Assessor, batch: Sequence[Read]) -> list[Judged]:
        """All at once; where that fails one by one, so that the one at fault is found."""
        try:
            observed, work = assessor.assess(batch)
        except Exception as wrong:
            if len(batch) > 1:
                return [self._assess(assessor, [one])[0] for one in batch]
            fault(log, "assess_fault", wrong, assessor=assessor.version)
            return [None]
        self.costs.items += work.items
        self.costs.out_of_scope.update(work.out_of_scope)
        return list(observed)

    def _scanned(self, exchange: Exchange, read: Read | None, judged: Judged) -> Judged:
        """With what each answer gives away, and where its embedding lies."""
        if read is None or judged is None:
            return None
        pairs = list(zip(read[0], judged, strict=True))
        return _guarded(exchange, lambda: tuple(self._more_of(*pair) for pair in pairs))

    def _more_of(self, reading: Reading, seen: Observation) -> Observation:
        if seen.unassessed is not None:
            return seen
        places = () if seen.embedding is None else bins(projected(seen.embedding))
        leaks = None if self._scan is None else leaked(self._scan, reading)
        return self.describing.after(reading, seen, projections=places, sensitive=leaks)


def _drawn(exchange: Exchange, read: Read | None, toss: Toss | None, glance: Glance | None) -> Draw | None:
    if read is None or glance is None:
        return None
    return ALWAYS if toss is None else _guarded(exchange, partial(toss, read[1], glance))


def _unavailable(read: Read) -> tuple[Observation, ...]:
    """Of an exchange whose judge is not at hand."""
    return tuple(replace(one, unassessed=one.unassessed or Unassessed.UNAVAILABLE) for one in read[1])


def _beside(judged: Judged, main: Judged) -> tuple[Observation, ...]:
    """The verdicts of a learner, with what needs no judge as it was found already."""
    pairs = zip(judged or (), main or (), strict=False)
    return tuple(one if one.unassessed is not None else _completed(one, found) for one, found in pairs)


def _completed(one: Observation, found: Observation) -> Observation:
    places = () if one.embedding is None else bins(projected(one.embedding))
    return replace(one, shapes={**found.shapes, **judged_shapes(one)}, projections=places, sensitive=found.sensitive)


def _sampled(
    read: Read | None,
    glance: Glance | None,
    draw: Draw | None,
    judged: Judged,
    beside: tuple[Observation, ...],
) -> Sampled | None:
    if read is None or glance is None or draw is None:
        return None
    if not draw.analysed:
        return Sampled(read[1], glance, draw)
    if judged is None:
        return None
    return Sampled(_with_chance(judged, draw), glance, draw, _with_chance(beside, draw))


def _with_chance(observed: tuple[Observation, ...], draw: Draw) -> tuple[Observation, ...]:
    return tuple(replace(one, pi_k=one.pi_k + draw.k) for one in observed) if draw.k else observed


def unknown(exchange: Exchange, purpose: Purpose) -> tuple[Observation, ...]:
    """For an exchange that a fault of ours left without observations."""
    nothing = (Reading(unassessed=Unassessed.UNAVAILABLE),)
    return unjudged(exchange, nothing, prompt_hash=lambda _: "", purpose=purpose)


def _bounded(reading: Reading) -> Reading:
    """Without what was read beside prompt and answer, and with a prompt of bounded length."""
    prompt, half = reading.prompt, PROMPT_CHARS_MAX // 2
    short = prompt if len(prompt) <= 2 * half else f"{prompt[:half]} {prompt[-half:]}"
    return replace(reading, prompt=short, asked=None, said=None)


def _guarded(exchange: Exchange, work: Callable[[], T]) -> T | None:
    try:
        return work()
    except Exception as wrong:  # a fault of ours costs one exchange, said and counted
        exchange_fault(log, wrong, exchange)
        return None
