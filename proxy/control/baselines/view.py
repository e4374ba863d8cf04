"""What people and programs are shown of baselines: plain JSON values. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from proxy.control.entry import Entry
from proxy.core.baselines.baseline import Baseline
from proxy.core.baselines.diff import rates, side
from proxy.core.baselines.versions import Head, Shelf
from proxy.core.drift.shapes import size
from proxy.core.evidence.plan import make_plan
from proxy.core.policies.policy import Policy


def head_json(head: Head) -> dict[str, Any]:
    """One line of a list."""
    return asdict(head)


def shelf_json(entry: Entry, shelf: Shelf) -> dict[str, Any]:
    """The versions of a route, the switches between them, and how the one in force stands."""
    return {
        "route": entry.route.name,
        "in_force": entry.version,
        "standing": "" if entry.baseline is None else entry.baseline.standing.value,
        "stale": entry.outdated,
        "versions": [head_json(head) for head in shelf.heads],
        "switches": [asdict(switch) for switch in shelf.switches],
        "excluded": [asdict(span) for span in shelf.excluded],
        "review_due": review_due(shelf),
    }


def review_due(shelf: Shelf) -> bool:
    """Whether a reminder was given since the last switch."""
    return bool(shelf.switches) and shelf.reminded_s > shelf.switches[-1].at_s


def limits_json(baseline: Baseline, policy: Policy, pane_s: float) -> dict[str, Any]:
    """Every rate with its counts and limits, the size of every shape, and the categories that have no lines."""
    plan, confidence = make_plan(baseline, policy, pane_s), policy.baseline.confidence
    return {
        "confidence": confidence,
        "rates": {one.name: side(one.before, confidence) for one in rates(baseline, baseline, confidence)},
        "shape_sizes": {signal: size(shape) for signal, shape in sorted(baseline.shapes.items())},
        "hours": len(baseline.hours),
        "without_lines": list(plan.skipped),
    }
