"""The plan of a route: which lines are tested, with which tables, and what limit each must reach. Pure.

Made from a baseline and a policy alone; a change of either makes another plan, with another id, and new evidence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from proxy.core import drift_json, drift_lines
from proxy.core.baseline import Baseline
from proxy.core.drift_lines import DriftPlan
from proxy.core.findings import OVERALL, LineKind
from proxy.core.highs import High, Limits, planned
from proxy.core.policy import Line, Policy
from proxy.core.signals import ALL
from proxy.detectors import e_process
from proxy.detectors.e_process import Direction, Key, Tables

RATE_MAX: Final = 0.9999  # a line never sits on 1, where the bets are not defined
RATE_MIN: Final = 0.01  # nor so low that no fall below it could matter
BLIND_TESTS: Final = 1


@dataclass(frozen=True, slots=True)
class Test:
    """One line of one stratum. `lines`: the line of each category that takes part. `table`: the bets' logarithms."""

    stratum: str
    line: LineKind
    lines: Mapping[str, float]
    table: Tables

    @property
    def key(self) -> str:
        """Names this test in a state: "overall/warning"."""
        return f"{self.stratum}/{self.line}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Every test of a route.

    `recoveries`: by stratum, the mirrored test of its warning line. `blind`, `sighted`: the test that the assessed
    share halved, and its mirror (empty: not tested). `limits`: log A by kind of line, `log_recovery` that of every
    mirror, `log_blind` that of blindness. `rates`: baseline rates by category, `mix`: their counts. `skipped`:
    categories without lines, with the reason. `guard_probability`: 1 turns the guarded form off. `highs`: the warning
    lines of rates that are bad when high; they share the warning budget. `drift`: the drift lines, with their own.
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
    highs: tuple[High, ...] = ()
    drift: DriftPlan = DriftPlan()

    @property
    def count(self) -> dict[str, int]:
        """How many tests there are of each kind: A follows from it."""
        count = {kind.value: sum(test.line is kind for test in self.tests) for kind in LineKind}
        return {**count, LineKind.WARNING.value: count[LineKind.WARNING.value] + len(self.highs)}

    @property
    def high_limits(self) -> Limits:
        """What evidence on a rate that is bad when high must reach."""
        return Limits(self.limits[LineKind.WARNING], self.log_recovery)


def make_plan(baseline: Baseline, policy: Policy, pane_s: float) -> Plan:
    """The plan of one baseline under one policy, for panes of `pane_s` seconds."""
    lows, skipped = _lower_limits(baseline, policy)
    tests = tuple(_tests(lows, policy))
    each = len(tests) // len(LineKind)
    budgets, highs = policy.budgets, planned(baseline, policy)
    share = policy.blind.assessed_share * baseline.assessed.lower(policy.baseline.confidence)
    return Plan(
        tests=tests,
        recoveries={t.stratum: _mirror(t.lines) for t in tests if t.line is LineKind.WARNING},
        blind=_table(Direction.BAD_WHEN_LOW, {ALL: share}) if share >= RATE_MIN else {},
        sighted=_table(Direction.BAD_WHEN_HIGH, {ALL: share}) if share >= RATE_MIN else {},
        limits={
            LineKind.CHANGED: e_process.log_limit(each, budgets.changed_s, pane_s),
            LineKind.WARNING: e_process.log_limit(each + len(highs), budgets.warning_s, pane_s),
            LineKind.CRITICAL: e_process.log_limit(each, budgets.critical_s, pane_s),
        },
        log_recovery=e_process.log_limit(1, budgets.recovery_s, pane_s),
        log_blind=e_process.log_limit(BLIND_TESTS, budgets.warning_s, pane_s),
        rates={category: baseline.refusals[category].rate for category in lows},
        mix={category: baseline.refusals[category].n for category in lows},
        skipped=skipped,
        guard_probability=policy.guard_probability,
        id=_id(lows, share, policy, pane_s, highs),
        highs=highs,
        drift=drift_lines.planned(baseline, policy, pane_s),
    )


def _lower_limits(baseline: Baseline, policy: Policy) -> tuple[dict[str, float], tuple[str, ...]]:
    """The lower limit of each category's rate, and the categories that have too little of it."""
    rules, lows, skipped = policy.baseline, {}, []
    for category, tally in sorted(baseline.refusals.items()):
        low = min(RATE_MAX, tally.lower(rules.confidence))
        if tally.n < rules.category_min:
            skipped.append(f"{category}: {tally.n} baseline prompts, {rules.category_min} are needed")
        elif low * policy.lines.refusal_category.critical < RATE_MIN:
            skipped.append(f"{category}: refuses too rarely ({tally.rate:.2f}) for a fall to be seen")
        else:
            lows[category] = low
    return lows, tuple(skipped)


def _tests(lows: Mapping[str, float], policy: Policy) -> Iterator[Test]:
    if lows:
        yield from _lines_of(OVERALL, lows, policy.lines.refusal_overall)
    for category, low in lows.items():
        yield from _lines_of(category, {category: low}, policy.lines.refusal_category)


def _lines_of(stratum: str, lows: Mapping[str, float], line: Line) -> Iterator[Test]:
    shares = {LineKind.CHANGED: 1.0, LineKind.WARNING: line.warning, LineKind.CRITICAL: line.critical}
    for kind, share in shares.items():
        lines = {category: share * low for category, low in lows.items()}
        yield Test(stratum, kind, lines, _table(Direction.BAD_WHEN_LOW, lines))


def _mirror(lines: Mapping[str, float]) -> Tables:
    return _table(Direction.BAD_WHEN_HIGH, lines)


def _table(direction: Direction, lines: Mapping[str, float]) -> Tables:
    return e_process.tables(direction, lines)


def _id(lows: Mapping[str, float], share: float, policy: Policy, pane_s: float, highs: tuple[High, ...]) -> str:
    """Another id wherever another table or limit would come out."""
    parts: list[Any] = [sorted(lows.items()), share, repr(policy.lines), repr(policy.budgets), pane_s]
    parts += [[high.signal, sorted(high.lines.items())] for high in highs]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def to_json(plan: Plan, used: frozenset[Key]) -> dict[str, Any]:
    """The plan as plain JSON, each table cut down to the rows of the cells in `used`."""
    return {
        "id": plan.id,
        "tests": [[t.stratum, t.line.value, dict(t.lines), _rows(t.table, used)] for t in plan.tests],
        "recoveries": {stratum: _rows(table, used) for stratum, table in plan.recoveries.items()},
        "blind": _rows(plan.blind, used),
        "sighted": _rows(plan.sighted, used),
        "limits": {kind.value: limit for kind, limit in plan.limits.items()},
        "log_recovery": plan.log_recovery,
        "log_blind": plan.log_blind,
        "rates": dict(plan.rates),
        "mix": dict(plan.mix),
        "skipped": list(plan.skipped),
        "guard_probability": plan.guard_probability,
        "highs": [_high_json(high, used) for high in plan.highs],
    }


def from_json(data: Mapping[str, Any]) -> Plan:
    """Read a plan that `to_json` wrote. Raises KeyError, TypeError or ValueError; `record` gives them a name."""
    return Plan(
        tests=tuple(Test(s, LineKind(kind), lines, _from_rows(rows)) for s, kind, lines, rows in data["tests"]),
        recoveries={stratum: _from_rows(rows) for stratum, rows in data["recoveries"].items()},
        blind=_from_rows(data["blind"]),
        sighted=_from_rows(data["sighted"]),
        limits={LineKind(kind): limit for kind, limit in data["limits"].items()},
        log_recovery=data["log_recovery"],
        log_blind=data["log_blind"],
        rates=data["rates"],
        mix=data["mix"],
        skipped=tuple(data["skipped"]),
        guard_probability=data["guard_probability"],
        id=data["id"],
        highs=tuple(map(_high, data.get("highs", ()))),
        drift=drift_json.plan_from_json(data.get("drift", {})),
    )


def _high_json(high: High, used: frozenset[Key]) -> list[Any]:
    rates = [dict(high.rates), dict(high.uppers), dict(high.mix)]
    return [high.signal, dict(high.lines), _rows(high.table, used), _rows(high.mirror, used), *rates]


def _high(data: Any) -> High:
    signal, lines, table, mirror, *rates = data
    return High(signal, lines, _from_rows(table), _from_rows(mirror), *rates)


def _rows(table: Tables, used: frozenset[Key]) -> list[Any]:
    return [[*key, list(row)] for key, row in sorted(table.items()) if key in used]


def _from_rows(rows: Any) -> Tables:
    return {(stratum, r, y): tuple(row) for stratum, r, y, row in rows}
