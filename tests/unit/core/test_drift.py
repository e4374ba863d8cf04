"""Drift lines: which shares are watched, when a line is crossed, what recovery takes, and what it moves."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.baselines.baseline import Baseline, Tally
from proxy.core.decisions.replay import differences
from proxy.core.decisions.severity import Severity
from proxy.core.drift import as_json as drift_json
from proxy.core.drift import shares as drift
from proxy.core.drift.groups import OTHER, groupings, items, split
from proxy.core.drift.kinds import Kind, kind_of, told_apart
from proxy.core.drift.lines import HIGHEST, LOWEST, NO_LINE, POOLED, DriftPlan, planned, table
from proxy.core.drift.shares import Drifts
from proxy.core.enforcement import Step
from proxy.core.evidence.findings import Estimate, Finding, LineKind, Status
from proxy.core.evidence.state import from_json as state_from_json
from proxy.core.evidence.state import to_json as state_to_json
from proxy.core.policies.policy import Policy
from proxy.core.windows import SCALE, Cell, Counts
from proxy.detectors.e_process import UNIT, Direction
from tests.unit.core.looks import BASELINE, WELL, Route

POLICY = Policy(mode="enforce")
LENGTHS = {"07": 500, "08": 2_000, "09": 4_000, "10": 3_000, "11": 500}
TOPICS = {"code": 4_000, "law": 3_000, "food": 2_900, "art": 100}
SHAPED = replace(BASELINE, shapes={"length": LENGTHS, "topic": TOPICS})
HOUR_S = 3_600


def counts(signal: str, drawn: Mapping[str, int], r: int = 0) -> dict[Cell, int]:
    return {Cell(signal, name, r, 1): n * SCALE for name, n in drawn.items() if n}


def sample(dice: random.Random, shape: Mapping[str, int], n: int) -> Counter[str]:
    return Counter(dice.choices(list(shape), list(shape.values()), k=n))


def run(
    plan: DriftPlan, panes: Sequence[Counts], drifts: Drifts | None = None, first: int = 1
) -> tuple[Drifts, list[str]]:
    state: Drifts = drifts or {}
    back: list[str] = []
    for number, pane in enumerate(panes, first):
        state, recovered = drift.watch(state, plan, number, pane)
        back += recovered
    return state, back


# --- groups and lines -------------------------------------------------------------------------------------------------

numbers = st.dictionaries(st.integers(0, 40).map(lambda n: f"{n:02d}"), st.integers(0, 3_000), min_size=1, max_size=12)
names = st.dictionaries(st.sampled_from(["code", "law", "other", "yes", "no"]), st.integers(0, 3_000), min_size=1)


@given(numbers | names, st.integers(0, 99))
def test_every_bin_is_in_one_group_and_groups_are_not_small(shape: dict[str, int], unseen: int) -> None:
    [grouping] = groupings(items(shape))
    sizes = grouping.sizes(shape)
    assert sum(sizes) == sum(shape.values())
    assert len(set(grouping.names)) == len(grouping.names) == len(sizes)
    assert 0 <= grouping.index(f"{unseen:02d}") < len(sizes)
    assert 0 <= grouping.index("never seen") < len(sizes)
    large = [size for name, size in zip(grouping.names, sizes, strict=True) if name != OTHER]
    if len(large) > 1 and any(sizes):
        assert min(large) >= 0.049 * sum(sizes)


@given(numbers)
def test_numbers_keep_their_order_in_groups(shape: dict[str, int]) -> None:
    [grouping] = groupings(items(shape))
    if grouping.starts:
        assert list(grouping.starts) == sorted(set(grouping.starts))
        places = [grouping.index(name) for name in sorted(shape)]
        assert places == sorted(places)


def test_several_histograms_in_one_are_grouped_apart() -> None:
    shape = {f"{k}.{b:02d}": 100 * (b + 1) for k in range(3) for b in range(8)}
    found = groupings(items(shape))
    assert [grouping.part for grouping in found] == ["0", "1", "2"]
    assert [sum(grouping.sizes(shape)) for grouping in found] == [3_600] * 3
    assert split("1.07") == ("1", "07")
    assert split("plain") == ("", "plain")


def test_lines_lie_beyond_the_limits_of_the_baseline_on_both_sides() -> None:
    plan = planned(SHAPED, POLICY, 60.0)
    for watched in plan.watched.values():
        for test, bound in zip(watched.tests, watched.at(POOLED), strict=True):
            high = test.direction is Direction.BAD_WHEN_HIGH
            assert bound.line == NO_LINE or LOWEST <= bound.line <= HIGHEST
            assert (bound.limit > bound.share) if high else (bound.limit < bound.share)
            if high and bound.line > LOWEST:
                assert bound.line / 1_000 >= 1.3 * bound.share
            if not high and bound.line:
                assert bound.line / 1_000 <= bound.share / 1.3
    topic = plan.watched["topic"]
    law = next(b for t, b in zip(topic.tests, topic.at(POOLED), strict=True) if topic.name(t) == "above law")
    assert 0.39 + 0.01 < law.line / 1_000 < 0.43
    assert "above art" not in [topic.name(test) for test in topic.tests], "1 % is no group of its own"


def test_a_signal_with_a_small_baseline_has_no_lines() -> None:
    assert not planned(replace(BASELINE, shapes={"length": {"07": 90, "08": 100}}), POLICY, 60.0).watched
    assert not planned(BASELINE, POLICY, 60.0).watched
    assert not planned(replace(BASELINE, shapes={"toxicity_bin": {"07": 9_000, "08": 900}}), POLICY, 60.0).watched


@given(st.sampled_from(Direction), st.integers(LOWEST, HIGHEST), st.integers(0, 7), st.floats(0, 1))
def test_no_bet_gains_on_the_good_side_of_its_line(direction: Direction, line: int, r: int, part: float) -> None:
    """The expected factor is at most 1, whatever the weight (detection section 3)."""
    m = line / 1_000
    rate = m * part if direction is Direction.BAD_WHEN_HIGH else m + (1 - m) * part
    for none, one in zip(*table(direction, line, r), strict=True):
        assert rate * math.exp(one / UNIT) + (1 - rate) * math.exp(none / UNIT) <= 1 + 1e-8


# --- watching ---------------------------------------------------------------------------------------------------------


def test_a_route_that_stays_as_it_was_crosses_nothing() -> None:
    dice, plan = random.Random(1), planned(SHAPED, POLICY, 60.0)
    panes = [
        counts("length", sample(dice, LENGTHS, 30)) | counts("topic", sample(dice, TOPICS, 30)) for _ in range(400)
    ]
    state, _ = run(plan, panes)
    assert not any(one.is_crossed for one in state.values())
    for finding in drift.findings(state, plan):
        assert finding.ln_odds < 4
        assert finding.status is Status.UNDECIDED


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(sorted(LENGTHS)), st.integers(0, 3), st.integers(0, 1_000))
def test_a_share_that_doubles_is_found_and_named(bin_: str, r: int, seed: int) -> None:
    dice, plan = random.Random(seed), planned(SHAPED, POLICY, 60.0)
    changed = {**LENGTHS, bin_: 4 * LENGTHS[bin_]}
    before = [counts("length", sample(dice, LENGTHS, 30), r) for _ in range(20)]
    after = [counts("length", sample(dice, changed, 60), r) for _ in range(150 << r)]
    state, _ = run(plan, [*before, *after])
    one = state["length"]
    assert one.is_crossed
    assert one.crossed_pane > 20
    [finding] = [finding for finding in drift.findings(state, plan) if finding.metric == "length"]
    assert finding.status is Status.CROSSED
    assert finding.since_pane is not None
    assert 5 <= finding.since_pane <= one.crossed_pane, "from 21 on; chance begins a few panes before it, seldom nine"
    assert finding.detail.startswith(("above ", "below "))
    seen = finding.estimate
    assert seen is not None
    assert (seen.rate > finding.m) is finding.detail.startswith("above")


def test_a_share_that_vanishes_and_a_bin_never_seen_are_found() -> None:
    dice, plan = random.Random(2), planned(SHAPED, POLICY, 60.0)
    gone, _ = run(plan, [counts("topic", sample(dice, {**TOPICS, "food": 0}, 60)) for _ in range(60)])
    assert gone["topic"].led in {"below food", "above law", "above code"}
    new, _ = run(plan, [counts("topic", sample(dice, {**TOPICS, "war": 3_000}, 60)) for _ in range(60)])
    assert new["topic"].led == "above other"


def test_recovery_is_proved_by_the_group_that_led_and_not_before_the_alarm() -> None:
    dice, plan = random.Random(3), planned(SHAPED, POLICY, 60.0)
    ill = [counts("length", sample(dice, {**LENGTHS, "11": 6_000}, 60)) for _ in range(40)]
    state, back = run(plan, ill)
    assert state["length"].is_crossed
    assert not back
    state, back = run(plan, [counts("length", sample(dice, LENGTHS, 60)) for _ in range(40)], state, first=41)
    assert back == ["length"]
    assert not state["length"].is_crossed


def test_while_the_baseline_is_stale_drift_lines_pause() -> None:
    plan = planned(SHAPED, POLICY, 60.0)
    ill = counts("length", {"11": 500})
    assert drift.watch({}, plan, 1, ill, paused=True) == ({}, ())


def test_another_baseline_begins_anew_and_keeps_a_latch_whose_group_is_still_watched() -> None:
    plan = planned(SHAPED, POLICY, 60.0)
    state, _ = run(plan, [counts("length", {"11": 500})] * 3)
    assert state["length"].led == "above 11 on"
    other = planned(replace(SHAPED, shapes={"length": {**LENGTHS, "11": 501}}), POLICY, 60.0)
    after, _ = drift.watch(state, other, 4, {})
    assert after["length"].is_crossed
    assert after["length"].id != state["length"].id
    regrouped = planned(replace(SHAPED, shapes={"length": {"03": 5_000, "04": 5_000, "05": 5_000}}), POLICY, 60.0)
    assert not drift.watch(state, regrouped, 4, {})[0]["length"].is_crossed


def test_an_hour_of_the_week_has_lines_of_its_own() -> None:
    assert DriftPlan(pane_s=60.0).hour(0) == 72  # Thursday
    assert DriftPlan(pane_s=60.0).hour(4 * 1_440) == 0
    evening = {**LENGTHS, "11": 9_500}
    plan = planned(replace(SHAPED, hours={72: {"length": evening}}), POLICY, 60.0)
    dice = random.Random(4)
    panes = [counts("length", sample(dice, evening, 60)) for _ in range(40)]
    at_72, _ = run(plan, panes, first=1)
    at_73, _ = run(plan, panes, first=61)
    assert not at_72["length"].is_crossed
    assert at_73["length"].is_crossed


def test_hedging_is_watched_by_category_of_the_prompt() -> None:
    baseline = replace(BASELINE, hedging={"none": Tally(200, 2_000), "fraud": Tally(500, 1_000)})
    plan = planned(baseline, POLICY, 60.0)
    busier = {Cell("hedging", "fraud", 0, 1): 30 * SCALE, Cell("hedging", "fraud", 0, 0): 30 * SCALE}
    state, _ = run(plan, [busier] * 60)
    assert not state["hedging"].is_crossed, "more prompts of a category that is hedged more are no drift of hedging"
    surer = {Cell("hedging", "fraud", 0, 1): 6 * SCALE, Cell("hedging", "fraud", 0, 0): 54 * SCALE}
    state, _ = run(plan, [surer] * 20)
    assert state["hedging"].is_crossed


@given(st.lists(st.sampled_from(["07", "09", "11", "30"]), max_size=40), st.integers(0, 2))
def test_the_state_is_the_same_after_json(drawn: list[str], r: int) -> None:
    plan = planned(SHAPED, POLICY, 60.0)
    state, _ = run(plan, [counts("length", {name: 5}, r) for name in drawn])
    again = drift_json.state_from_json(json.loads(json.dumps(drift_json.state_json(state))))
    assert again == state


# --- in the engine ----------------------------------------------------------------------------------------------------


def merged(*parts: Counts) -> dict[Cell, int]:
    return {cell: n for part in parts for cell, n in part.items()}


def test_output_drift_asks_for_a_closer_look_and_goes_with_its_recovery() -> None:
    route = Route(policy=POLICY, baseline=SHAPED)
    route.run(merged(WELL, counts("length", {"09": 30, "10": 20})), 5)
    outcome = route.run(merged(WELL, counts("length", {"11": 60})), 5)
    assert outcome.severity is Severity.MEDIUM
    assert outcome.step is Step.WATCH
    record = next(one.record for one in route.outcomes if one.record is not None)
    assert differences(record) == ()
    assert state_from_json(json.loads(json.dumps(state_to_json(route.state)))) == route.state
    dice = random.Random(5)
    for _ in range(60):
        outcome = route.look(merged(WELL, counts("length", sample(dice, LENGTHS, 60))))
    assert outcome.step is Step.STEADY
    assert [name for one in route.outcomes for name in one.recovered] == ["length"]
    assert all(differences(one.record) == () for one in route.outcomes if one.record is not None)


@pytest.mark.parametrize("signal", ["topic", "finish"])
def test_drift_of_input_and_performance_is_said_and_moves_no_step(signal: str) -> None:
    shapes = {"topic": TOPICS, "finish": {"stop": 9_000, "length": 900, "error": 100}}
    route = Route(policy=POLICY, baseline=replace(BASELINE, shapes=shapes))
    outcome = route.run(merged(WELL, counts(signal, {"art": 60, "error": 60})), 10)
    found = {one.metric: one.status for one in outcome.findings}
    assert found[signal] is Status.CROSSED
    assert outcome.severity is Severity.LOW
    assert outcome.step is Step.STEADY


def test_panes_decide_alike_however_they_are_bundled() -> None:
    dice, plan = random.Random(6), planned(SHAPED, POLICY, 60.0)
    panes: list[Counts] = [counts("length", sample(dice, {**LENGTHS, "07": 2_000}, 20)) for _ in range(30)]
    whole, _ = run(plan, panes)
    part, _ = run(plan, panes[:11])
    assert run(plan, panes[11:], part, first=12)[0] == whole


# --- four kinds -------------------------------------------------------------------------------------------------------


def finding(metric: str, status: Status = Status.CROSSED) -> Finding:
    return Finding(metric, "overall", LineKind.WARNING, status, 0.5, 0.4, 0.4, 1.0, 2.0, Estimate(0.6, 0.5, 0.7, 9, 9))


def test_the_four_kinds_are_told_apart() -> None:
    assert {kind_of(name) for name in ("topic", "length", "refusal", "ttft")} == set(Kind)
    nothing = told_apart([finding("length", Status.UNDECIDED)])
    assert (nothing.text, nothing.signals, nothing.model_moved) == ("", {}, None)
    alone = told_apart([finding("length"), finding("topic", Status.UNDECIDED)])
    assert not alone.input_moved
    assert alone.text == "output drift (length); without a change of the input"
    both = told_apart([finding("length"), finding("topic"), finding("latency")])
    assert both.input_moved
    assert both.text.endswith("the input moved too: it may be the cause")
    assert set(both.signals) == {Kind.INPUT, Kind.OUTPUT, Kind.PERFORMANCE}


def test_canaries_say_whether_the_model_moved() -> None:
    prompts = told_apart([finding("refusal"), finding("canary", Status.UNDECIDED)], has_canaries=True)
    assert prompts.model_moved is False
    assert prompts.text == "safety drift (refusal); canaries stand: the prompts changed"
    model = told_apart([finding("refusal"), finding("canary")], has_canaries=True)
    assert model.model_moved is True
    assert told_apart([finding("topic")], has_canaries=True).model_moved is None


def test_a_baseline_without_shapes_costs_nothing() -> None:
    assert drift.watch({}, planned(Baseline(BASELINE.kind, BASELINE.standing, {}), POLICY, 60.0), 1, WELL) == ({}, ())
