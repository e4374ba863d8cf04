"""What the lines of a route could see, for people and programs: plain JSON values. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from proxy.core.baselines.baseline import Baseline
from proxy.core.decisions.outcome import Phase
from proxy.core.evidence.plan import make_plan
from proxy.core.evidence.power import Power, Report, Traffic, report
from proxy.core.evidence.signals import read
from proxy.core.policies.policy import Policy
from proxy.core.windows import Counts, merge

DAY_S: Final = 86_400.0
UNDERPOWERED: Final = "underpowered"  # watching, and not able to see a fall within a week

Panes = Sequence[tuple[int, Counts]]


class Now(NamedTuple):
    """The pane of now, the length of a pane in seconds, and how many routes share the budgets."""

    pane: int
    pane_s: float
    routes: int = 1


def power_of(baseline: Baseline | None, policy: Policy, panes: Panes, now: Now) -> Report | None:
    """At the traffic of these panes (oldest first); None without a baseline or a pane."""
    if baseline is None or not panes:
        return None
    reading = read(merge(counts for _, counts in panes))
    days = (now.pane - panes[0][0] + 1) * now.pane_s / DAY_S
    share = min(1.0, sum(reading.assessed.values()) / reading.seen) if reading.seen else 1.0
    return report(make_plan(baseline, policy, now.pane_s, now.routes), baseline, policy, Traffic(reading, days, share))


def status(phase: Phase, found: Report | None) -> str:
    """A route that could not see a fall is not healthy because it is silent."""
    return UNDERPOWERED if phase is Phase.WATCHING and found and found.underpowered else phase.value


def power_json(found: Report | None) -> dict[str, Any] | None:
    """Rates in [0, 1], times in days, limits as natural logarithms."""
    if found is None:
        return None
    return {
        "underpowered": found.underpowered,
        "remedy": found.remedy,
        "routes": found.routes,
        "extra_prompts": found.extra,
        "lines": [_line(one) for one in found.lines],
    }


def _line(one: Power) -> dict[str, Any]:
    return {
        "place": one.place,
        "line": one.line.value,
        "m": one.m,
        "baseline": one.rate,
        "limit_ln": one.ln_limit,
        "per_day": one.per_day,
        "smallest_in_a_day": one.smallest,
        "target": one.target,
        "days": one.days,
    }
