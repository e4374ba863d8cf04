"""A finding: what the evidence says about one line of one metric of one route, now. Pure data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from proxy.core.evidence.signals import CANARY, REFUSAL, REFUSAL_IN

OVERALL: Final = "overall"  # the stratum of a finding over all harm categories, each against its own line
BAD_WHEN_LOW: Final = frozenset({REFUSAL, CANARY, REFUSAL_IN})  # metrics; all others are bad when high
_LATER: Final = (
    "detail",
    "note",
    "cause",
)  # fields that records of before do not have: left out where they say nothing


class LineKind(StrEnum):
    """Which line of a metric. `changed` is the baseline itself: it informs, and never pages."""

    CHANGED = "changed"
    WARNING = "warning"
    CRITICAL = "critical"


class Status(StrEnum):
    """What is known about a line.

    `crossed`: disproved at its budget (strict). `guarded` (critical lines only): the warning line is disproved at the
    critical budget, and the rate is below the critical line with the policy's probability. Both latch until recovery.
    """

    UNDECIDED = "undecided"
    GUARDED = "guarded"
    CROSSED = "crossed"


class Call(NamedTuple):
    """What one line of one stratum of a metric stands at: all that a severity is made of."""

    stratum: str
    line: LineKind
    status: Status
    metric: str = REFUSAL


@dataclass(frozen=True, slots=True)
class Estimate:
    """A weighted rate (Hajek) with its Wilson interval at the effective sample size.

    `rate`, `low`, `high` are in [0, 1]; `n` counts evaluated prompts, `n_eff` is (sum w)^2 / sum w^2.
    """

    rate: float
    low: float
    high: float
    n: float
    n_eff: float


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of one metric.

    `metric` is "refusal", "canary" (refusal of canaries), "refusal_in" (refusal in one context of the prompt), or one
    that is bad when high; `stratum` is OVERALL, a harm category, a context or a trigger.
    `m` is the line as a rate (for OVERALL: the mean of the categories' lines over the prompts since `since_pane`),
    `baseline` the baseline rate that belongs to it, and `baseline_low` its limit, from which the line is drawn: the
    lower one, and where high is bad the upper one. `ln_odds` and `ln_limit` are natural logarithms of E and of the
    limit A that it must reach. `since_pane` is the pane in which the best bet began, the time of the change, and
    `estimate` the rate since then: both None while nothing speaks against the line (`estimates.gauge` gives a plain
    rate of any panes). `bound` is what the rate is proved to be beyond at that limit, on its bad side: None while
    nothing is proved, or the line is undecided (but of refusal over all); `changed` has none. `crossed_pane` is the
    pane at which the line was called crossed. `guard` is P(rate < critical line), for critical lines. `detail`: of a
    drift signal, the group of bins that leads and its side ("above 09-10"); the rates are shares of that group.
    `note` says what the rate is of, where the metric's name does not; `cause` what the canaries say of it
    (`core.canaries`).
    """

    metric: str
    stratum: str
    line: LineKind
    status: Status
    m: float
    baseline: float
    baseline_low: float
    ln_odds: float
    ln_limit: float
    estimate: Estimate | None = None
    bound: float | None = None
    since_pane: int | None = None
    crossed_pane: int | None = None
    guard: float | None = None
    detail: str = ""
    note: str = ""
    cause: str = ""

    @property
    def call(self) -> Call:
        """The part that decides."""
        return Call(self.stratum, self.line, self.status, self.metric)

    @property
    def name(self) -> str:
        """For people: "refusal overall, warning line"."""
        return f"{self.metric} {self.stratum}, {self.line} line"


def bad_side(metric: str, detail: str = "") -> str:
    """On which side of a line of this metric it is bad: "below" or "above". `detail` as in `Finding`."""
    return "below" if metric in BAD_WHEN_LOW or detail.startswith("below ") else "above"


def to_json(finding: Finding) -> dict[str, Any]:
    """Plain JSON values."""
    return {key: value for key, value in asdict(finding).items() if value or key not in _LATER}
