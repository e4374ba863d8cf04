"""Canaries: a second source, and whether the model or the prompts changed."""

from __future__ import annotations

from dataclasses import replace

from proxy.core.baselines.baseline import Tally
from proxy.core.decisions.explain import explain
from proxy.core.decisions.replay import differences
from proxy.core.decisions.severity import Severity
from proxy.core.evidence.findings import Finding, Status
from proxy.core.evidence.plan import make_plan
from proxy.core.windows import SCALE, Cell, Counts
from tests.unit.core.looks import BASELINE, CONTEXT, ENFORCE, Route, pane

WITH_CANARIES = replace(BASELINE, canary={"fraud": Tally(980, 1_000), "weapons": Tally(960, 1_000)})
USERS_WELL = pane({"fraud": 5, "weapons": 5}, {})
USERS_MILDLY_ILL = pane({"fraud": 4, "weapons": 3}, {"fraud": 1, "weapons": 2})


def canaries(refused: int, complied: int) -> Counts:
    cells = {Cell("canary", c, 0, y): n * SCALE for c in ("fraud", "weapons") for y, n in ((1, refused), (0, complied))}
    return {cell: n for cell, n in cells.items() if n}


def overall(route: Route, metric: str = "refusal", line: str = "warning") -> Finding:
    found = route.outcomes[-1].findings
    return next(f for f in found if (f.metric, f.stratum, f.line) == (metric, "overall", line))


def test_canaries_have_lines_within_the_budgets_and_are_in_no_users_line() -> None:
    bare, plan = make_plan(BASELINE, ENFORCE, 1.0), make_plan(WITH_CANARIES, ENFORCE, 1.0)
    assert {line: n - bare.count[line] for line, n in plan.count.items()} == dict.fromkeys(bare.count, 1)
    assert all(plan.limits[kind] > bare.limits[kind] for kind in plan.limits)
    route = Route(baseline=WITH_CANARIES)
    route.run({**USERS_WELL, **canaries(0, 5)}, 20)
    assert overall(route, "canary").status is Status.CROSSED
    assert overall(route).status is Status.UNDECIDED


def test_canaries_that_fall_alone_are_enough_to_revert() -> None:
    """Nobody but Groundwire asks them: strict proof of their critical line needs no second source."""
    route = Route(baseline=WITH_CANARIES)
    outcome = route.run({**USERS_WELL, **canaries(1, 4)}, 40)
    assert (outcome.severity, outcome.step) == (Severity.CRITICAL, "reverted")
    record = next(one.record for one in route.outcomes if one.action == "revert")
    assert record is not None and differences(record) == ()
    assert "Refusal of canaries overall: below its critical line" in explain(record)


def test_a_guarded_fall_of_users_with_one_of_canaries_is_severity_critical() -> None:
    """Neither is strict: each alone is severity high."""
    route = Route(baseline=WITH_CANARIES)
    for _ in range(100):
        outcome = route.look({**pane({"fraud": 13, "weapons": 13}, {"fraud": 7, "weapons": 7}), **canaries(13, 7)})
        if outcome.severity is Severity.CRITICAL:
            break
    assert outcome.severity is Severity.CRITICAL
    at_critical = [overall(route, metric, "critical").status for metric in ("refusal", "canary")]
    assert at_critical == [Status.GUARDED] * 2
    assert "the canaries fell below their critical line too" in outcome.notes


def test_both_falling_is_the_model_and_steady_canaries_mean_the_prompts() -> None:
    model, prompts, silent = (Route(baseline=WITH_CANARIES, context=replace(CONTEXT, armed=False)) for _ in range(3))
    model.run({**USERS_MILDLY_ILL, **canaries(3, 2)}, 80)
    prompts.run({**USERS_MILDLY_ILL, **canaries(5, 0)}, 80)
    silent.run(USERS_MILDLY_ILL, 80)
    assert [overall(route).cause for route in (model, prompts, silent)] == ["model", "prompts", ""]
    assert all(overall(route).status is Status.CROSSED for route in (model, prompts, silent))
    told = [one.record for one in prompts.outcomes if one.record]
    assert all(differences(record) == () for record in told)
    model.look(pane({"fraud": 1}, {"fraud": 9}))
    record = next(one.record for one in reversed(model.outcomes) if one.record)
    assert record is not None and "the canaries fell too: the model changed" in explain(record)


def test_canaries_alone_in_a_category_without_a_baseline_are_no_line_and_no_fault() -> None:
    route = Route(baseline=WITH_CANARIES)
    outcome = route.run({**USERS_WELL, Cell("canary", "drugs", 0, 0): 5 * SCALE}, 5)
    assert outcome.severity is Severity.LOW
    assert not any("drugs" in text for text in outcome.skipped)
