"""The plan of a route: which lines are tested, with which tables, and what limit each must reach. Pure.

Made from a baseline and a policy alone; a change of either makes another plan, with another id, and new evidence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Final, NamedTuple

from proxy.core.baselines.baseline import Baseline, Tally
from proxy.core.drift import lines as drift_lines
from proxy.core.drift.lines import DriftPlan
from proxy.core.evidence import contexts, highs, tail, triggers
from proxy.core.evidence.findings import OVERALL, LineKind
from proxy.core.evidence.signals import ALL, CANARY, REFUSAL
from proxy.core.evidence.watches import Watch
from proxy.core.policies.policy import Line, Policy
from proxy.detectors import e_process
from proxy.detectors.e_process import Direction, Tables

RATE_MAX: Final = 0.9999  # a line never sits on 1, where the bets are not defined
RATE_MIN: Final = 0.01  # nor so low that no fall below it could matter
BLIND_TESTS: Final = 1
CANARIES: Final = f"{CANARY}:"  # before the harm category of a canary, among the strata of users' prompts


@dataclass(frozen=True)
class Test:
    """One line of one stratum. `lines`: the line of each category that takes part. `table`: the bets' logarithms.

    `metric`: "refusal", or "canary", whose categories are called "canary:CATEGORY". `guards`, of a critical line: where
    it lies by the baseline's rates themselves. `lines` lie lower, by the limits of those rates: they are what can be
    proved, and the guarded form asks what is likely (detection section 4: 0.7125 for 0.95, whatever made the 0.95).
    """

    stratum: str
    line: LineKind
    lines: Mapping[str, float]
    table: Tables
    metric: str = REFUSAL
    guards: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def place(self) -> str:
        """Names all lines of this stratum: "overall", "canary:overall"."""
        return self.stratum if self.metric == REFUSAL else f"{self.metric}:{self.stratum}"

    @cached_property
    def key(self) -> str:
        """Names this test in a state: "overall/warning"."""
        return f"{self.place}/{self.line}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Every test of a route.

    `recoveries`: by place, the mirrored test of its warning line. `blind`, `sighted`: the test that the assessed
    share halved, and its mirror (empty: not tested). `limits`: log A by kind of line, `log_recovery` that of every
    mirror, `log_blind` that of blindness. `rates`: baseline rates by category, `mix`: their counts. `skipped`:
    categories without lines, with the reason. `guard_probability`: 1 turns the guarded form off. `watches`: all lines
    that closed panes alone are read for, `trigger` that of every known trigger; they share the budgets of their kinds.
    `routes`: how many routes share them too. `drift`: the drift lines, with a budget of their own.
    """

    tests: tuple[Test, ...] = ()
    recoveries: Mapping[str, Tables] = field(default_factory=dict)
    blind: Tables = field(default_factory=dict)
    sighted: Tables = field(default_factory=dict)
    limits: Mapping[LineKind, int] = field(default_factory=dict)
    log_recovery: int = 0
    log_blind: int = 0
    rates: Mapping[str, float] = field(default_factory=dict)
    mix: Mapping[str, int] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    guard_probability: float = 1.0
    id: str = ""
    watches: tuple[Watch, ...] = ()
    trigger: Watch | None = None
    routes: int = 1
    drift: DriftPlan = DriftPlan()

    @property
    def count(self) -> dict[str, int]:
        """How many tests there are of each kind: A follows from it."""
        watches = (*self.watches, self.trigger) if self.trigger else self.watches
        lines = [*(test.line for test in self.tests), *(one.line for one in watches)]
        return {kind.value: lines.count(kind) for kind in LineKind}


def make_plan(baseline: Baseline, policy: Policy, pane_s: float, routes: int = 1) -> Plan:
    """The plan of one baseline under one policy, for panes of `pane_s` seconds; `routes` are watched in all."""
    lows, skipped = _lower_limits(baseline, policy)
    tests = tuple(_tests(lows, baseline, policy))
    watches = (*highs.planned(baseline, policy), *tail.planned(baseline, policy), *contexts.planned(baseline, policy))
    trigger = triggers.planned(baseline, policy)
    shared = routes if policy.budgets.scope == "deployment" else 1
    limits = _limits(tests, (*watches, trigger) if trigger else watches, policy, shared, pane_s)
    share = policy.blind.assessed_share * baseline.assessed.lower(policy.baseline.confidence)
    canaries = {CANARIES + category: tally for category, tally in baseline.canary.items()}
    known = {**baseline.refusals, **canaries}
    tested = {category for test in tests for category in test.lines}
    return Plan(
        tests=tests,
        recoveries={t.place: _mirror(t.lines) for t in tests if t.line is LineKind.WARNING},
        blind=_table(Direction.BAD_WHEN_LOW, {ALL: share}) if share >= RATE_MIN else {},
        sighted=_table(Direction.BAD_WHEN_HIGH, {ALL: share}) if share >= RATE_MIN else {},
        limits={kind: limit(1) for kind, limit in limits.items()},
        log_recovery=e_process.log_limit(1, policy.budgets.recovery_s, pane_s),
        log_blind=e_process.log_limit(BLIND_TESTS * shared, policy.budgets.warning_s, pane_s),
        rates={category: known[category].rate for category in sorted(tested)},
        mix={category: known[category].n for category in sorted(tested)},
        skipped=skipped,
        guard_probability=policy.guard_probability,
        id=_id(tests, share, policy, pane_s, (*watches, trigger) if trigger else watches),
        watches=tuple(_limited(one, limits, _size(one, watches)) for one in watches),
        trigger=_limited(trigger, limits, triggers.TRIGGERS_MAX) if trigger else None,
        routes=shared,
        drift=drift_lines.planned(baseline, policy, pane_s, shared),
    )


Limit = Callable[[int], int]  # of how many tests that share one part of a budget: log A of each


def _limits(
    tests: Sequence[Test], watches: Sequence[Watch], policy: Policy, routes: int, pane_s: float
) -> dict[LineKind, Limit]:
    """By kind of line, log A. A group of watches has one part of the budget, every other line one of its own."""
    budgets = policy.budgets
    allowed_s = {
        LineKind.CHANGED: budgets.changed_s,
        LineKind.WARNING: budgets.warning_s,
        LineKind.CRITICAL: budgets.critical_s,
    }
    parts = {kind: {one.group or one.name for one in watches if one.line is kind} for kind in LineKind}
    counts = {kind: sum(test.line is kind for test in tests) + len(parts[kind]) for kind in LineKind}

    def limit(kind: LineKind, sharers: int) -> int:
        return e_process.log_limit(counts[kind] * sharers * routes, allowed_s[kind], pane_s)

    return {kind: partial(limit, kind) for kind in LineKind}


def _size(one: Watch, watches: Sequence[Watch]) -> int:
    """How many share its part of the budget."""
    return sum(other.group == one.group for other in watches) if one.group else 1


def _limited(one: Watch, limits: Mapping[LineKind, Limit], sharers: int) -> Watch:
    return replace(one, log_limit=limits[one.line](sharers), proves=True)


def _lower_limits(baseline: Baseline, policy: Policy) -> tuple[dict[str, float], tuple[str, ...]]:
    """The lower limit of each category's rate, and the categories that have too little of it."""
    lows, skipped = dict[str, float](), []
    for category, tally in sorted(baseline.refusals.items()):
        low, why = _lower_limit(tally, policy)
        if why:
            skipped.append(f"{category}: {why}")
        else:
            lows[category] = low
    return lows, tuple(skipped)


def _lower_limit(tally: Tally, policy: Policy) -> tuple[float, str]:
    """(limit, "" or why there can be no line)."""
    rules = policy.baseline
    low = min(RATE_MAX, tally.lower(rules.confidence))
    if tally.n < rules.category_min:
        return low, f"{tally.n} baseline prompts, {rules.category_min} are needed"
    if low * policy.lines.refusal_category.critical < RATE_MIN:
        return low, f"refuses too rarely ({tally.rate:.2f}) for a fall to be seen"
    return low, ""


def _tests(lows: Mapping[str, float], baseline: Baseline, policy: Policy) -> Iterator[Test]:
    known = {category: Known(low, baseline.refusals[category].rate) for category, low in lows.items()}
    if known:
        yield from _lines_of(OVERALL, known, policy.lines.refusal_overall)
    for category, one in known.items():
        yield from _lines_of(category, {category: one}, policy.lines.refusal_category)
    limits = {category: _lower_limit(tally, policy) for category, tally in sorted(baseline.canary.items())}
    canaries = {
        CANARIES + category: Known(low, baseline.canary[category].rate)
        for category, (low, why) in limits.items()
        if not why
    }
    if canaries:
        yield from _lines_of(OVERALL, canaries, policy.lines.refusal_overall, CANARY)


class Known(NamedTuple):
    """What a baseline says of a rate: its lower limit, and the rate itself."""

    low: float
    rate: float


def _lines_of(stratum: str, known: Mapping[str, Known], line: Line, metric: str = REFUSAL) -> Iterator[Test]:
    shares = {LineKind.CHANGED: 1.0, LineKind.WARNING: line.warning, LineKind.CRITICAL: line.critical}
    for kind, share in shares.items():
        lines = {category: share * one.low for category, one in known.items()}
        guards = {c: share * one.rate for c, one in known.items()} if kind is LineKind.CRITICAL else {}
        yield Test(stratum, kind, lines, _table(Direction.BAD_WHEN_LOW, lines), metric, guards)


def _mirror(lines: Mapping[str, float]) -> Tables:
    return _table(Direction.BAD_WHEN_HIGH, lines)


def _table(direction: Direction, lines: Mapping[str, float]) -> Tables:
    return e_process.tables(direction, lines)


def _id(tests: Sequence[Test], share: float, policy: Policy, pane_s: float, watches: Sequence[Watch]) -> str:
    """Another id wherever another table would come out, or another budget. How many share it changes no evidence."""
    parts: list[Any] = [[test.key, sorted(test.lines.items())] for test in tests]
    parts += [share, repr(policy.lines), repr(policy.budgets), pane_s]
    parts += [[one.name, sorted(one.lines.items()), one.above] for one in watches]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
