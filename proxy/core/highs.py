"""Rates that are bad when high (toxic, harmful, leaking answers): an e-detector on the warning line of each. Pure.

Each harm category of the prompt has a line of its own, as with refusal: a night of harder prompts is no alarm. Only
closed panes are read: a toxic answer may be the shorter one, so an open pane would err on the wrong side (detection
section 3). A line latches until its mirrored test, begun after the alarm, proves recovery.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from proxy.core.baseline import Baseline, Tally
from proxy.core.estimates import add_up, estimate
from proxy.core.findings import OVERALL, Call, Finding, LineKind, Status
from proxy.core.policy import HighLine, Policy
from proxy.core.signals import HIGHS, high_cells
from proxy.core.windows import Counts
from proxy.detectors import e_process
from proxy.detectors.e_process import FRESH, NOTHING, UNIT, Bets, Cells, Direction, Tables, advance, best, log_evidence

RATE_MAX: Final = 0.5  # a line above it could not be crossed by anything that is rare


@dataclass(frozen=True, slots=True)
class High:
    """The warning line of one signal: a rate for each category that takes part, and the tables of both tests.

    `rates` and `uppers` are the baseline's rates and their upper limits by category, `mix` how many answers made them.
    """

    signal: str
    lines: Mapping[str, float]
    table: Tables
    mirror: Tables
    rates: Mapping[str, float] = field(default_factory=dict)
    uppers: Mapping[str, float] = field(default_factory=dict)
    mix: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Raised:
    """Where the test of one signal stands. `crossed_pane`: where its line was called crossed, -1 nowhere."""

    bets: Bets = FRESH
    mirror: Bets = FRESH
    crossed_pane: int = -1

    @property
    def is_crossed(self) -> bool:
        """Whether the line is called crossed."""
        return self.crossed_pane >= 0


def planned(baseline: Baseline, policy: Policy) -> tuple[High, ...]:
    """The lines that this baseline allows. A category with little of it, or a line that is too high, takes no part."""
    found = (_high(signal, baseline.highs.get(signal, {}), policy) for signal in HIGHS)
    return tuple(high for high in found if high.lines)


def _high(signal: str, tallies: Mapping[str, Tally], policy: Policy) -> High:
    line: HighLine = getattr(policy.lines, signal)
    rules = policy.baseline
    known = {category: tally for category, tally in sorted(tallies.items()) if tally.n >= rules.category_min}
    uppers = {category: tally.upper(rules.confidence) for category, tally in known.items()}
    lines = {category: max(line.least, line.warning * upper) for category, upper in uppers.items()}
    lines = {category: m for category, m in lines.items() if m <= RATE_MAX}
    return High(
        signal,
        lines,
        e_process.tables(Direction.BAD_WHEN_HIGH, lines),
        e_process.tables(Direction.BAD_WHEN_LOW, lines),
        {category: known[category].rate for category in lines},
        {category: uppers[category] for category in lines},
        {category: known[category].n for category in lines},
    )


def followed(raised: Mapping[str, Raised]) -> dict[str, Raised]:
    """Where a line or the baseline changed: evidence begins anew, and what is latched stays."""
    return {signal: Raised(crossed_pane=one.crossed_pane) for signal, one in raised.items()}


@dataclass(frozen=True, slots=True)
class Limits:
    """Logarithms of what evidence must reach: to cross a line, and to prove recovery."""

    log_warning: int
    log_recovery: int


def watch(
    raised: Mapping[str, Raised], planned_: tuple[High, ...], limits: Limits, pane: int, counts: Counts
) -> tuple[dict[str, Raised], tuple[str, ...]]:
    """After a closed pane; and the signals that are proved recovered by it."""
    after = {high.signal: _after(raised.get(high.signal, Raised()), high, limits, pane, counts) for high in planned_}
    recovered = tuple(signal for signal, one in after.items() if one is None)
    return {signal: one or Raised() for signal, one in after.items()}, recovered


def _after(one: Raised, high: High, limits: Limits, pane: int, counts: Counts) -> Raised | None:
    """None where recovery is proved."""
    cells = high_cells(counts, high.signal)
    if one.is_crossed:
        mirror = advance(one.mirror, high.mirror, pane, cells)
        return None if log_evidence(mirror) >= limits.log_recovery else Raised(one.bets, mirror, one.crossed_pane)
    bets = advance(one.bets, high.table, pane, cells)
    return Raised(bets, FRESH, pane if log_evidence(bets) >= limits.log_warning else -1)


def calls(raised: Mapping[str, Raised]) -> Iterator[Call]:
    """What each line stands at: all that a severity is made of."""
    for signal, one in raised.items():
        yield Call(signal, LineKind.WARNING, Status.CROSSED if one.is_crossed else Status.UNDECIDED)


def findings(raised: Mapping[str, Raised], planned_: tuple[High, ...], limits: Limits) -> Iterator[Finding]:
    """One finding for each line."""
    for high in planned_:
        yield _finding(raised.get(high.signal, Raised()), high, limits)


def _finding(one: Raised, high: High, limits: Limits) -> Finding:
    bet = best(one.bets)
    return Finding(
        metric=high.signal,
        stratum=OVERALL,
        line=LineKind.WARNING,
        status=Status.CROSSED if one.is_crossed else Status.UNDECIDED,
        m=_mean(high.lines, bet.sums, high.mix),
        baseline=_mean(high.rates, bet.sums, high.mix),
        baseline_low=_mean(high.uppers, bet.sums, high.mix),
        ln_odds=max(log_evidence(one.bets), NOTHING) / UNIT,
        ln_limit=limits.log_warning / UNIT,
        estimate=estimate(add_up(bet.sums)),
        since_pane=bet.start if bet.sums else None,
        crossed_pane=one.crossed_pane if one.is_crossed else None,
    )


def _mean(rates: Mapping[str, float], sums: Cells, mix: Mapping[str, int]) -> float:
    """The mean of the categories' rates over the answers in `sums`, or in the baseline's mix without any."""
    weights = dict.fromkeys(rates, 0)
    for (category, r, _), count in sums.items():
        weights[category] += count << 7 - r
    if not any(weights.values()):
        weights = {category: mix[category] for category in rates}
    return sum(weights[category] * rate for category, rate in rates.items()) / sum(weights.values())
