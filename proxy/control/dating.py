"""When did it change? PELT over the panes of the last two days, once for an alarm, beside the loop.

The date is for people: an alarm is raised without it, and no step waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from proxy.core.baselines.baseline import Baseline
from proxy.core.drift.groups import split
from proxy.core.drift.lines import HEDGING, planned
from proxy.core.evidence.findings import OVERALL, Finding, LineKind, Status
from proxy.core.evidence.signals import REFUSAL
from proxy.core.observation import NO_HARM
from proxy.core.policies.policy import Policy
from proxy.core.windows import SCALE, Cell, Counts
from proxy.detectors.pelt import dating

SPAN_S: Final = 48 * 3_600
DATES_MAX: Final = 1_000  # alarms whose date is remembered
ALARMS_MAX: Final = 6  # of one route, dated at once

Pane = tuple[int, Counts]
Key = tuple[str, str, str, str, int]  # route, metric, stratum, detail, pane of the alarm
Takes = Callable[[Cell], int | None]  # the outcome of a cell in the rate that is dated; None: it takes no part


class Dates:
    """One for the plane."""

    def __init__(self) -> None:
        self._known: dict[Key, dict[str, Any] | None] = {}

    async def of(  # noqa: PLR0917 - what a date is made of
        self,
        route: str,
        findings: Sequence[Finding],
        panes: Sequence[Pane],
        baseline: Baseline | None,
        policy: Policy,
        pane_s: float,
    ) -> list[dict[str, Any]]:
        """The dates of the alarms among these findings, as far as a change shows."""
        dated = []
        for finding in alarms(findings)[:ALARMS_MAX]:
            key = (route, finding.metric, finding.stratum, finding.detail, finding.crossed_pane or 0)
            if key not in self._known:
                takes = taking(finding, baseline, policy, pane_s)
                self._remember(key, await asyncio.to_thread(dated_json, finding, takes, panes, pane_s))
            if (found := self._known[key]) is not None:
                dated.append(found)
        return dated

    def _remember(self, key: Key, found: dict[str, Any] | None) -> None:
        while len(self._known) >= DATES_MAX:
            del self._known[next(iter(self._known))]
        self._known[key] = found


def alarms(findings: Sequence[Finding]) -> list[Finding]:
    """One finding for each rate whose line is crossed."""
    called = [one for one in findings if one.status is not Status.UNDECIDED and one.line is not LineKind.CHANGED]
    return list({(one.metric, one.stratum, one.detail): one for one in called}.values())


def dated_json(finding: Finding, takes: Takes, panes: Sequence[Pane], pane_s: float) -> dict[str, Any] | None:
    """The change that PELT finds, with its interval, in Unix seconds; None where it finds none."""
    last = panes[-1][0] if panes else 0
    recent = [(number, counts) for number, counts in panes if number > last - SPAN_S / pane_s]
    totals = [_totals(counts, takes) for _, counts in recent]
    found = dating([positives for positives, _ in totals], [n for _, n in totals])
    if found is None:
        return None
    at, low, high = (recent[place][0] * pane_s for place in found)
    return {
        "metric": finding.metric,
        "stratum": finding.detail or finding.stratum,
        "change_s": at,
        "from_s": low,
        "to_s": high,
    }


def taking(finding: Finding, baseline: Baseline | None, policy: Policy, pane_s: float) -> Takes:
    """Which cells make up the rate that a finding speaks of."""
    if finding.detail and baseline is not None:
        return _of_group(finding, baseline, policy, pane_s)
    metric, stratum = finding.metric, finding.stratum

    def takes(cell: Cell) -> int | None:
        mine = cell.signal == metric and (stratum in (OVERALL, cell.stratum))
        return cell.y if mine and not (metric == REFUSAL and cell.stratum == NO_HARM) else None

    return takes


def _of_group(finding: Finding, baseline: Baseline, policy: Policy, pane_s: float) -> Takes:
    watched = planned(baseline, policy, pane_s).watched.get(finding.metric)
    test = None if watched is None else next((t for t in watched.tests if watched.name(t) == finding.detail), None)
    if watched is None or test is None:
        return lambda _: None
    grouping = watched.groupings[test.histogram]

    def takes(cell: Cell) -> int | None:
        name = f"{cell.stratum}.{cell.y}" if finding.metric == HEDGING else cell.stratum
        part, bin_ = split(name)
        if cell.signal != finding.metric or part != grouping.part:
            return None
        return int(grouping.index(bin_) == test.group)

    return takes


def _totals(counts: Counts, takes: Takes) -> tuple[float, float]:
    """Weighted positives and observations of a pane."""
    positives = n = 0.0
    for cell, count in counts.items():
        y = takes(cell)
        if y is not None and 0 <= cell.r <= 7:
            weighted = count / SCALE / (1 << cell.r)
            n += weighted
            positives += weighted * y
    return positives, n
