"""From one classifier to the next, with no route unseen in between. Pure; JSON in and out.

Scores of two classifiers are never compared, so a baseline is worth something only to the one that made it. A new one
therefore judges *beside* the one before, which goes on judging for the lines: its verdicts are counted in places of
their own, and once they make a baseline that is put in force, it takes over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from proxy.core.baselines import learning as learnings
from proxy.core.baselines.learning import Learning
from proxy.core.errors import StateError

FRESH_S: Final = 120.0  # a judge of which no replica has said for as long that it is at hand, is gone
SAID_EVERY_S: Final = 30.0
SAID_MAX: Final = 16  # judges that are remembered; a replica holds three at most


@dataclass(frozen=True, slots=True)
class Duty:
    """Who judges a route's answers: the verdicts of `judge` are its counts, `learner` judges beside it ("": nobody).

    Both are versions of judges; `judge` "" is whoever judges now.
    """

    judge: str = ""
    learner: str = ""


@dataclass(frozen=True, slots=True)
class Learner:
    """How far `judge` has come to a baseline of its own, from after the pane `since` on, up to `pane`."""

    judge: str = ""
    since: int = -1
    pane: int = -1
    learning: Learning = Learning()


@dataclass(frozen=True, slots=True)
class AtHand:
    """The judges that replicas of one store hold: version -> Unix time of the last word."""

    said: Mapping[str, float] = field(default_factory=dict)

    def fresh(self, now_s: float) -> frozenset[str]:
        """Those that are held now."""
        return frozenset(judge for judge, at_s in self.said.items() if abs(now_s - at_s) < FRESH_S)

    def saying(self, judges: Collection[str], now_s: float) -> AtHand:
        """With the word of one replica; itself where all of it was said just now."""
        if all(abs(now_s - self.said.get(judge, 0.0)) < SAID_EVERY_S for judge in judges):
            return self
        fresh = {judge: self.said[judge] for judge in self.fresh(now_s) if judge not in judges}
        kept = sorted(fresh.items(), key=lambda one: (-one[1], one[0]))[: SAID_MAX - len(judges)]
        return AtHand({**dict(kept), **dict.fromkeys(judges, now_s)})


def beside(served: str, judge: str) -> str:
    """The served model under which the counts of a learner are kept: no model's name ends like this."""
    return f"{served}\x1f{judge}"


def at_hand_to_json(at_hand: AtHand) -> dict[str, float]:
    """Plain JSON values; `at_hand_from_json` is the inverse."""
    return dict(sorted(at_hand.said.items()))


def at_hand_from_json(data: Any) -> AtHand:
    """Read it. Raises StateError."""
    try:
        return AtHand({str(judge): float(at_s) for judge, at_s in data.items()})
    except (TypeError, ValueError, AttributeError) as wrong:
        raise StateError(f"the judges at hand cannot be read: {wrong!r}") from wrong


def to_json(learner: Learner) -> dict[str, Any]:
    """Plain JSON values; `from_json` is the inverse."""
    return {
        "judge": learner.judge,
        "since": learner.since,
        "pane": learner.pane,
        "learning": learnings.to_json(learner.learning),
    }


def from_json(data: Any) -> Learner:
    """Read it. Raises StateError."""
    try:
        learnt = learnings.from_json(data["learning"])
        return Learner(str(data["judge"]), int(data["since"]), int(data["pane"]), learnt)
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise StateError(f"what a new classifier has learnt cannot be read: {wrong!r}") from wrong
