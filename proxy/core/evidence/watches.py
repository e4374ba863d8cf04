"""Watches: lines that are tested on closed panes alone, each an e-detector with a latch and a mirror of its own. Pure.

Rates that are bad when high (a toxic answer may be the shorter one, so an open pane would err on the wrong side,
detection section 3), and refusal by context, which warns and need not hurry. Within one watch each stratum has a line
of its own, as with refusal: a night of harder prompts is no alarm. A line latches until its mirrored test, begun after
the alarm, proves recovery.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from proxy.core.evidence.estimates import add_up, estimate
from proxy.core.evidence.findings import BAD_WHEN_LOW, OVERALL, Call, Finding, LineKind, Status
from proxy.core.evidence.signals import ALL, Part, Reading
from proxy.detectors import e_process
from proxy.detectors.e_process import (
    FRESH,
    NOTHING,
    UNIT,
    Bets,
    Cells,
    Direction,
    Tables,
    advance,
    best,
    log_evidence,
    reaches,
)
from proxy.detectors.proved_bound import proved_factor, proved_factor_above
from proxy.detectors.quantile import span

NOWHERE: Final = -1


@dataclass(frozen=True, slots=True)
class Watch:
    """One line of one metric.

    `name` names it in a state. `signal`: the cells that it reads. `lines`: a rate for each stratum that takes part;
    `table` and `mirror` are the tables of the alarm and of recovery. `rates` and `limits` are the baseline's rates and
    the limits that the lines are drawn from, `mix` how many answers made them. `log_limit`: log A. Watches of one
    `group` share one test's part of the budget ("" is alone). `above`: strata are bins of a score, and those from this
    place on count as y = 1 (`detectors.quantile`). `only`: this stratum alone. `note`: what the rate is of.
    `proves`: once the line is crossed, a finding has the proved bound (records of before have none).
    """

    name: str
    metric: str
    signal: str
    lines: Mapping[str, float]
    table: Tables
    mirror: Tables
    line: LineKind = LineKind.WARNING
    stratum: str = OVERALL
    rates: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    mix: Mapping[str, int] = field(default_factory=dict)
    log_limit: int = 0
    group: str = ""
    above: int = NOWHERE
    only: str = ""
    note: str = ""
    proves: bool = False

    def cells(self, reading: Reading) -> Part:
        """What of a pane belongs to this watch."""
        return self.cells_of(reading.part(self.signal))

    def cells_of(self, part: Part) -> Part:
        """What of the cells of its signal, or of a shard of tenants in it, belongs to this watch."""
        if self.above != NOWHERE:
            return _folded(part, self.above)
        if self.only:
            return {(ALL, r, y): n for (stratum, r, y), n in part.items() if stratum == self.only}
        return part


def drawn(metric: str, lines: Mapping[str, float]) -> tuple[Tables, Tables]:
    """The tables of an alarm on these lines, and of its mirror."""
    is_low = metric in BAD_WHEN_LOW
    bad, good = Direction.BAD_WHEN_LOW, Direction.BAD_WHEN_HIGH
    return e_process.tables(bad if is_low else good, lines), e_process.tables(good if is_low else bad, lines)


def _folded(part: Part, place: int) -> Part:
    folded: dict[e_process.Key, int] = {}
    for (stratum, r, _), n in part.items():
        key = (ALL, r, int(span(stratum)[0] >= place))
        folded[key] = folded.get(key, 0) + n
    return folded


@dataclass(frozen=True, slots=True)
class Raised:
    """Where one watch stands. `crossed_pane`: where its line was called crossed, -1 nowhere."""

    bets: Bets = FRESH
    mirror: Bets = FRESH
    crossed_pane: int = -1

    @property
    def is_crossed(self) -> bool:
        """Whether the line is called crossed."""
        return self.crossed_pane >= 0


UNRAISED: Final = Raised()
AllRaised = Mapping[str, Raised]


def followed(raised: AllRaised) -> dict[str, Raised]:
    """Where a line or the baseline changed: evidence begins anew, and what is latched stays."""
    return {name: Raised(crossed_pane=one.crossed_pane) for name, one in raised.items()}


def watch(
    raised: AllRaised, watches: Iterable[Watch], log_recovery: int, pane: int, reading: Reading
) -> tuple[dict[str, Raised], tuple[str, ...]]:
    """After a closed pane; and the names of those that are proved recovered by it."""
    after, recovered = dict[str, Raised](), []
    for one in watches:
        before = raised.get(one.name, UNRAISED)
        now = _after(before, one, log_recovery, pane, one.cells(reading))
        if before.is_crossed and not now.is_crossed:
            recovered.append(one.name)
        after[one.name] = now
    return after, tuple(recovered)


def _after(one: Raised, watch_: Watch, log_recovery: int, pane: int, cells: Cells) -> Raised:
    if one.is_crossed:
        mirror = advance(one.mirror, watch_.mirror, pane, cells)
        return UNRAISED if reaches(mirror, log_recovery) else Raised(one.bets, mirror, one.crossed_pane)
    bets = advance(one.bets, watch_.table, pane, cells)
    if bets is one.bets:
        return one
    return Raised(bets, FRESH, pane if reaches(bets, watch_.log_limit) else -1)


def calls(raised: AllRaised, watches: Iterable[Watch]) -> Iterator[Call]:
    """What each line stands at: all that a severity is made of."""
    for one in watches:
        status = Status.CROSSED if raised.get(one.name, UNRAISED).is_crossed else Status.UNDECIDED
        yield Call(one.stratum, one.line, status, one.metric)


def findings(raised: AllRaised, watches: Iterable[Watch]) -> Iterator[Finding]:
    """One finding for each line."""
    for one in watches:
        yield _finding(raised.get(one.name, UNRAISED), one)


def _finding(one: Raised, watch_: Watch) -> Finding:
    bet = best(one.bets)
    return Finding(
        metric=watch_.metric,
        stratum=watch_.stratum,
        line=watch_.line,
        status=Status.CROSSED if one.is_crossed else Status.UNDECIDED,
        m=_mean(watch_.lines, bet.sums, watch_.mix),
        baseline=_mean(watch_.rates, bet.sums, watch_.mix),
        baseline_low=_mean(watch_.limits, bet.sums, watch_.mix),
        ln_odds=max(log_evidence(one.bets), NOTHING) / UNIT,
        ln_limit=watch_.log_limit / UNIT,
        estimate=estimate(add_up(bet.sums)),
        bound=_bound(watch_, bet.sums) if one.is_crossed and watch_.proves else None,
        since_pane=bet.start if bet.sums else None,
        crossed_pane=one.crossed_pane if one.is_crossed else None,
        note=watch_.note,
    )


def _bound(watch_: Watch, sums: Cells) -> float | None:
    """On the bad side of what rate the mean over the strata is proved to be; None where nothing is."""
    if not sums:
        return None
    is_low = watch_.metric in BAD_WHEN_LOW
    factor = (proved_factor if is_low else proved_factor_above)(watch_.lines, sums, watch_.log_limit)
    return None if factor is None else min(1.0, factor * _mean(watch_.lines, sums, watch_.mix))


def _mean(rates: Mapping[str, float], sums: Cells, mix: Mapping[str, int]) -> float:
    """The mean of the strata's rates over the answers in `sums`, or in the baseline's mix without any."""
    weights = dict.fromkeys(rates, 0)
    for (stratum, r, _), count in sums.items():
        weights[stratum] += count << 7 - r
    if not any(weights.values()):
        weights = {stratum: mix[stratum] for stratum in rates}
    return sum(weights[stratum] * rate for stratum, rate in rates.items()) / sum(weights.values())
