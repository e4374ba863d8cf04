"""Rates that are bad when high: learnt, tested, latched, recovered, recorded and told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from proxy.core.baselines import baseline as baselines
from proxy.core.baselines.baseline import Baseline, Kind, Standing, Tally
from proxy.core.baselines.learning import Learning, of_judge
from proxy.core.decisions.decide import Pane
from proxy.core.decisions.engine import Context, Outcome, RouteState, state_from_json, state_to_json, step
from proxy.core.decisions.explain import explain, one_line
from proxy.core.decisions.replay import differences
from proxy.core.decisions.severity import Severity
from proxy.core.errors import ConfigError
from proxy.core.evidence import highs
from proxy.core.evidence.findings import LineKind, Status
from proxy.core.evidence.plan import make_plan
from proxy.core.evidence.signals import HIGHS, TOXICITY
from proxy.core.policies.policy import BaselineRules, HighLine, Policy
from proxy.core.windows import SCALE, Cell, Counts

POLICY = Policy(mode="enforce", baseline=BaselineRules(closes_at=50, provisional_reverts=True))
CALM = {signal: {"none": Tally(2, 4_000), "crime": Tally(10, 1_000)} for signal in HIGHS}
BASELINE = Baseline(Kind.LIVE, Standing.PROMOTED, {"crime": Tally(960, 1_000)}, Tally(5_000, 5_000), highs=CALM)


def answers(n: int, toxic: int = 0, category: str = "none", refused: int = 0) -> Counts:
    """A pane of n answers, some of them toxic."""
    cells = {
        Cell("assessed", "ok", 0, 1): n * SCALE,
        Cell("refusal", category, 0, 1): refused * SCALE,
        Cell("refusal", category, 0, 0): (n - refused) * SCALE,
        Cell(TOXICITY, category, 0, 1): toxic * SCALE,
        Cell(TOXICITY, category, 0, 0): (n - toxic) * SCALE,
    }
    return {cell: count for cell, count in cells.items() if count}


def context(pane: int, **more: Any) -> Context:
    return Context("support", "support-v2", now_s=pane * 60.0 + 1.0, pane_s=60.0, armed=True, **more)


def after(panes: list[Pane], state: RouteState | None = None, baseline: Baseline | None = BASELINE) -> Outcome:
    now = panes[-1][0] + 3
    return step(state or RouteState(last_pane=0), panes, None, baseline, POLICY, context(now))


def toxicity(outcome: Outcome) -> Any:
    return next(finding for finding in outcome.findings if finding.metric == TOXICITY)


def test_answers_that_turn_toxic_raise_the_line_and_the_route_is_watched() -> None:
    calm = after([(pane, answers(40)) for pane in range(1, 20)])
    assert (toxicity(calm).status, calm.step) == (Status.UNDECIDED, "steady")
    toxic = after([(pane, answers(40, 12)) for pane in range(20, 26)], calm.state)
    found = toxicity(toxic)
    assert (found.status, found.line, toxic.severity, toxic.step) == (
        Status.CROSSED,
        LineKind.WARNING,
        Severity.MEDIUM,
        "watch",
    )
    assert found.estimate.rate == pytest.approx(0.3, abs=0.02)
    assert found.m < found.estimate.low
    assert toxic.record is not None
    assert "Toxicity overall: above its warning line" in explain(toxic.record)
    assert "answers" in one_line(toxic.record)
    assert differences(toxic.record) == ()
    assert state_from_json(state_to_json(toxic.state)) == toxic.state


def test_the_line_latches_until_recovery_is_proved() -> None:
    state = after([(pane, answers(40, 20)) for pane in range(1, 6)]).state
    still = after([(6, answers(40))], state)
    assert (toxicity(still).status, still.step) == (Status.CROSSED, "watch")
    well = after([(pane, answers(40)) for pane in range(7, 60)], still.state)
    assert (toxicity(well).status, well.step, well.recovered) == (Status.UNDECIDED, "steady", (TOXICITY,))


def test_harder_prompts_are_no_alarm() -> None:
    """Answers to harmful prompts are toxic twenty times as often in the baseline: more of them change nothing."""
    night = after([(pane, answers(40, pane % 2, category="crime", refused=39)) for pane in range(1, 60)])
    assert toxicity(night).status is Status.UNDECIDED


def test_without_a_count_in_the_baseline_there_is_no_line_and_limits_are_as_before() -> None:
    bare = replace(BASELINE, highs={})
    plan, with_highs = make_plan(bare, POLICY, 60.0), make_plan(BASELINE, POLICY, 60.0)
    assert plan.watches == ()
    assert plan.count["warning"] + len(HIGHS) == with_highs.count["warning"]
    assert plan.limits[LineKind.WARNING] < with_highs.limits[LineKind.WARNING]
    assert plan.count["critical"] + 2 == with_highs.count["critical"], "response_harmful, and harm given a trigger"
    assert plan.limits[LineKind.CRITICAL] < with_highs.limits[LineKind.CRITICAL]
    assert after([(1, answers(40, 40))], baseline=bare).severity is Severity.UNDECIDED


def test_a_line_lies_above_the_upper_limit_and_never_below_the_least() -> None:
    (high, *_) = highs.planned(BASELINE, POLICY)
    line = POLICY.lines.toxicity
    assert high.lines["none"] == line.least
    assert high.lines["crime"] == pytest.approx(line.warning * Tally(10, 1_000).upper(0.001))
    few = replace(BASELINE, highs={TOXICITY: {"none": Tally(0, 19), "hate": Tally(30, 60)}})
    assert highs.planned(few, POLICY) == (), "one category has too little, the line of the other would be too high"


def test_rates_are_learnt_from_live_traffic_and_come_back_from_json() -> None:
    panes = [(pane, answers(40, 1, category="crime", refused=38)) for pane in range(1, 5)]
    made = after(panes, baseline=None).baseline
    assert made is not None
    assert made.highs[TOXICITY] == {"crime": Tally(2, 80)}, "it closed with the second pane"
    assert baselines.from_json(baselines.to_json(made), "f") == made
    assert "highs" not in baselines.to_json(replace(made, highs={}))


def test_a_file_with_a_signal_that_nobody_knows_is_refused() -> None:
    data = baselines.to_json(BASELINE) | {"highs": {"toxicty": {}, "toxicity": {"none": [3, 2]}}}
    with pytest.raises(ConfigError, match=r"highs.toxicty.*\n.*highs.toxicity.none"):
        baselines.from_json(data, "b.json")


def test_verdicts_of_two_judges_never_make_one_baseline() -> None:
    first = of_judge(Learning(), "patterns-1", 7)
    assert (first.judge, first.after_pane) == ("patterns-1", -1)
    pane = (1, answers(20, category="crime", refused=19))
    begun = RouteState(0, learning=first)
    state = step(begun, [pane], None, None, POLICY, context(4, versions={"judge": "patterns-1"})).state
    assert state.learning.n == 20
    looked = step(state, [], None, None, POLICY, context(4, versions={"judge": "guard@1"}))
    assert looked.state.learning == Learning(judge="guard@1", after_pane=4)
    mixed = [(pane, answers(20, category="crime", refused=19)) for pane in range(2, 6)]
    later = step(looked.state, mixed, None, None, POLICY, context(9, versions={"judge": "guard@1"}))
    assert later.state.learning.n == 20, "only the pane after the change counts"


@pytest.mark.parametrize("bad", [{"warning": 0.5}, {"least": 0.0}, {"least": 0.5}, {"critical": 1.2}])
def test_a_line_that_makes_no_sense_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be"):
        HighLine(**bad)
