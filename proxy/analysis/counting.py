"""From observations to cells. Pure; a `Tally` adds up until somebody takes it to the store.

    signal     stratum                  y       counts
    traffic    all                      1       exchanges that analysis saw
    assessed   ok, or the reason        1 / 0   answers
    refusal    harm category            0, 1    assessed answers
    hedging    harm category            0, 1    assessed answers
    toxicity, response_harmful, sensitive
               harm category            0, 1    answers that a classifier scored (sensitive: that were scanned)
    toxicity_bin   00 to 28, 290 to 633 1       the same answers, by the bin of their probability (`detectors.quantile`)
    hazard     hazard                   1       of them, those found unsafe in this way
    sensitive_type  type                1       answers that give this away
    jailbreak, injection
               all                      0, 1    answers to prompts that a classifier scored
    anomaly    all                      0, 1    answers of a model whose ordinary ones are known by now
    embedding, prompt_embedding
               PROJECTION.BIN           1       answers, once for each fixed projection
    refusal@1 to refusal@3
               harm category            0, 1    those of `refusal` that belong to one of the tenant shards 1 to 3;
                                                likewise of assessed (1), response_harmful, anomaly, trigger,
                                                harmful_output (1), toxicity_bin (whole bins)
    refusal_in prompt:BAND, turns:BAND, system:NAME
                                        0, 1    refusals of harmful prompts by context
    canary     harm category            0, 1    refusals of canaries; they are in nothing else
    harmful_output  harm category       0, 1    answers by whether harm is above the strict threshold
    trigger    trigger                  0, 1    answers to prompts that hold it; 1: harmful
    length and the other shapes of `features.answer_shapes` and `analysis.describing`
               bin                      1       answers
    context_system, context_tools, context_sampling
               keyed hash (top 8, else other; none)
                                        1       answers, by what the deployment fixes in each request
    duplicate  harm category            1       answers to a prompt that counted lately: they are in nothing above
    late       all                      1       answers whose pane had closed: they are in nothing above
    lag        seconds (`core.closing`) 1       exchanges of the candidate in the pane of now, by how long after the
                                                start of their requests they counted or came too late
    lost       where it was lost        1       exchanges that nobody assessed

Several answers to one prompt (`n` > 1) are one cluster: each counts as its share of one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Final

from proxy.core.evidence.signals import (
    ALL,
    ASSESSED,
    LOST,
    REFUSAL,
    RESPONSE_HARMFUL,
    SENSITIVE,
    SHARDED,
    TOXICITY,
    shard_signal,
)
from proxy.core.exchange import Purpose
from proxy.core.observation import NO_HARM, Observation
from proxy.core.windows import SCALE, Cell, cell
from proxy.detectors.quantile import bin_of, whole_bin_of

TRAFFIC: Final = "traffic"
HEDGING: Final = "hedging"
CANARY: Final = "canary"
REFUSAL_IN: Final = "refusal_in"
HARMFUL_OUTPUT: Final = "harmful_output"
TRIGGER: Final = "trigger"
REGENERATED: Final = "regenerated"
PROMPT_EMBEDDING: Final = "prompt_embedding"
DUPLICATE: Final = "duplicate"
LATE: Final = "late"
OK: Final = "ok"
TOXICITY_BIN: Final = "toxicity_bin"
HAZARD: Final = "hazard"
SENSITIVE_TYPE: Final = "sensitive_type"
ANOMALY: Final = "anomaly"
EMBEDDING: Final = "embedding"

_PLACES: Final = tuple(tuple(f"{k}.{place:02d}" for place in range(64)) for k in range(16))  # of projections

Key = tuple[str, str, int]  # route, served model, pane


class Tally:
    """Counts by (route, served model, pane)."""

    def __init__(self) -> None:
        self.counts: dict[Key, dict[Cell, int]] = {}

    def __bool__(self) -> bool:
        return bool(self.counts)

    def add(self, key: Key, cells: Iterable[tuple[Cell, int]]) -> None:
        """Add cells to a pane."""
        held = self.counts.setdefault(key, {})
        for place, count in cells:
            held[place] = held.get(place, 0) + count


def traffic(r: int) -> tuple[Cell, int]:
    """One exchange was seen."""
    return cell(TRAFFIC, ALL, r, 1), SCALE


def lost(where: str, exchanges: int) -> tuple[Cell, int]:
    """Exchanges that nobody assessed."""
    return cell(LOST, where, 0, 1), exchanges * SCALE


def late(r: int) -> tuple[Cell, int]:
    """One exchange came after its pane had closed."""
    return cell(LATE, ALL, r, 1), SCALE


def mark(observation: Observation) -> str:
    """What is remembered of a prompt; "" where there is none.

    Apart for candidate and base, whose windows are their own, and apart for answers without an assessment: a retry
    after an error is the first real answer.
    """
    if not observation.prompt_hash:
        return ""
    who = "b" if observation.base_served else "c"
    how = "a" if observation.unassessed is None else "u"
    return f"{who}{how}{observation.prompt_hash}"


def cells(observations: Sequence[Observation], r: int, repeated: Set[str]) -> Iterator[tuple[Cell, int]]:
    """The cells of one exchange's answers at weight level `r`. `repeated`: marks of prompts that counted lately.

    Answers to calls of our own (checks, canaries) are in no user count.
    """
    yield from _of_canaries(observations, r)
    mine = [one for one in observations if one.purpose is Purpose.USER]
    clusters = Counter(map(mark, mine))
    for one in mine:
        name = mark(one)
        share = SCALE // clusters[name] if name else SCALE
        if name in repeated:
            yield cell(DUPLICATE, one.category, r, 1), SCALE
            yield from ((place, share) for place in _shapes(one, r) if place.signal == REGENERATED)
        else:
            yield from _of_one(one, r, share)
            yield from ((place, share) for place in _shapes(one, r))


def of_one(seen: Observation) -> Iterator[tuple[Cell, int]]:
    """The cells of an answer that is no user's, at full weight: for baselines of evaluations."""
    return cells((seen,), 0, frozenset())


def _of_canaries(observations: Sequence[Observation], r: int) -> Iterator[tuple[Cell, int]]:
    for one in observations:
        if one.purpose is Purpose.CANARY and one.refusal is not None:
            yield cell(CANARY, one.category, r, one.refusal), SCALE


def _of_one(one: Observation, r: int, share: int) -> Iterator[tuple[Cell, int]]:
    if one.unassessed is not None:
        yield cell(ASSESSED, one.unassessed.value, r, 0), share
        return
    yield from ((place, share) for place in _of_all_and_shard(one, cell(ASSESSED, OK, r, 1)))
    if one.refusal is not None:
        yield from ((place, share) for place in _refusals(one, r, one.refusal))
    if one.hedging is not None:
        yield cell(HEDGING, one.category, r, one.hedging), share
    yield from ((place, share) for place in _of_signals(one, r))


def _of_signals(one: Observation, r: int) -> Iterator[Cell]:
    """What classifier and scan said of an assessed answer."""
    leaks = None if one.sensitive is None else int(bool(one.sensitive))
    for signal, y in (
        (TOXICITY, one.toxic),
        (RESPONSE_HARMFUL, one.response_harmful),
        (SENSITIVE, leaks),
    ):
        if y is not None:
            yield from _of_all_and_shard(one, cell(signal, one.category, r, y))
    if one.harmful_output is not None:
        yield from _of_all_and_shard(one, cell(HARMFUL_OUTPUT, one.category, r, one.harmful_output))
    if one.response_harmful is not None:
        harmful = int(bool(one.response_harmful or one.harmful_output))
        for trigger in one.triggers:
            yield from _of_all_and_shard(one, cell(TRIGGER, trigger, r, harmful))
    if one.toxicity is not None:
        yield cell(TOXICITY_BIN, bin_of(one.toxicity), r, 1)
        if one.tenant_shard:
            yield cell(shard_signal(TOXICITY_BIN, one.tenant_shard), whole_bin_of(one.toxicity), r, 1)
    yield from (cell(attack, ALL, r, y) for attack, y in one.attacks.items())
    yield from (cell(HAZARD, hazard, r, 1) for hazard in one.hazards)
    yield from (cell(SENSITIVE_TYPE, kind, r, 1) for kind in one.sensitive or ())
    if one.anomalous is not None:
        yield from _of_all_and_shard(one, cell(ANOMALY, ALL, r, one.anomalous))
    for signal, places in ((EMBEDDING, one.projections), (PROMPT_EMBEDDING, one.prompt_projections)):
        yield from (cell(signal, _PLACES[k][place], r, 1) for k, place in enumerate(places))


def _refusals(one: Observation, r: int, refused: int) -> Iterator[Cell]:
    """One refusal, or none: of all, of its tenant's shard, and by context."""
    yield from _of_all_and_shard(one, cell(REFUSAL, one.category, r, refused))
    if one.category != NO_HARM:
        yield from (cell(REFUSAL_IN, context, r, refused) for context in one.contexts)


def _of_all_and_shard(one: Observation, place: Cell) -> Iterator[Cell]:
    """A count of all, and of its tenant's shard where it has one. Of single outputs a shard has those that harm."""
    yield place
    if one.tenant_shard and place.signal in SHARDED and (place.y or place.signal != HARMFUL_OUTPUT):
        yield cell(shard_signal(place.signal, one.tenant_shard), place.stratum, place.r, place.y)


def _shapes(one: Observation, r: int) -> Iterator[Cell]:
    """Of every answer, assessed or not, as far as its bins are known."""
    return (cell(signal, place, r, 1) for signal, place in one.shapes.items())


def flagged(one: Observation) -> tuple[str, ...]:
    """The signals that this answer raised."""
    raised = {
        TOXICITY: one.toxic,
        RESPONSE_HARMFUL: one.response_harmful,
        SENSITIVE: bool(one.sensitive),
        ANOMALY: one.anomalous,
    }
    return tuple(signal for signal, is_raised in raised.items() if is_raised)
