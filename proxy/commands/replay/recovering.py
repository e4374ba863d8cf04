"""What a proof of recovery rested on. The engine forgets it with the pane that completed it, so it is taken anew."""

from __future__ import annotations

from proxy.core.decisions.decide import Pane
from proxy.core.evidence.canaries import merged
from proxy.core.evidence.plan import Plan
from proxy.core.evidence.signals import read
from proxy.core.evidence.state import RouteState
from proxy.detectors.e_process import FRESH, Bets, advance


def mirror_after(before: RouteState, plan: Plan, pane: Pane, name: str) -> Bets:
    """The mirrored test called `name` after a closed pane; nothing for drift signals, which keep no counts of it."""
    number, reading = pane[0], read(pane[1])
    watch = next((one for one in plan.watches if one.name == name), None)
    if watch is not None and name in before.raised:
        return advance(before.raised[name].mirror, watch.mirror, number, watch.cells(reading))
    if name in plan.recoveries:
        return advance(before.evidence.recoveries.get(name, FRESH), plan.recoveries[name], number, merged(reading))
    return FRESH
