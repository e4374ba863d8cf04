"""Evidence: every test of refusal (of users' prompts, and of canaries) over panes, and what each line stands at. Pure.

Detection sections 3 and 4. A closed pane advances every test; an open one is only glanced at, for alarms on a low
rate (short refusals finish first, so it errs on the safe side). A crossed line latches until the mirrored test, begun
after the alarm, proves recovery; then the evidence of that stratum begins anew. What no count of a pane touches stays
the same object, so that a look in which little happened costs little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from proxy.core.evidence.estimates import add_up, estimate
from proxy.core.evidence.findings import OVERALL, Call, Finding, LineKind, Status
from proxy.core.evidence.plan import CANARIES, Plan, Test
from proxy.detectors.e_process import FRESH, NOTHING, UNIT, Bets, Cells, advance, best, log_evidence, reaches
from proxy.detectors.intervals import probability_below
from proxy.detectors.proved_bound import proved_factor

LN_10: Final = round(2.302585092994046 * UNIT)  # `changed` drops back when its odds fall below 10 (section 5)
UNLINED_MAX: Final = 16  # categories that are named; the taxonomy has fewer
DIGITS: Final = 9  # a probability is compared after rounding, so that every CPU agrees


@dataclass(frozen=True, slots=True)
class LineState:
    """One test: its bets, what its line stands at, and the pane in which that was called."""

    bets: Bets = FRESH
    status: Status = Status.UNDECIDED
    crossed_pane: int = -1


FRESH_LINE: Final = LineState()
Lines = Mapping[str, LineState]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The state of all tests of a plan: lines by `Test.key`, mirrored tests by `Test.place` while something is latched.

    `panes` counts the panes that entered; `unlined` names categories that were seen and have no line.
    """

    plan_id: str = ""
    lines: Lines = field(default_factory=dict)
    recoveries: Mapping[str, Bets] = field(default_factory=dict)
    panes: int = 0
    unlined: tuple[str, ...] = ()


def follow(evidence: Evidence, plan: Plan) -> Evidence:
    """The evidence for this plan: as it is, or, where a line or baseline changed, begun anew with latches kept."""
    if evidence.plan_id == plan.id:
        return evidence
    return Evidence(plan.id, begun_anew(evidence.lines, plan.tests))


def begun_anew(lines: Lines, tests: Sequence[Test]) -> dict[str, LineState]:
    """The lines of these tests with their evidence forgotten and their latches kept."""
    return {test.key: replace(lines.get(test.key, FRESH_LINE), bets=FRESH) for test in tests}


def consume(evidence: Evidence, plan: Plan, pane: int, cells: Cells) -> tuple[Evidence, tuple[str, ...]]:
    """After a closed pane; and the places that are proved recovered by it."""
    strata = {category for category, _, _ in cells}
    evidence = _noted(evidence, plan, strata)
    if not any(category in plan.rates for category in strata):
        return evidence, ()
    lines = advanced(evidence.lines, plan.tests, plan, pane, cells)
    recoveries = dict(_recoveries(evidence, plan, pane, cells))
    recovered = tuple(place for place, bets in recoveries.items() if reaches(bets, plan.log_recovery))
    left = {place: bets for place, bets in recoveries.items() if place not in recovered}
    whole = replace(evidence, lines=forgotten(lines, plan.tests, recovered), recoveries=left, panes=evidence.panes + 1)
    return whole, recovered


def forgotten(lines: Lines, tests: Sequence[Test], places: Sequence[str]) -> Lines:
    """The lines with those of some places begun anew, latches included."""
    return {**lines, **{test.key: FRESH_LINE for test in tests if test.place in places}} if places else lines


def glance(evidence: Evidence, plan: Plan, pane: int, cells: Cells) -> tuple[Evidence, Evidence]:
    """(seen, kept): the evidence as it looks with an open pane, and the one to go on from: with new latches."""
    seen = advanced(evidence.lines, plan.tests, plan, pane, cells)
    return replace(evidence, lines=seen), replace(evidence, lines=latched(evidence.lines, seen))


def latched(before: Lines, seen: Lines) -> Lines:
    """The lines before a glance, with what it latched."""
    news = {
        key: replace(state, bets=before.get(key, FRESH_LINE).bets)
        for key, state in seen.items()
        if key not in before or state.status is not before[key].status
    }
    return {**before, **news} if news else before


def calls(evidence: Evidence, plan: Plan) -> tuple[Call, ...]:
    """What each line stands at."""
    return called(evidence.lines, plan.tests)


def called(lines: Lines, tests: Sequence[Test]) -> tuple[Call, ...]:
    """What the lines of these tests stand at."""
    return tuple(Call(t.stratum, t.line, lines[t.key].status, t.metric) for t in tests if t.key in lines)


def findings(evidence: Evidence, plan: Plan) -> tuple[Finding, ...]:
    """One finding for each line, overall first."""
    return tuple(_finding(evidence, plan, test) for test in plan.tests)


def _noted(evidence: Evidence, plan: Plan, strata: set[str]) -> Evidence:
    """With the categories of this pane that no line watches."""
    new = {s for s in strata - plan.rates.keys() if not s.startswith(CANARIES)} - set(evidence.unlined)
    if not new:
        return evidence
    return replace(evidence, unlined=tuple(sorted({*evidence.unlined, *new})[:UNLINED_MAX]))


def advanced(lines: Lines, tests: Sequence[Test], plan: Plan, pane: int, cells: Cells) -> Lines:
    """The lines of these tests after a pane. Where none of a test's strata has counts, its line stays as it is."""
    strata = {category for category, _, _ in cells}
    after, touched = dict(lines), []
    for test in tests:
        state = after.get(test.key, FRESH_LINE)
        bets = state.bets if strata.isdisjoint(test.lines) else advance(state.bets, test.table, pane, cells)
        if bets is not state.bets:
            touched.append(test)
            after[test.key] = LineState(bets, state.status, state.crossed_pane)
        elif test.key not in after:
            after[test.key] = state
    for test in touched:
        status = _status(test, after, plan)
        if status is not after[test.key].status:
            after[test.key] = replace(after[test.key], status=status, crossed_pane=pane)
    return after


def _status(test: Test, lines: Lines, plan: Plan) -> Status:
    """What the line stands at now. Warning and critical lines latch; `changed` falls back by itself."""
    state = lines[test.key]
    if reaches(state.bets, plan.limits[test.line]):
        return Status.CROSSED
    if test.line is LineKind.CHANGED:
        return state.status if reaches(state.bets, LN_10) else Status.UNDECIDED
    if test.line is LineKind.CRITICAL and state.status is Status.UNDECIDED and _guards(test, lines, plan):
        return Status.GUARDED
    return state.status


def _guards(critical: Test, lines: Lines, plan: Plan) -> bool:
    """The guarded form of a critical line (section 4)."""
    warning = lines[_sibling(critical, LineKind.WARNING)].bets
    if plan.guard_probability >= 1.0 or not reaches(warning, plan.limits[LineKind.CRITICAL]):
        return False
    return guard(critical, warning) >= plan.guard_probability


def guard(critical: Test, warning: Bets) -> float:
    """P(rate < critical line), on the counts since the start of the warning line's best bet."""
    counts = best(warning).sums
    sums = add_up(counts)
    line = _mean(critical.guards or critical.lines, counts, {})
    return round(probability_below(line, sums.rate * sums.n_eff, sums.n_eff), DIGITS)


def _sibling(test: Test, line: LineKind) -> str:
    return f"{test.place}/{line}"


def _recoveries(evidence: Evidence, plan: Plan, pane: int, cells: Cells) -> Iterator[tuple[str, Bets]]:
    """The mirrored tests of the places that were latched before this pane, after it."""
    for place, table in plan.recoveries.items():
        crossed = [
            state.crossed_pane
            for kind in (LineKind.WARNING, LineKind.CRITICAL)
            if (state := evidence.lines.get(f"{place}/{kind}", FRESH_LINE)).status is not Status.UNDECIDED
        ]
        if crossed and pane > max(crossed):
            yield place, advance(evidence.recoveries.get(place, FRESH), table, pane, cells)


def _finding(evidence: Evidence, plan: Plan, test: Test) -> Finding:
    state = evidence.lines.get(test.key, FRESH_LINE)
    basis = _basis(evidence, test, state)
    bet, limit = best(basis), plan.limits[test.line]
    sums = bet.sums
    m = _mean(test.lines, sums, plan.mix)
    factor = proved_factor(test.lines, sums, limit) if sums and _is_told(test, state) else None
    odds = log_evidence(basis if state.status is Status.GUARDED else state.bets)
    return Finding(
        metric=test.metric,
        stratum=test.stratum,
        line=test.line,
        status=state.status,
        m=_mean(test.guards, sums, plan.mix) if _asks_what_is_likely(test, state) else m,
        baseline=_mean({c: plan.rates[c] for c in test.lines}, sums, plan.mix),
        baseline_low=_low(plan, test, sums),
        ln_odds=max(odds, NOTHING) / UNIT,
        ln_limit=limit / UNIT,
        estimate=estimate(add_up(sums)),
        bound=None if factor is None else min(1.0, factor * m),
        since_pane=bet.start if sums else None,
        crossed_pane=state.crossed_pane if state.status is not Status.UNDECIDED else None,
        guard=guard(test, basis) if sums and test.line is LineKind.CRITICAL else None,
    )


def _asks_what_is_likely(test: Test, state: LineState) -> bool:
    """Whether the line is called by its guarded form, which is about another rate than strict proof."""
    return state.status is Status.GUARDED and bool(test.guards)


def _is_told(test: Test, state: LineState) -> bool:
    """Whether people see a bound: overall always, a category's once its line is called. (It costs half a look.)"""
    if test.line is LineKind.CHANGED:
        return False
    return test.stratum == OVERALL or state.status is not Status.UNDECIDED


def _basis(evidence: Evidence, test: Test, state: LineState) -> Bets:
    """Whose counts speak for a line: short of strict proof, the warning line's speak for the critical line."""
    if test.line is not LineKind.CRITICAL or state.status is Status.CROSSED:
        return state.bets
    return evidence.lines.get(_sibling(test, LineKind.WARNING), FRESH_LINE).bets


def _low(plan: Plan, test: Test, sums: Cells) -> float:
    changed = next(t for t in plan.tests if t.place == test.place and t.line is LineKind.CHANGED)
    return _mean(changed.lines, sums, plan.mix)


def _mean(rates: Mapping[str, float], sums: Cells, mix: Mapping[str, int]) -> float:
    """The mean of the categories' rates over the observations in `sums`, or in the baseline's mix without any."""
    weights = dict.fromkeys(rates, 0)
    for (category, r, _), count in sums.items():
        weights[category] += count << 7 - r
    if not any(weights.values()):
        weights = {category: mix.get(category, 1) for category in rates}
    return sum(weights[category] * rate for category, rate in rates.items()) / sum(weights.values())
