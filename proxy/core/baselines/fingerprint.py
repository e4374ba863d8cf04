"""The context that a baseline was made in, and when live traffic has left it. Pure.

`facts` are what servers and settings say: one that changes is a change at once. `seen` counts what traffic carried
(keyed hashes of system prompts, of tool definitions, and of sampling parameters). There one odd request must be no
change, so it is tested like everything else here: an e-detector on the share of requests whose mark is unknown to the
baseline, line 20 %. While that share is below the line, a false mark comes at most once in a route-year, over all
kinds together, however often one looks (detection section 3). Eleven unknown requests in a row suffice to prove it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from proxy.core.drift.shapes import Shapes, added, size
from proxy.core.windows import SCALE, Counts
from proxy.detectors import e_process
from proxy.detectors.e_process import FRESH, LEVELS, Bets, Direction, Key, advance, log_evidence

SYSTEM: Final = "context_system"
TOOLS: Final = "context_tools"
SAMPLING: Final = "context_sampling"
MARKS: Final = {SYSTEM: "system prompt", TOOLS: "tool definitions", SAMPLING: "sampling parameters"}
SHARE_MAX: Final = 0.20  # of requests with an unknown mark
BUDGET_S: Final = 365 * 86_400.0  # to a false mark, on a route
KNOWN_SHARE: Final = 0.01  # a mark that was rarer than this in the baseline's traffic is not known to it
SEEN_MIN: Final = 200  # requests that tell a route's marks
MARKS_MAX: Final = 16  # of one kind that are remembered
OTHER: Final = "other"
STRATUM: Final = "all"
RECORDED_ONLY: Final = ("groundwire", "policy")  # they move lines, not the model's behaviour
NAMES: Final = {
    "candidate": "candidate",
    "candidate_root": "root of the candidate",
    "candidate_parent": "parent of the candidate",
    "candidate_created": "time at which the candidate was loaded",
    "base": "base",
    "base_root": "root of the base",
    "server": "version of the model server",
    "judge": "classifier",
}
_TABLE: Final = e_process.tables(Direction.BAD_WHEN_HIGH, {STRATUM: SHARE_MAX})


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`facts` by name ("" or absent: not known); `seen` by signal of MARKS: requests by mark."""

    facts: Mapping[str, str] = field(default_factory=dict)
    seen: Shapes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Watch:
    """How far the traffic was followed, for one baseline (`version`): evidence by signal of MARKS, up to `pane`.

    `seen`: requests by mark since, of kinds of which the baseline knows too little.
    """

    version: int = 0
    pane: int = -1
    bets: Mapping[str, Bets] = field(default_factory=dict)
    seen: Shapes = field(default_factory=dict)


def changes(known: Fingerprint, now: Fingerprint, without: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Each fact that is known on both sides and differs, in words. `without`: prefixes of facts to pass over."""
    found = []
    for name, old in sorted(known.facts.items()):
        new = now.facts.get(name, "")
        if name not in RECORDED_ONLY and not name.startswith(without or ("\0",)) and old and new and old != new:
            found.append(f"the {NAMES.get(name, name)} changed from {old!r} to {new!r}")
    return tuple(found)


def known_marks(seen: Mapping[str, int]) -> frozenset[str]:
    """The marks that the baseline's traffic carried, rare ones left out."""
    least = KNOWN_SHARE * size(seen)
    return frozenset(mark for mark, n in seen.items() if n >= least and n > 0)


def follow(watch: Watch, known: Fingerprint, panes: Sequence[tuple[int, Counts]]) -> Watch:
    """After these closed panes, oldest first; those that were followed already are passed over."""
    tested = [signal for signal in MARKS if size(known.seen.get(signal, {})) >= SEEN_MIN]
    marks = {signal: known_marks(known.seen[signal]) for signal in tested}
    bets = {signal: watch.bets.get(signal, FRESH) for signal in tested}
    fresh = [pane for pane in panes if pane[0] > watch.pane]
    for pane, counts in fresh:
        cells = _cells(counts, marks)
        bets = {signal: advance(one, _TABLE, pane, cells[signal]) for signal, one in bets.items()}
    seen = {s: of for s, of in seen_in(fresh).items() if s not in tested}
    known_so_far = {s: of for s, of in watch.seen.items() if s not in tested}
    last = fresh[-1][0] if fresh else watch.pane
    return replace(watch, pane=last, bets=bets, seen=_bounded(added((known_so_far, seen))))


def _bounded(seen: Shapes) -> dict[str, dict[str, int]]:
    """The most frequent marks of each kind, ties by name; the rest as one."""
    found: dict[str, dict[str, int]] = {}
    for signal, marks in seen.items():
        ranked = sorted(marks, key=lambda mark: (-marks[mark], mark))
        found[signal] = {mark: marks[mark] for mark in ranked[:MARKS_MAX]}
        rest = sum(marks[mark] for mark in ranked[MARKS_MAX:])
        if rest:
            found[signal][OTHER] = found[signal].get(OTHER, 0) + rest
    return found


def _cells(counts: Counts, marks: Mapping[str, frozenset[str]]) -> dict[str, dict[Key, int]]:
    """By signal, requests by whether their mark is unknown (y = 1)."""
    found: dict[str, dict[Key, int]] = {signal: {} for signal in marks}
    for (signal, mark, r, y), n in counts.items():
        if signal in marks and y == 1 and 0 <= r < LEVELS:
            key = (STRATUM, r, int(mark not in marks[signal]))
            found[signal][key] = found[signal].get(key, 0) + n
    return found


def left(watch: Watch, pane_s: float) -> tuple[str, ...]:
    """Each kind of mark of which more than SHARE_MAX are proved to be unknown, in words."""
    limit = e_process.log_limit(len(MARKS), BUDGET_S, pane_s)
    return tuple(
        f"more than {SHARE_MAX:.0%} of requests carry a new {what}"
        for signal, what in MARKS.items()
        if log_evidence(watch.bets.get(signal, FRESH)) >= limit
    )


def seen_in(panes: Sequence[tuple[int, Counts]]) -> dict[str, dict[str, int]]:
    """Requests by mark, over all panes; weights raised to whole requests of the lowest level."""
    found: dict[str, dict[str, int]] = {}
    for _, counts in panes:
        for (signal, mark, r, y), n in counts.items():
            if signal in MARKS and y == 1 and 0 <= r < LEVELS:
                marks = found.setdefault(signal, {})
                marks[mark] = marks.get(mark, 0) + (n >> r)
    whole = {signal: {mark: n // SCALE for mark, n in marks.items()} for signal, marks in found.items()}
    return {signal: {mark: n for mark, n in marks.items() if n} for signal, marks in whole.items()}


def completed(known: Fingerprint, seen: Shapes) -> Fingerprint:
    """With the marks of kinds of which the fingerprint knows too little, where `seen` knows enough."""
    fresh = {
        signal: marks
        for signal, marks in seen.items()
        if signal in MARKS and size(known.seen.get(signal, {})) < SEEN_MIN <= size(marks)
    }
    return replace(known, seen={**known.seen, **fresh}) if fresh else known


def to_json(fingerprint: Fingerprint) -> dict[str, Any]:
    """Plain JSON values; `from_json` is the inverse."""
    seen = {signal: dict(sorted(marks.items())) for signal, marks in sorted(fingerprint.seen.items())}
    return {"facts": dict(sorted(fingerprint.facts.items())), "seen": seen}


def from_json(data: Any) -> Fingerprint:
    """Read it. Raises KeyError, TypeError, ValueError or AttributeError."""
    seen = {str(signal): {str(m): int(n) for m, n in marks.items()} for signal, marks in data["seen"].items()}
    return Fingerprint({str(name): str(value) for name, value in data["facts"].items()}, seen)


def watch_to_json(watch: Watch) -> list[Any]:
    """Plain JSON values: of the bets no counts, for nobody asks when it began."""
    bets = {signal: [[bet.log_r, bet.climb] for bet in of] for signal, of in watch.bets.items()}
    return [watch.version, watch.pane, bets, {signal: dict(marks) for signal, marks in watch.seen.items()}]


def watch_from_json(data: Any) -> Watch:
    """The inverse. Raises TypeError or ValueError."""
    version, pane, kept, seen = data
    bets = {str(s): tuple(e_process.Bet(int(r), int(c)) for r, c in of) for s, of in kept.items()}
    if any(len(of) != e_process.BETS for of in bets.values()):
        raise ValueError(f"not {e_process.BETS} bets")
    return Watch(int(version), int(pane), bets, seen)
