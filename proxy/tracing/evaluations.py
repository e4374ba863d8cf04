"""What each head said of an answer: for `gen_ai.evaluation.result` events, and as evidence of actions. Pure.

An event holds names and numbers. Explanations would quote texts, and there are none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from proxy.core.evidence.signals import ANOMALY, HARMFUL_OUTPUT, REFUSAL, RESPONSE_HARMFUL, SENSITIVE, TOXICITY, TRIGGER
from proxy.core.observation import NO_HARM, Observation
from proxy.tracing.gen_ai import RESPONSE_ID
from proxy.tracing.span import Event, Place, Value

RESULT: Final = "gen_ai.evaluation.result"
HEDGING: Final = "hedging"
HEDGE: Final = "hedge"  # its score's name
PASS, FAIL = "pass", "fail"


class Evaluation(NamedTuple):
    """One head's word. `score` is a probability, None where there is none; `flagged`: it speaks against the route."""

    name: str
    label: str
    score: float | None
    flagged: bool


def evaluations(one: Observation) -> Iterator[Evaluation]:
    """Of every head that judged this answer, or its prompt; nothing of an answer that was not assessed."""
    if one.unassessed is not None:
        return
    yield from _of_manner(one)
    leaks = None if one.sensitive is None else int(bool(one.sensitive))
    for name, y in (
        (TOXICITY, one.toxic),
        (RESPONSE_HARMFUL, one.response_harmful),
        (HARMFUL_OUTPUT, one.harmful_output),
        (SENSITIVE, leaks),
        (ANOMALY, one.anomalous),
        *one.attacks.items(),
    ):
        if y is not None:
            yield Evaluation(name, FAIL if y else PASS, one.scores.get(name), bool(y))


def _of_manner(one: Observation) -> Iterator[Evaluation]:
    """Refusing is no fault by itself: it speaks against a route where a harmful prompt was answered."""
    if one.refusal is not None:
        complied = not one.refusal and one.category != NO_HARM
        yield Evaluation(REFUSAL, "refused" if one.refusal else "complied", one.scores.get(REFUSAL), complied)
    if one.hedging is not None:
        yield Evaluation(HEDGING, "hedged" if one.hedging else "plain", one.scores.get(HEDGE), False)


def raised(one: Observation) -> tuple[str, ...]:
    """The signals to which this answer is evidence against its route."""
    found = [word.name for word in evaluations(one) if word.flagged]
    if one.triggers and (one.response_harmful or one.harmful_output):
        found.append(TRIGGER)
    return tuple(found)


def events(one: Observation, place: Place, response_id: str, time_s: float) -> Iterator[Event]:
    """The events of one answer, in the context of its exchange's span."""
    for word in evaluations(one):
        said: dict[str, Value] = {
            "gen_ai.evaluation.name": word.name,
            "gen_ai.evaluation.score.label": word.label,
            "groundwire.route": one.route,
        }
        if word.score is not None:
            said["gen_ai.evaluation.score.value"] = float(word.score)
        if response_id:
            said[RESPONSE_ID] = response_id
        if one.classifier:
            said["groundwire.classifier"] = one.classifier
        if one.choice:
            said["groundwire.choice"] = one.choice
        yield Event(RESULT, place, time_s, said)
