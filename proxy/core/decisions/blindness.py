"""Blindness: a route that is not seen is neither healthy nor ill. Pure.

Two ways to be blind: no evaluated response for a while, or the share of assessable answers halved against the
baseline's. The second is tested as every line is, by an e-detector and its mirror.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.core.evidence.plan import Plan
from proxy.core.evidence.signals import Part
from proxy.detectors.e_process import FRESH, Bets, advance, reaches


@dataclass(frozen=True, slots=True)
class Sight:
    """`bets`: that the assessed share halved; `mirror`: that it came back, once `halved` is called."""

    bets: Bets = FRESH
    mirror: Bets = FRESH
    halved: bool = False


def watch(sight: Sight, plan: Plan, pane: int, cells: Part) -> Sight:
    """After a closed pane, of which `cells` are the answers by whether they could be assessed."""
    if sight.halved:
        mirror = advance(sight.mirror, plan.sighted, pane, cells)
        back = reaches(mirror, plan.log_recovery)
        return Sight() if back else Sight(sight.bets, mirror, halved=True)
    bets = advance(sight.bets, plan.blind, pane, cells)
    return Sight(bets, FRESH, reaches(bets, plan.log_blind) if plan.blind else False)


def reason(sight: Sight, quiet_panes: int, pane_s: float, quiet_s: float) -> str:
    """Why a route is blind, in words; "" where it is not."""
    if quiet_panes * pane_s > quiet_s:
        return f"no evaluated response for {round(quiet_panes * pane_s / 60.0)} minutes"
    if sight.halved:
        return "the share of answers that can be assessed has halved against the baseline"
    return ""
