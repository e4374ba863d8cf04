"""The drift lines of a route: for each signal, how far the share of each group of bins may go. Pure.

A share above 1.3 times the baseline's (its upper limit) is beyond the line, and so is one below a 1.3th (of its lower
limit). Lines are whole thousandths, rounded away from the baseline, so that a decision needs no floating point. Where
the baseline has counts of an hour of the week, that hour has lines of its own, over the same groups.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from proxy.core.baselines.baseline import Baseline
from proxy.core.drift.groups import Grouping, Items, groupings, items
from proxy.core.drift.hours import hour_at
from proxy.core.drift.kinds import KINDS, kind_of
from proxy.core.policies.policy import DriftLine, Policy
from proxy.detectors import e_process
from proxy.detectors.e_process import Direction
from proxy.detectors.intervals import quick_limits

POOLED: Final = -1  # stands for an hour without counts of its own
BASELINE_MIN: Final = 200  # observations of a histogram, below which it has no lines
LOW_SHARE_MIN: Final = 0.10  # a group that was rarer than this may vanish: it shows in the others
UNIT: Final = 1_000  # lines are in thousandths
HIGHEST: Final = 980
LOWEST: Final = 20
NO_LINE: Final = 0
HEDGING: Final = "hedging"
BETS: Final = 3
SMALL_BETS: Final = (0, 2, 3)  # of the six alternatives of `e_process`, for a small line that is bad when high
OTHER_BETS: Final = (1, 3, 4)  # and for the others

Row = tuple[int, ...]  # one logarithm a bet, in e_process.UNIT
Rows = tuple[Row, Row]  # outcome 0, outcome 1
RowKey = tuple[int, int, int]  # direction, line, weight level
Outcomes = Mapping[int, tuple[int, int]]  # weight level -> counts outside a group, and inside it


class Test(NamedTuple):
    """One side of one group of one histogram; `histogram` and `group` are indexes."""

    histogram: int
    group: int
    direction: Direction


class Bound(NamedTuple):
    """The line of one test at one hour, in thousandths or NO_LINE; the baseline's share and the limit of it."""

    line: int
    share: float
    limit: float


@dataclass(frozen=True, slots=True)
class Watched:
    """One signal. `bounds`: by hour of the week (POOLED: any other), one for each test."""

    groupings: tuple[Grouping, ...]
    tests: tuple[Test, ...]
    bounds: Mapping[int, tuple[Bound, ...]] = field(default_factory=dict)
    shapes: Mapping[int, Items] = field(default_factory=dict)  # from which further bounds are drawn, by hour
    rules: tuple[float, float, float] = (1.0, 0.0, 0.0)  # tolerance, what is added, confidence
    id: str = ""  # another one wherever other groups, tests or lines come out

    def at(self, hour: int) -> tuple[Bound, ...]:
        """The bounds of an hour."""
        hour = hour if hour in self.bounds or hour in self.shapes else POOLED
        if hour in self.bounds:
            return self.bounds[hour]
        return _bounds(self.groupings, self.tests, self.shapes[hour], self.rules)

    @property
    def capital(self) -> int:
        """The logarithm of what each bet begins with: an equal share of 1."""
        return -round(math.log(BETS * len(self.tests)) * e_process.UNIT)

    def name(self, test: Test) -> str:
        """For people: "above 07-08"."""
        grouping = self.groupings[test.histogram]
        side = "above" if test.direction is Direction.BAD_WHEN_HIGH else "below"
        return " ".join(filter(None, (side, grouping.part, grouping.names[test.group])))


@dataclass(frozen=True, slots=True)
class DriftPlan:
    """Every drift line of a route. `log_limit`, `log_recovery`: log A. `rows`: tables that came with a record.

    `proves`: once a line is crossed, a finding has the proved bound (records of before have none).
    """

    watched: Mapping[str, Watched] = field(default_factory=dict)
    log_limit: int = 0
    log_recovery: int = 0
    pane_s: float = 60.0
    rows: Mapping[RowKey, Rows] = field(default_factory=dict)
    proves: bool = False

    def hour(self, pane: int) -> int:
        """The hour of the week in which a pane begins: 0 is Monday 00:00 UTC."""
        return hour_at(pane, self.pane_s)

    def table(self, direction: Direction, line: int, r: int) -> Rows:
        """The bets' logarithms for an observation of weight 2^-r, by outcome."""
        known = self.rows.get((int(direction), line, r))
        return known if known is not None else table(direction, line, r)


def planned(baseline: Baseline, policy: Policy, pane_s: float, routes: int = 1) -> DriftPlan:
    """The lines that this baseline allows; a signal with little of it has none. All of them share one budget."""
    found = {name: _watched(name, shape, baseline, policy) for name, shape in _shapes(baseline) if name in KINDS}
    watched = {name: one for name, one in found.items() if one.tests}
    budgets = policy.budgets
    return DriftPlan(
        watched,
        e_process.log_limit(len(watched) * routes, budgets.drift_s, pane_s),
        e_process.log_limit(1, budgets.recovery_s, pane_s),
        pane_s,
        proves=True,
    )


def bets(direction: Direction, line: int) -> tuple[int, ...]:
    """The places of a test's bets among those of `e_process`."""
    small = direction is Direction.BAD_WHEN_HIGH and line / UNIT <= e_process.SMALL_LINE
    return SMALL_BETS if small else OTHER_BETS


@lru_cache(maxsize=16_384)
def table(direction: Direction, line: int, r: int) -> Rows:
    """The rows of `e_process.rows` of three of its bets. A pure function, remembered."""
    whole = e_process.rows(direction, line / UNIT)
    chosen = bets(direction, line)
    none, one = (tuple(whole[r, y][k] for k in chosen) for y in (0, 1))
    return none, one


def _shapes(baseline: Baseline) -> Iterator[tuple[str, Mapping[str, int]]]:
    yield from sorted(baseline.shapes.items())
    if baseline.hedging:
        pairs = baseline.hedging.items()
        yield HEDGING, {f"{c}.{y}": n for c, t in pairs for y, n in ((0, t.n - t.positives), (1, t.positives))}


def _watched(name: str, shape: Mapping[str, int], baseline: Baseline, policy: Policy) -> Watched:
    line: DriftLine = getattr(policy.lines, f"drift_{kind_of(name)}")
    rules = (line.tolerance, line.added, policy.baseline.confidence)
    by_hour = {hour: items(of[name]) for hour, of in baseline.hours.items() if name in of}
    return _of_shape(items(shape), tuple(sorted(by_hour.items())), rules)


@lru_cache(maxsize=1_024)
def _of_shape(shape: Items, by_hour: tuple[tuple[int, Items], ...], rules: tuple[float, float, float]) -> Watched:
    groups = groupings(shape)
    tests = tuple(_tests(groups, dict(shape)))
    name = hashlib.sha256(repr((shape, by_hour, rules)).encode()).hexdigest()[:12]
    return Watched(groups, tests, {}, {POOLED: shape, **dict(by_hour)}, rules, name)


def _tests(groups: tuple[Grouping, ...], shape: Mapping[str, int]) -> Iterator[Test]:
    for k, grouping in enumerate(groups):
        sizes = grouping.sizes(shape)
        total = sum(sizes)
        if total < BASELINE_MIN or len(sizes) < 2:
            continue
        for group, size in enumerate(sizes):
            yield Test(k, group, Direction.BAD_WHEN_HIGH)
            if size >= LOW_SHARE_MIN * total:
                yield Test(k, group, Direction.BAD_WHEN_LOW)


@lru_cache(maxsize=8_192)
def _bounds(
    groups: tuple[Grouping, ...], tests: tuple[Test, ...], shape: Items, rules: tuple[float, float, float]
) -> tuple[Bound, ...]:
    sizes = [grouping.sizes(dict(shape)) for grouping in groups]
    return tuple(_bound(test, sizes[test.histogram], rules) for test in tests)


def _bound(test: Test, sizes: tuple[int, ...], rules: tuple[float, float, float]) -> Bound:
    tolerance, added, confidence = rules
    n, positives, level = sum(sizes), sizes[test.group], confidence / len(sizes)
    share = positives / n if n else 0.0
    lower, upper = quick_limits(positives, n, level)
    if test.direction is Direction.BAD_WHEN_HIGH:
        line = math.ceil(UNIT * max(tolerance * upper + added, LOWEST / UNIT) - 1e-9)
        return Bound(line if line <= HIGHEST else NO_LINE, share, upper)
    line = math.floor(UNIT * (lower / tolerance - added) + 1e-9)
    return Bound(line if line >= LOWEST else NO_LINE, share, lower)
