"""How the policy of a route is shown: what it demands, and what that costs in false pages. Plain JSON values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from proxy.control.plane import ControlPlane
from proxy.control.policies.in_force import Loaded
from proxy.control.policies.promotions import EVERYWHERE, Promotion
from proxy.core.decisions.outcome import Outcome
from proxy.core.evidence.findings import LineKind
from proxy.core.evidence.signals import REFUSAL
from proxy.core.policies.policy import Policy

YEAR_S: Final = 31_536_000.0
QUIET: Final = ("changed_s", "recovery_s")  # budgets of what wakes nobody


def policy_json(plane: ControlPlane, route: str) -> dict[str, Any]:
    """The live policy of a route with its tests and budgets, and the shadows beside it."""
    setup = plane.setup
    live = setup.loaded(route)
    shadows = setup.policies.shadows_of(setup.settings, route).values()
    tests = tests_json(live.policy, plane.looks.outcomes.get(route))
    return {
        "route": route,
        **loaded_json(live),
        "promoted": _promoted(plane.memory.promotions.known, route, live),
        "tests": tests,
        "sharing": _sharing(plane, live.policy),
        "shadows": [{"name": one.name, "sha256": one.sha256, "mode": one.policy.mode} for one in shadows],
        "pane_s": setup.pane_s,
    }


def loaded_json(loaded: Loaded) -> dict[str, Any]:
    """A policy without a route: its lines and budgets. Times in seconds."""
    policy = loaded.policy
    return {
        "name": loaded.name,
        "sha256": loaded.sha256,
        "mode": policy.mode,
        "revert_on": policy.revert_on,
        "lines": asdict(policy.lines),
        "budgets": asdict(policy.budgets),
        "pages_per_year": pages_per_year(policy),
    }


def pages_per_year(policy: Policy) -> dict[str, float]:
    """False pages a year, at most: with every rate exactly on its line. At the baseline rate they are far rarer."""
    budgets = {key: value for key, value in asdict(policy.budgets).items() if key.endswith("_s") and key not in QUIET}
    each = {key.removesuffix("_s"): YEAR_S / value for key, value in budgets.items()}
    return {**each, "all": sum(each.values())}


def tests_json(policy: Policy, outcome: Outcome | None) -> dict[str, Any]:
    """By kind of line: how many tests share its budget, and the limit A of odds that follows from both.

    Nothing before the first look at a route with a baseline. `limit` is None where A has no float. It is the limit of
    refusal lines: lines of other metrics that share one test's part have higher ones.
    """
    if outcome is None or not any(outcome.tests.values()):
        return {}
    limits = {finding.line: finding.ln_limit for finding in outcome.findings if finding.metric == REFUSAL}
    return {
        kind.value: {
            "n": outcome.tests[kind.value],
            "limit_ln": limits[kind],
            "limit": math.exp(limits[kind]) if limits[kind] < 700.0 else None,
            "budget_s": getattr(policy.budgets, f"{kind}_s"),
        }
        for kind in LineKind
        if kind in limits and outcome.tests.get(kind.value)
    }


def _sharing(plane: ControlPlane, policy: Policy) -> int:
    """How many routes share the budgets."""
    return 1 if policy.budgets.scope == "route" else plane.looks.watched()


def _promoted(promotions: Mapping[str, Promotion], route: str, live: Loaded) -> dict[str, Any] | None:
    """Who made it the live one, why and when; None where it is the file's."""
    for scope in (route, EVERYWHERE):
        one = promotions.get(scope)
        if one is not None and one.text == live.text:
            return {"scope": scope, "who": one.who, "why": one.why, "at_s": one.at_s}
    return None
