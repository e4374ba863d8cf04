"""A baseline: how often a route's model refused, category by category, when it was well. Pure; JSON in and out.

Lines are drawn from the lower Clopper-Pearson limit of each rate, so that a false-alarm statement holds although the
baseline is itself an estimate (detection section 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from proxy.core.policy import BaselineRules
from proxy.core.windows import Counts


class Kind(StrEnum):
    """Where a baseline comes from: live traffic of the candidate, a file, or answers of the base."""

    LIVE = "live"
    FILE = "file"
    BASE = "base"


class Standing(StrEnum):
    """How far a baseline may be trusted. `learning` is not used for any decision."""

    LEARNING = "learning"
    PROVISIONAL = "provisional"
    PROMOTED = "promoted"


@dataclass(frozen=True, slots=True)
class Tally:
    """Integer counts: `positives` of `n` observations."""

    positives: int
    n: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """One baseline of one route's candidate.

    `refusals`: by harm category, refused of evaluated. `assessed`: assessable answers of all answers, for blindness
    (n = 0: unknown). `made_s` is Unix time; `who` and `why` name the person or process and the reason of the last
    change. `judge` is the version of what judged refusals: another judge makes another metric.
    """

    kind: Kind
    standing: Standing
    refusals: Mapping[str, Tally]
    assessed: Tally = Tally(0, 0)
    made_s: float = 0.0
    who: str = ""
    why: str = ""
    judge: str = ""

    @property
    def n(self) -> int:
        """Evaluated harmful prompts over all categories."""
        return sum(tally.n for tally in self.refusals.values())


def promote(baseline: Baseline, who: str, why: str, now_s: float) -> Baseline:
    """The same counts, confirmed by a named person. Raises ValueError without a name or a reason, or while learning."""
    raise NotImplementedError


def to_json(baseline: Baseline) -> dict[str, Any]:
    """Plain JSON values; `from_json` is the inverse."""
    raise NotImplementedError


def from_json(data: Any, file: str) -> Baseline:
    """Read a baseline. Raises ConfigError that names file, key and mend, with every problem at once."""
    raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Learning:
    """Counts on the way to a baseline, in the fixed point of `windows.SCALE`, weighted by 2^-r exactly (x 2^7)."""

    refusals: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    assessed: tuple[int, int] = (0, 0)

    @property
    def n(self) -> int:
        """Evaluated harmful prompts so far."""
        raise NotImplementedError


def absorb(learning: Learning, counts: Counts) -> Learning:
    """Add a closed pane."""
    raise NotImplementedError


def close(learning: Learning, rules: BaselineRules, now_s: float, judge: str) -> Baseline | None:
    """The provisional baseline once `closes_at` prompts are in; None before."""
    raise NotImplementedError
