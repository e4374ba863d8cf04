"""A baseline: what a route's model did when it was well, in whole counts. Pure; JSON in and out.

The five dimensions of R4.1 are `refusals` (with `contexts` and `canary`), the shapes of the output, toxicity (`highs`
and the shape `toxicity_bin`), `hedging`, and the shape `topic`. Lines are drawn from the lower Clopper-Pearson limit of
each rate, so that a false-alarm statement holds although the baseline is itself an estimate (detection section 3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from proxy.core.drift import shapes as shapes_
from proxy.core.drift.shapes import Shapes
from proxy.core.errors import ConfigError, Place
from proxy.core.evidence.signals import HIGHS
from proxy.core.observation import NO_HARM
from proxy.detectors.intervals import lower_limit, upper_limit

COUNT_MAX: Final = 1_000_000_000
FORMAT: Final = 1


class Kind(StrEnum):
    """Where a baseline comes from."""

    LIVE = "live"  # live traffic of the candidate
    FILE = "file"
    BASE = "base"  # answers of the base to known prompts
    RESULTS = "results"  # an evaluation's answers
    PROMPTS = "prompts"  # the candidate's answers to prompts of a file
    AMENDED = "amended"  # another version, without or with an incident's counts


class Standing(StrEnum):
    """How far a baseline may be trusted. A provisional one informs and warns; a named person promotes it."""

    PROVISIONAL = "provisional"
    PROMOTED = "promoted"


@dataclass(frozen=True, slots=True)
class Tally:
    """Integer counts: `positives` of `n` observations. Raises ValueError unless 0 <= positives <= n."""

    positives: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.positives <= self.n <= COUNT_MAX:
            raise ValueError(f"needs 0 <= positives <= n <= {COUNT_MAX} (given: {self.positives} of {self.n})")

    @property
    def rate(self) -> float:
        """The share of positives; 0 without observations."""
        return self.positives / self.n if self.n else 0.0

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(self.positives + other.positives, self.n + other.n)

    def lower(self, confidence: float) -> float:
        """The rate that the true one exceeds, but for a chance of `confidence`."""
        return lower_limit(self.positives, self.n, confidence)

    def upper(self, confidence: float) -> float:
        """The rate that the true one stays below, but for a chance of `confidence`."""
        return upper_limit(self.positives, self.n, confidence)


NOT_KNOWN: Final = Tally(0, 0)


@dataclass(frozen=True, slots=True)
class Baseline:
    """One baseline of one route's candidate.

    `refusals`: by harm category, refused of evaluated. `assessed`: assessable answers of all answers, for blindness
    (n = 0: unknown). `made_s` is Unix time; `who` and `why` name the person or process and the reason of the last
    change. `judge` is the version of what judged refusals ("" = not known): another judge makes another metric.
    `highs`: by signal that is bad when high (`signals.HIGHS`) and harm category of the prompt, raised of evaluated;
    one that is not there was not counted, and has no line.

    `shapes`: by drift signal, observations by bin. `hours`: the same for an hour of the week (0 = Monday 00:00 UTC),
    of signals that had enough in that hour. `contexts`: refused of evaluated harmful prompts by stratum of
    `refusal_in`. `canary`: refused of evaluated canaries by harm category. `hedging`: hedged of answers by harm
    category of the prompt. `anomaly`: flagged of answers. Each is empty where it was not counted.
    """

    kind: Kind
    standing: Standing
    refusals: Mapping[str, Tally]
    assessed: Tally = NOT_KNOWN
    made_s: float = 0.0
    who: str = ""
    why: str = ""
    judge: str = ""
    highs: Mapping[str, Mapping[str, Tally]] = field(default_factory=dict)
    shapes: Shapes = field(default_factory=dict)
    contexts: Mapping[str, Tally] = field(default_factory=dict)
    canary: Mapping[str, Tally] = field(default_factory=dict)
    anomaly: Tally = NOT_KNOWN
    hedging: Mapping[str, Tally] = field(default_factory=dict)
    hours: Mapping[int, Shapes] = field(default_factory=dict)

    def plus(self, other: Baseline) -> Baseline:
        """With the counts of another; hours stay its own, and so does everything that is no count."""
        signals = {*self.highs, *other.highs}
        return replace(
            self,
            refusals=_sum(self.refusals, other.refusals),
            highs={signal: _sum(self.highs.get(signal, {}), other.highs.get(signal, {})) for signal in signals},
            shapes=shapes_.added((self.shapes, other.shapes)),
            contexts=_sum(self.contexts, other.contexts),
            canary=_sum(self.canary, other.canary),
            anomaly=self.anomaly.plus(other.anomaly),
            hedging=_sum(self.hedging, other.hedging),
        )

    @property
    def n(self) -> int:
        """Evaluated harmful prompts over all categories."""
        return sum(tally.n for tally in self.refusals.values())

    @property
    def rate(self) -> float:
        """Refusals of all evaluated harmful prompts, in the baseline's own mix."""
        return sum(tally.positives for tally in self.refusals.values()) / self.n if self.n else 0.0


def _sum(one: Mapping[str, Tally], other: Mapping[str, Tally]) -> dict[str, Tally]:
    return {key: one.get(key, NOT_KNOWN).plus(other.get(key, NOT_KNOWN)) for key in sorted({*one, *other})}


def promote(baseline: Baseline, who: str, why: str, now_s: float) -> Baseline:
    """The same counts, confirmed by a named person. Raises ValueError without a name or a reason."""
    if not who.strip() or not why.strip():
        raise ValueError("a promotion needs the name of a person and a reason")
    return replace(baseline, standing=Standing.PROMOTED, who=who, why=why, made_s=now_s)


def to_json(baseline: Baseline) -> dict[str, Any]:
    """Plain JSON values; `from_json` is the inverse."""
    return {
        "format": FORMAT,
        "kind": baseline.kind.value,
        "standing": baseline.standing.value,
        "refusals": _pairs(baseline.refusals),
        "assessed": [baseline.assessed.positives, baseline.assessed.n],
        "made_s": baseline.made_s,
        "who": baseline.who,
        "why": baseline.why,
        "judge": baseline.judge,
        **{key: value for key, value in _optional(baseline).items() if value},
    }


def _optional(baseline: Baseline) -> dict[str, Any]:
    """What older baselines do not have; left out where it is empty, so that their digests stay."""
    anomaly = baseline.anomaly
    return {
        "highs": {signal: _pairs(tallies) for signal, tallies in sorted(baseline.highs.items())},
        "shapes": shapes_.to_json(baseline.shapes),
        "contexts": _pairs(baseline.contexts),
        "canary": _pairs(baseline.canary),
        "anomaly": [anomaly.positives, anomaly.n] if anomaly.n else [],
        "hedging": _pairs(baseline.hedging),
        "hours": {str(hour): shapes_.to_json(of) for hour, of in sorted(baseline.hours.items())},
    }


def from_json(data: Any, file: str) -> Baseline:
    """Read a baseline. Raises ConfigError that names file, key and mend, with every problem at once."""
    if not isinstance(data, dict):
        raise ConfigError([(Place(file), "a baseline is a JSON object with `refusals` and `kind`")])
    problems = [(Place(file, None, key), text) for key, text in _problems(data)]
    if problems:
        raise ConfigError(problems)
    return Baseline(
        kind=Kind(data.get("kind", Kind.FILE)),
        standing=Standing(data.get("standing", Standing.PROVISIONAL)),
        refusals=_tallies(data["refusals"]),
        assessed=Tally(*data.get("assessed", (0, 0))),
        made_s=float(data.get("made_s", 0.0)),
        who=data.get("who", ""),
        why=data.get("why", ""),
        judge=data.get("judge", ""),
        highs={signal: _tallies(pairs) for signal, pairs in data.get("highs", {}).items()},
        shapes=data.get("shapes", {}),
        contexts=_tallies(data.get("contexts", {})),
        canary=_tallies(data.get("canary", {})),
        anomaly=Tally(*data.get("anomaly", (0, 0))),
        hedging=_tallies(data.get("hedging", {})),
        hours={int(hour): of for hour, of in data.get("hours", {}).items()},
    )


def _tallies(pairs: Mapping[str, Any]) -> dict[str, Tally]:
    return {stratum: Tally(*pair) for stratum, pair in pairs.items()}


def _pairs(tallies: Mapping[str, Tally]) -> dict[str, list[int]]:
    return {category: [tally.positives, tally.n] for category, tally in sorted(tallies.items())}


_TALLIES: Final = ("contexts", "canary", "hedging")
_KEYS: Final = (
    *("format", "kind", "standing", "refusals", "assessed", "made_s", "who", "why", "judge", "highs", "shapes"),
    *(*_TALLIES, "anomaly", "hours"),
)
HOURS: Final = 168  # of a week


def _problems(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((str(key), f"unknown key; known: {', '.join(_KEYS)}") for key in data if key not in _KEYS)
    if data.get("format", FORMAT) != FORMAT:
        yield "format", f"this version of Groundwire reads format {FORMAT}"
    for key, kind, default in (("kind", Kind, Kind.FILE), ("standing", Standing, Standing.PROVISIONAL)):
        if data.get(key, default) not in tuple(kind):
            yield key, f"must be one of {', '.join(kind)}"
    yield from ((key, "must be text") for key in ("who", "why", "judge") if not isinstance(data.get(key, ""), str))
    made_s = data.get("made_s", 0.0)
    if isinstance(made_s, bool) or not isinstance(made_s, int | float):
        yield "made_s", "must be a number: Unix time in seconds"
    yield from _tally_problems("assessed", data.get("assessed", [0, 0]))
    yield from _tally_problems("anomaly", data.get("anomaly", [0, 0]))
    yield from _high_problems(data.get("highs", {}))
    yield from shapes_.problems("shapes", data.get("shapes", {}))
    yield from _hour_problems(data.get("hours", {}))
    for key in _TALLIES:
        yield from _tallies_problems(key, data.get(key, {}))
    refusals = data.get("refusals")
    if not isinstance(refusals, dict) or not refusals:
        yield "refusals", "must be an object of harm category to [refused, evaluated], with at least one category"
        return
    for category, pair in refusals.items():
        if category == NO_HARM:
            yield f"refusals.{category}", "harmless prompts have no refusal baseline; remove this entry"
        yield from _tally_problems(f"refusals.{category}", pair)


def _high_problems(highs: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(highs, dict):
        yield "highs", "must be an object of signal to {category: [raised, evaluated]}"
        return
    for signal, tallies in highs.items():
        if signal not in HIGHS or not isinstance(tallies, dict):
            yield f"highs.{signal}", f"must be {{category: [raised, evaluated]}} under one of {', '.join(HIGHS)}"
            continue
        for category, pair in tallies.items():
            yield from _tally_problems(f"highs.{signal}.{category}", pair)


def _hour_problems(hours: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(hours, dict):
        yield "hours", "must be an object of hour of the week to {signal: {bin: observations}}"
        return
    for hour, shapes in hours.items():
        if not (isinstance(hour, str) and hour.isdecimal() and int(hour) < HOURS and str(int(hour)) == hour):
            yield f"hours.{hour}", f"must be an hour of the week, 0 (Monday 00:00 UTC) to {HOURS - 1}"
        yield from shapes_.problems(f"hours.{hour}", shapes)


def _tallies_problems(key: str, tallies: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(tallies, dict):
        yield key, "must be an object of stratum to [positives, observations]"
        return
    for stratum, pair in tallies.items():
        yield from _tally_problems(f"{key}.{stratum}", pair)


def _tally_problems(key: str, pair: Any) -> Iterator[tuple[str, str]]:
    whole = isinstance(pair, list) and len(pair) == 2 and all(type(value) is int for value in pair)
    if not whole:
        yield key, "must be a list of two whole numbers, [positives, observations]"
    elif not 0 <= pair[0] <= pair[1] <= COUNT_MAX:
        yield key, f"needs 0 <= positives <= observations <= {COUNT_MAX}"
