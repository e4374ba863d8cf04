"""Power: what the lines of a route could see, at present traffic, sampling and baseline size. Pure.

A line at m needs about ln A / KL(p, m) evaluated prompts to be called crossed at a rate p (Lorden 1971; detection
section 5: some 10 % fewer for large falls). With n such prompts a day that gives the smallest fall that is seen within
a day, and the days to see a fall to 75 % of the baseline. A route whose overall warning line would not show such a fall
within DAYS_MAX is underpowered: silence there is no health.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from proxy.core.baselines.baseline import Baseline
from proxy.core.evidence import canaries
from proxy.core.evidence.estimates import add_up
from proxy.core.evidence.findings import BAD_WHEN_LOW, OVERALL, LineKind
from proxy.core.evidence.plan import Plan, Test
from proxy.core.evidence.signals import Part, Reading
from proxy.core.policies.policy import Policy
from proxy.detectors.e_process import UNIT
from proxy.detectors.intervals import lower_limit

DAYS_MAX: Final = 7.0
FALL: Final = 0.75  # of the baseline's rate: what a route must be able to show
RISE: Final = 2.0  # times the line: the same for rates that are bad when high
SEEN_MIN_DAYS: Final = 1.0 / 24.0  # of traffic, before anything is said
HALVINGS: Final = 40
BASELINE_MAX: Final = 1_000_000  # prompts; a larger baseline is no remedy
CANARIES_MAX: Final = 240  # an hour
MONTH_DAYS: Final = 30  # over which the one cost of a baseline is compared with the running cost of canaries


@dataclass(frozen=True, slots=True)
class Power:
    """What one line could see.

    `place` names its stratum ("overall", "canary:overall", a watch's name). `m` is the line and `rate` the baseline's
    rate, `ln_limit` the natural logarithm of A, `per_day` the evaluated prompts or answers a day, as many as they are
    worth after weighting. `smallest`: the rate nearest to the line that is seen within a day; None where none is.
    `target`: 75 % of the baseline's rate (bad when high: twice the line), and `days` to see it, None where never.
    """

    place: str
    line: LineKind
    m: float
    rate: float
    ln_limit: float
    per_day: float
    smallest: float | None
    target: float
    days: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """All lines; why the route is underpowered, "" where it is not (or too little is known); the cheapest remedy.

    `routes` share the budgets: this multiplies every A, and costs `extra` further prompts to the overall warning line
    at a fall to 75 %; None where there is no such line.
    """

    lines: tuple[Power, ...]
    underpowered: str = ""
    remedy: str = ""
    routes: int = 1
    extra: float | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What came: the merged counts of `days` of panes, and the share of exchanges that was evaluated (0 to 1)."""

    reading: Reading
    days: float
    share: float = 1.0


def report(plan: Plan, baseline: Baseline, policy: Policy, traffic: Traffic) -> Report:
    """The power of every warning and critical line of a plan."""
    lines = (*_refusals(plan, traffic), *_watched(plan, traffic))
    overall = next((one for one in lines if (one.place, one.line) == (OVERALL, LineKind.WARNING)), None)
    if overall is None:
        return Report(lines, routes=plan.routes)
    extra = math.log(plan.routes) / max(divergence(overall.target, overall.m), 1e-12)
    found = Report(lines, routes=plan.routes, extra=extra if overall.target < overall.m else None)
    if traffic.days < SEEN_MIN_DAYS or (overall.days is not None and overall.days <= DAYS_MAX):
        return found
    needs = "never" if overall.days is None else f"in {overall.days:.0f} days"
    text = f"a fall of refusal to {FALL:.0%} of the baseline would be seen {needs}, not within {DAYS_MAX:.0f} days"
    remedy = _remedy(overall, baseline, policy, traffic)
    return Report(lines, text, remedy, plan.routes, found.extra)


def divergence(p: float, m: float) -> float:
    """KL(p, m) of two coins, in nats."""
    first = p * math.log(p / m) if p > 0.0 else 0.0
    return first + ((1.0 - p) * math.log((1.0 - p) / (1.0 - m)) if p < 1.0 else 0.0)


def days_to_see(p: float, m: float, ln_limit: float, per_day: float) -> float | None:
    """Days until the line m is called crossed at the rate p; None without traffic. p and m are not the same."""
    evidence = divergence(p, m) * per_day
    return ln_limit / evidence if evidence > 0.0 else None


def _refusals(plan: Plan, traffic: Traffic) -> Iterator[Power]:
    cells = canaries.merged(traffic.reading)
    for test in plan.tests:
        if test.line is not LineKind.CHANGED:
            mine = {key: n for key, n in cells.items() if key[0] in test.lines}
            basis = _guarded_by(test, plan) if test.line is LineKind.CRITICAL else test
            m, rate = _mean(basis.lines, basis.lines, plan.mix), _mean(plan.rates, basis.lines, plan.mix)
            per_day = _per_day(mine, traffic)
            yield _power((test.place, test.line), (m, rate, FALL * rate), plan.limits[test.line], per_day)


def _guarded_by(critical: Test, plan: Plan) -> Test:
    """Short of strict proof, the warning line's evidence calls the critical line, at the critical line's limit."""
    if plan.guard_probability >= 1.0:
        return critical
    return next(t for t in plan.tests if t.place == critical.place and t.line is LineKind.WARNING)


def _watched(plan: Plan, traffic: Traffic) -> Iterator[Power]:
    for one in plan.watches:
        m, rate = _mean(one.lines, one.lines, one.mix), _mean(one.rates, one.lines, one.mix)
        target = FALL * rate if one.metric in BAD_WHEN_LOW else min(0.9, RISE * m)
        mine = {key: n for key, n in one.cells(traffic.reading).items() if key[0] in one.lines}
        yield _power((one.name, one.line), (m, rate, target), one.log_limit, _per_day(mine, traffic))


def _power(named: tuple[str, LineKind], rates: tuple[float, float, float], log_limit: int, per_day: float) -> Power:
    (place, line), (m, rate, target), ln_limit = named, rates, log_limit / UNIT
    crosses = target < m if rate > m else target > m
    days = days_to_see(target, m, ln_limit, per_day) if crosses else None
    smallest = _smallest(m, 0.0 if rate > m else 1.0, ln_limit, per_day)
    return Power(place, line, m, rate, ln_limit, per_day, smallest, target, days)


def _smallest(m: float, worst: float, ln_limit: float, per_day: float) -> float | None:
    """The rate nearest to the line, on the side of `worst`, that a day of traffic shows."""

    def is_seen(p: float) -> bool:
        return divergence(p, m) * per_day >= ln_limit

    return _nearest(m, worst, is_seen) if is_seen(worst) else None


def _nearest(unseen: float, seen: float, is_seen: Callable[[float], bool]) -> float:
    for _ in range(HALVINGS):
        middle = (unseen + seen) / 2.0
        unseen, seen = (unseen, middle) if is_seen(middle) else (middle, seen)
    return seen


def _per_day(cells: Part, traffic: Traffic) -> float:
    return add_up(cells).n_eff / traffic.days if traffic.days > 0.0 else 0.0


def _mean(rates: Mapping[str, float], strata: Iterable[str], mix: Mapping[str, int]) -> float:
    """In the baseline's mix."""
    kept = list(strata)
    return sum(mix[one] * rates[one] for one in kept) / sum(mix[one] for one in kept)


def _remedy(overall: Power, baseline: Baseline, policy: Policy, traffic: Traffic) -> str:
    """What would bring it within DAYS_MAX, the cheapest first: evaluating more asks no model anything."""
    if (wider := _sampling(overall, traffic)) is not None:
        return f"evaluate {wider:.0%} of the harmful prompts (now {traffic.share:.0%})"
    prompts = _baseline_prompts(overall, baseline, policy)
    canaries_ = _canaries(overall, baseline, policy)
    if prompts is not None and (canaries_ is None or prompts - baseline.n <= canaries_ * 24 * MONTH_DAYS):
        return f"a baseline of {prompts:,} evaluated harmful prompts (now {baseline.n:,})"
    if canaries_ is not None:
        return f"{canaries_} canaries an hour"
    return f"a baseline of {policy.baseline.closes_at:,} evaluated harmful prompts, and canaries"


def _sampling(overall: Power, traffic: Traffic) -> float | None:
    """The least share on the grid of halves that is enough."""
    share = traffic.share
    while 0.0 < share < 1.0 and overall.days is not None:
        share = min(1.0, 2.0 * share)
        if overall.days * traffic.share / share <= DAYS_MAX:
            return share
    return None


def _baseline_prompts(overall: Power, baseline: Baseline, policy: Policy) -> int | None:
    """The least size, a doubling of today's, whose line is near enough to its rate."""
    n = max(1, baseline.n)
    while (n := 2 * n) <= BASELINE_MAX:
        low = lower_limit(round(overall.rate * n), n, policy.baseline.confidence)
        m = policy.lines.refusal_overall.warning * low
        days = days_to_see(overall.target, m, overall.ln_limit, overall.per_day) if overall.target < m else None
        if days is not None and days <= DAYS_MAX:
            return n
    return None


def _canaries(overall: Power, baseline: Baseline, policy: Policy) -> int | None:
    """How many an hour, against a line as far from the rate as the baseline's size allows."""
    n = max(baseline.n, policy.baseline.category_min)
    m = policy.lines.refusal_overall.warning * lower_limit(round(overall.rate * n), n, policy.baseline.confidence)
    if overall.target >= m:
        return None
    needed = math.ceil(overall.ln_limit / divergence(overall.target, m) / DAYS_MAX / 24.0)
    return needed if needed <= CANARIES_MAX else None
