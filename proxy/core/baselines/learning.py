"""Learning a baseline from a window of live traffic: panes in, a provisional baseline out. Pure; JSON in and out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from proxy.core.baselines.baseline import COUNT_MAX, Baseline, Kind, Standing, Tally
from proxy.core.drift.shapes import BINS_MAX, SHAPES, whole
from proxy.core.evidence.estimates import Sums
from proxy.core.evidence.signals import ALL, HIGHS, assessed_cells, harmful_cells
from proxy.core.policies.policy import BaselineRules
from proxy.core.windows import Counts
from proxy.detectors.e_process import LEVELS, Key

CONTEXTS: Final = "refusal_in"
CANARY: Final = "canary"
ANOMALY: Final = "anomaly"
HEDGING: Final = "hedging"
TALLIED: Final = (*HIGHS, CONTEXTS, CANARY, ANOMALY, HEDGING)  # by stratum, y = 0 or 1
_LEARNT: Final = frozenset((*TALLIED, *SHAPES))


@dataclass(frozen=True, slots=True)
class Learning:
    """Sums on the way to a baseline: of refusals by harm category, of assessable answers, and of all other signals.

    `tallied`: by signal of TALLIED and stratum; `shapes`: by signal of SHAPES and bin (y = 1 alone). `judge` is whose
    verdicts these are. Panes up to `after_pane` may hold those of the judge before, and stay out.
    """

    refusals: Mapping[str, Sums] = field(default_factory=dict)
    assessed: Sums = Sums()
    tallied: Mapping[str, Mapping[str, Sums]] = field(default_factory=dict)
    shapes: Mapping[str, Mapping[str, Sums]] = field(default_factory=dict)
    judge: str = ""
    after_pane: int = -1

    @property
    def n(self) -> int:
        """Evaluated harmful prompts so far, as many as they are worth after weighting."""
        return sum(math.floor(sums.n_eff) for sums in self.refusals.values())


def of_judge(learning: Learning, judge: str, now_pane: int) -> Learning:
    """What may go on under this judge: all of it where it is the same, else nothing, from after the pane of now on."""
    if learning.judge == judge:
        return learning
    begun = bool(learning.judge or learning.refusals or learning.assessed.n or learning.after_pane >= 0)
    return Learning(judge=judge, after_pane=now_pane if begun else -1)


def absorb(learning: Learning, counts: Counts) -> Learning:
    """Add a closed pane."""
    assessed, others = learning.assessed, _by_signal(counts)
    for (_, r, y), count in assessed_cells(counts).items():
        assessed = assessed.plus(r, y, count)
    return Learning(
        refusals=_added(learning.refusals, harmful_cells(counts)),
        assessed=assessed,
        tallied=_all_added(learning.tallied, {s: of for s, of in others.items() if s in TALLIED}),
        shapes=_all_added(learning.shapes, {s: of for s, of in others.items() if s in SHAPES}),
        judge=learning.judge,
        after_pane=learning.after_pane,
    )


def _by_signal(counts: Counts) -> dict[str, dict[Key, int]]:
    """The cells on the grid of every signal that is learnt, besides refusals and assessed answers."""
    found: dict[str, dict[Key, int]] = {}
    for (signal, stratum, r, y), count in counts.items():
        if signal in _LEARNT and 0 <= r < LEVELS and (y == 1 or (y == 0 and signal in TALLIED)):
            found.setdefault(signal, {})[stratum, r, y] = count
    return found


def _all_added(
    sums: Mapping[str, Mapping[str, Sums]], cells: Mapping[str, Mapping[Key, int]]
) -> Mapping[str, Mapping[str, Sums]]:
    return {**sums, **{signal: _added(sums.get(signal, {}), of) for signal, of in cells.items()}}


def _added(sums: Mapping[str, Sums], cells: Mapping[Key, int]) -> Mapping[str, Sums]:
    added = dict(sums)
    for (stratum, r, y), count in cells.items():
        if stratum in added or len(added) < BINS_MAX:  # fingerprints of system prompts come and go
            added[stratum] = added.get(stratum, Sums()).plus(r, y, count)
    return added


def close(learning: Learning, rules: BaselineRules, now_s: float, judge: str) -> Baseline | None:
    """The provisional baseline once `closes_at` prompts are in; None before."""
    if learning.n < rules.closes_at:
        return None
    return baseline_of(learning, now_s, judge)


def baseline_of(learning: Learning, now_s: float, judge: str) -> Baseline:
    """The provisional baseline of what is in so far."""
    tallied = learning.tallied
    return Baseline(
        kind=Kind.LIVE,
        standing=Standing.PROVISIONAL,
        refusals=_tallies(learning.refusals),
        assessed=tally(learning.assessed),
        made_s=now_s,
        who="groundwire",
        why=f"learnt from the first {learning.n} evaluated harmful prompts of live traffic",
        judge=judge,
        highs={signal: _high_tallies(tallied[signal]) for signal in HIGHS if signal in tallied},
        shapes={signal: whole(sums) for signal, sums in learning.shapes.items()},
        contexts=_tallies(tallied.get(CONTEXTS, {})),
        canary=_tallies(tallied.get(CANARY, {})),
        anomaly=_high_tally(tallied.get(ANOMALY, {}).get(ALL, Sums())),
        hedging=_tallies(tallied.get(HEDGING, {})),
    )


def _tallies(sums: Mapping[str, Sums]) -> dict[str, Tally]:
    return {stratum: tally(one) for stratum, one in sums.items()}


def _high_tallies(sums: Mapping[str, Sums]) -> dict[str, Tally]:
    """Of a signal that is bad when high; rounded so that the upper limit can only rise."""
    return {stratum: _high_tally(one) for stratum, one in sums.items()}


def _high_tally(sums: Sums) -> Tally:
    n = min(COUNT_MAX, math.floor(sums.n_eff + 1e-9))
    return Tally(min(n, math.ceil(sums.rate * n - 1e-9)), n)


def tally(sums: Sums) -> Tally:
    """Whole counts worth as much as the weighted ones; rounded so that the lower limit can only fall."""
    n = min(COUNT_MAX, math.ceil(sums.n_eff - 1e-9))
    return Tally(min(n, math.floor(sums.rate * sums.n_eff + 1e-9)), n)


def to_json(learning: Learning) -> dict[str, Any]:
    """Plain JSON values; `from_json` is the inverse."""
    return {
        "refusals": _sums_json(learning.refusals),
        "assessed": _one_json(learning.assessed),
        "tallied": {signal: _sums_json(of) for signal, of in sorted(learning.tallied.items())},
        "shapes": {signal: _sums_json(of) for signal, of in sorted(learning.shapes.items())},
        "judge": learning.judge,
        "after_pane": learning.after_pane,
    }


def from_json(data: Mapping[str, Any]) -> Learning:
    """Read it. Raises KeyError, TypeError or ValueError; `state` gives them a name."""
    tallied = data.get("tallied", data.get("highs", {}))  # what an older state had of them
    return Learning(
        refusals=_sums(data["refusals"]),
        assessed=Sums(*data["assessed"]),
        tallied={str(signal): _sums(of) for signal, of in tallied.items()},
        shapes={str(signal): _sums(of) for signal, of in data.get("shapes", {}).items()},
        judge=str(data.get("judge", "")),
        after_pane=int(data.get("after_pane", -1)),
    )


def _sums_json(sums: Mapping[str, Sums]) -> dict[str, list[int]]:
    return {stratum: _one_json(one) for stratum, one in sorted(sums.items())}


def _one_json(sums: Sums) -> list[int]:
    return [sums.positives, sums.weight, sums.squares, sums.n]


def _sums(data: Mapping[str, Any]) -> dict[str, Sums]:
    return {stratum: Sums(*sums) for stratum, sums in data.items()}
