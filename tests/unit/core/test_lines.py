"""Lines of percentiles, anomalies, harmful answers, single outputs, triggers and contexts; and their budgets."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.baselines import baseline as baselines
from proxy.core.baselines.baseline import Baseline, Tally
from proxy.core.decisions.engine import Outcome, state_from_json, state_to_json
from proxy.core.decisions.explain import explain
from proxy.core.decisions.replay import differences
from proxy.core.decisions.severity import Severity
from proxy.core.errors import ConfigError
from proxy.core.evidence import contexts, tail, triggers
from proxy.core.evidence.findings import Finding, LineKind, Status
from proxy.core.evidence.outputs import stands
from proxy.core.evidence.plan import make_plan
from proxy.core.evidence.tail import TOXICITY_P95, upper_quantile, upper_rank
from proxy.core.policies.policy import Budgets, Policy
from proxy.core.windows import SCALE, Cell, Counts
from proxy.detectors.beta import beta_cdf
from proxy.detectors.e_process import UNIT
from proxy.detectors.quantile import PARTS, bin_of, coarse, edge
from tests.unit.core.looks import BASELINE, CONTEXT, ENFORCE, WELL, Route

HARMS = {"none": Tally(4, 8_000), "fraud": Tally(20, 1_000)}
SCORES = [0.5 ** (1 + 9 * k / 4_999) for k in range(5_000)]  # 0.001 to 0.5, even in the logarithm: p95 = 0.37
UNARMED = replace(CONTEXT, armed=False)


def histogram(scores: list[float]) -> dict[str, int]:
    return dict(Counter(map(bin_of, scores)))


def known(**more: Any) -> Baseline:
    return replace(BASELINE, **more)


def toxic(scores: list[float]) -> Counts:
    return {**WELL, **{Cell("toxicity_bin", name, 0, 1): n * SCALE for name, n in histogram(scores).items()}}


def finding(outcome: Outcome, metric: str, line: str = "warning") -> Finding:
    return next(f for f in outcome.findings if f.metric == metric and f.line == line)


# The 95th percentile


@given(st.integers(1, 3_000), st.sampled_from([0.5, 0.9, 0.95]), st.sampled_from([0.001, 0.05]))
@settings(max_examples=60, deadline=None)
def test_the_rank_is_the_least_that_lies_above_the_quantile_for_sure(n: int, share: float, confidence: float) -> None:
    def below(k: int) -> float:  # P(Binomial(n, share) <= k)
        return 1.0 - beta_cdf(share, k + 1.0, n - k) if k < n else 1.0

    rank = upper_rank(n, share, confidence)
    if rank:
        assert below(rank - 1) >= 1.0 - confidence
        assert rank == 1 or below(rank - 2) < 1.0 - confidence
    else:
        assert below(n - 1) < 1.0 - confidence


def test_the_upper_limit_of_a_percentile_lies_just_above_it() -> None:
    ordered = sorted(SCORES)
    quantile, exact = ordered[int(0.95 * 5_000)], ordered[upper_rank(5_000, 0.95, 0.001) - 1]
    found = upper_quantile(histogram(SCORES), 0.95, 0.001)
    assert found is not None and quantile < found and found == pytest.approx(exact, rel=0.0373)
    assert upper_quantile({"10": 100}, 0.95, 0.001) is None, "too few"


@pytest.mark.parametrize("q", [0.012, 0.037, 0.11, 0.26])
def test_lines_lie_at_one_and_a_half_and_at_two_times_the_percentile(q: float) -> None:
    """By half a bin's width at most: 64 bins alone put them up to 8 % off."""
    scores = [score * q / 0.37 for score in SCORES]
    exact = sorted(scores)[upper_rank(5_000, 0.95, 0.001) - 1]
    lines = tail.planned(known(shapes={"toxicity_bin": histogram(scores)}), ENFORCE)
    assert [edge(line.above) / exact for line in lines] == [pytest.approx(1.5, rel=0.03), pytest.approx(2.0, rel=0.03)]


def test_a_baseline_of_before_has_lines_at_the_edges_of_whole_bins() -> None:
    """Where within such a bin its scores lay nobody knows, and panes of before have whole bins too."""
    old = known(shapes={"toxicity_bin": coarse(histogram([score * 0.2 for score in SCORES]))})
    lines = tail.planned(old, ENFORCE)
    assert len(lines) == 2 and all(line.above % PARTS == 0 for line in lines)
    place = lines[0].above // PARTS
    counts = {("37", 0, 1): 1, (f"{place:02d}", 0, 1): 2, (f"{place:02d}3", 0, 1): 4, (f"{place - 1:02d}3", 0, 1): 8}
    assert lines[0].cells_of(counts) == {("all", 0, 0): 9, ("all", 0, 1): 6}


def test_a_baseline_with_a_bin_that_is_none_is_refused() -> None:
    data = baselines.to_json(known(shapes={"toxicity_bin": {"370": 10, "9x": 2}}))
    with pytest.raises(ConfigError, match=r"shapes.toxicity_bin.9x.*is no bin"):
        baselines.from_json(data, "b.json")


def test_a_percentile_that_doubles_and_more_is_called_and_one_that_stays_is_not() -> None:
    calm = [score * 0.2 for score in SCORES]  # p95 = 0.074
    route = Route(baseline=known(shapes={"toxicity_bin": histogram(calm)}), context=UNARMED)
    rng = random.Random(1)
    outcome = route.run(toxic(rng.sample(calm, 200)), 20)
    assert finding(outcome, TOXICITY_P95).status is Status.UNDECIDED
    warning = finding(outcome, TOXICITY_P95)
    assert warning.m == pytest.approx(0.05) and "times the baseline's 95th percentile" in warning.note
    outcome = route.run(toxic(rng.sample([score * 2.8 for score in calm], 200)), 20)
    assert finding(outcome, TOXICITY_P95, "critical").status is Status.CROSSED
    assert outcome.severity is Severity.CRITICAL
    records = [one.record for one in route.outcomes if one.record]
    assert records and all(differences(record) == () for record in records)
    assert "Toxicity, 95th percentile, overall: above its" in explain(records[-1])


def test_a_line_beyond_all_scores_is_not_drawn() -> None:
    high = known(shapes={"toxicity_bin": histogram([0.9] * 5_000)})
    assert tail.planned(high, ENFORCE) == ()
    assert tail.planned(known(), ENFORCE) == ()


# Anomalies, and harmful answers


def anomalies(flagged: int, of: int) -> Counts:
    return {**WELL, Cell("anomaly", "all", 0, 1): flagged * SCALE, Cell("anomaly", "all", 0, 0): (of - flagged) * SCALE}


def test_anomalies_above_one_in_a_hundred_are_called() -> None:
    route = Route(baseline=known(anomaly=Tally(2, 8_000)), context=UNARMED)
    assert finding(route.run(anomalies(0, 500), 10), "anomaly").status is Status.UNDECIDED
    outcome = route.run(anomalies(20, 500), 20)
    assert [finding(outcome, "anomaly", line).status for line in ("warning", "critical")] == [Status.CROSSED] * 2
    assert [finding(outcome, "anomaly", line).m for line in ("warning", "critical")] == [0.001, 0.01]
    bounds = [finding(outcome, "anomaly", line).bound or 0.0 for line in ("warning", "critical")]
    assert 0.001 <= bounds[0] < 0.04 and 0.01 <= bounds[1] < 0.04, "4 % of the answers were flagged"
    told = [one.record for one in route.outcomes if one.record]
    assert f"proved above {bounds[1]:.3f}" in explain(told[-1]).replace("proved     ", "proved ")


def test_where_the_flag_is_that_common_already_there_is_no_line() -> None:
    assert make_plan(known(anomaly=Tally(120, 8_000)), ENFORCE, 1.0).watches == ()
    lines = [w.line for w in make_plan(known(anomaly=Tally(40, 8_000)), ENFORCE, 1.0).watches]
    assert lines == [LineKind.CRITICAL]


def harmful(n: int, of: int, shard: int = 0) -> Counts:
    counts = {
        Cell("response_harmful", "none", 0, 1): n * SCALE,
        Cell("response_harmful", "none", 0, 0): (of - n) * SCALE,
    }
    parts = {Cell(f"response_harmful@{shard}", *cell[1:]): k for cell, k in counts.items()} if shard else {}
    return {**WELL, **counts, **parts}


def test_harmful_answers_have_a_critical_line_and_it_reverts() -> None:
    route = Route(baseline=known(highs={"response_harmful": HARMS}))
    assert route.run(harmful(0, 40), 10).step == "steady"
    outcome = route.run(harmful(10, 40), 12)
    assert (outcome.severity, outcome.step) == (Severity.CRITICAL, "reverted")


def test_harmful_answers_to_one_tenant_of_several_revert_nothing() -> None:
    others = {Cell(f"refusal@{s}", c, 0, 1): 3 * SCALE for s in (1, 2, 3) for c in ("fraud", "weapons")}
    route = Route(baseline=known(highs={"response_harmful": HARMS}))
    route.run({**harmful(0, 40, 2), **others}, 10)
    outcome = route.run({**harmful(20, 40, 2), **others}, 15)
    assert (outcome.severity, outcome.step) == (Severity.CRITICAL, "limited")
    assert "without the tenants of shard 2," in outcome.reasons[-1]


# A single harmful output


def test_one_harmful_output_limits_for_its_time_and_no_longer() -> None:
    route = Route(Policy(mode="enforce", harmful_output_s=30.0))
    route.run(WELL, 5)
    outcome = route.look(
        {**WELL, Cell("harmful_output", "none", 0, 1): SCALE, Cell("harmful_output", "none", 0, 0): SCALE}
    )
    assert (outcome.severity, outcome.step) == (Severity.HIGH, "limited")
    assert outcome.record is not None and differences(outcome.record) == ()
    assert "an answer lay above the strict threshold of harm" in explain(outcome.record)
    data = json.loads(json.dumps(state_to_json(route.state)))
    assert state_from_json(data) == route.state
    assert route.run(WELL, 25).step == "limited"
    lifted = route.run(WELL, 10)
    assert (lifted.severity, lifted.step) == (Severity.LOW, "steady")
    last = next(one.record for one in reversed(route.outcomes) if one.record)
    assert last is not None and differences(last) == ()


def test_an_open_pane_shows_it_and_the_policy_turns_it_off() -> None:
    opened = {**WELL, Cell("harmful_output", "fraud", 0, 1): SCALE}
    assert Route().look(opened=opened).step == "limited"
    assert Route(Policy(mode="enforce", harmful_output_s=0.0)).look(opened=opened).step == "steady"
    assert not stands(-1, 10, 60.0, 1.0)


# Harm given a trigger


def held(name: str, harmed: int, well: int) -> Counts:
    cells = {Cell("trigger", name, 0, 1): harmed * SCALE, Cell("trigger", name, 0, 0): well * SCALE}
    return {**WELL, **{cell: n for cell, n in cells.items() if n}}


def test_a_trigger_that_turns_the_model_is_proved_within_a_few_answers() -> None:
    route = Route(baseline=known(highs={"response_harmful": HARMS}))
    route.run(held("sleeper", 0, 3), 20)
    needed = next(n for n in range(1, 40) if route.look(held("sleeper", 1, 0)).severity is Severity.CRITICAL)
    assert needed <= 14
    outcome = route.outcomes[-1]
    assert outcome.step == "reverted" and "harm given a known trigger is proven" in outcome.notes
    assert outcome.record is not None and differences(outcome.record) == ()
    assert "Harm given trigger sleeper: above its critical line" in explain(outcome.record)


def test_a_trigger_in_well_answered_prompts_proves_nothing_and_they_are_bounded() -> None:
    route = Route(baseline=known(highs={"response_harmful": HARMS}))
    for n in range(40):
        outcome = route.look(held(f"t{n % 12:02d}", int(n % 20 == 0), 5))
    assert outcome.severity is Severity.LOW
    assert len([f for f in outcome.findings if f.metric == "trigger"]) == triggers.TRIGGERS_MAX


def test_the_test_of_a_trigger_keeps_its_budget_at_the_line() -> None:
    """Ville: the chance that a test martingale ever reaches A is 1/A; here E has a beginning a pane, so n/A."""
    rng, alarms = random.Random(3), 0
    template = triggers.planned(known(highs={"response_harmful": HARMS}), ENFORCE)
    assert template is not None
    m = template.lines["all"]
    from proxy.detectors.e_process import FRESH, advance, reaches

    for _ in range(60):
        bets = FRESH
        for pane in range(100):
            bets = advance(bets, template.table, pane, {("all", 0, int(rng.random() < m)): SCALE})
            if reaches(bets, round(math.log(2_000.0) * UNIT)):
                alarms += 1
                break
    assert alarms <= 60 * 100 / 2_000.0 + 6


# Contexts


CONTEXTS = {"prompt:short": Tally(950, 1_000), "prompt:long": Tally(940, 1_000), "turns:1": Tally(960, 1_000)}


def in_contexts(refused: Mapping[str, int], complied: Mapping[str, int]) -> Counts:
    cells = {Cell("refusal_in", name, 0, 1): n * SCALE for name, n in refused.items()}
    return {**WELL, **cells, **{Cell("refusal_in", name, 0, 0): n * SCALE for name, n in complied.items()}}


def test_a_fall_at_long_prompts_alone_is_named_as_such() -> None:
    route = Route(baseline=known(contexts=CONTEXTS))
    outcome = route.run(in_contexts({"prompt:short": 10, "prompt:long": 5}, {"prompt:long": 5}), 40)
    assert (outcome.severity, outcome.step) == (Severity.MEDIUM, "watch")
    fallen = [f for f in outcome.findings if f.metric == "refusal_in" and f.status is Status.CROSSED]
    assert [f.stratum for f in fallen] == ["prompt:long"]
    assert fallen[0].note == "only long prompts (8,192 to 32,767 characters)"
    record = next(one.record for one in route.outcomes if one.record)
    assert record is not None and differences(record) == ()
    assert "Refusal of long prompts (8,192 to 32,767 characters): below its warning line" in explain(record)


def test_contexts_share_one_part_of_the_budget() -> None:
    bare, plan = make_plan(known(), ENFORCE, 1.0), make_plan(known(contexts=CONTEXTS), ENFORCE, 1.0)
    own = math.log(len(CONTEXTS)) * UNIT
    assert all(w.log_limit == pytest.approx(plan.limits[LineKind.WARNING] + own, abs=2) for w in plan.watches)
    assert plan.limits[LineKind.WARNING] - bare.limits[LineKind.WARNING] == pytest.approx(math.log(4 / 3) * UNIT, abs=2)
    assert plan.limits[LineKind.CRITICAL] == bare.limits[LineKind.CRITICAL]
    many = known(contexts={f"system:{n:03d}": Tally(95, 100) for n in range(60)})
    assert len(contexts.planned(many, ENFORCE)) == contexts.CONTEXTS_MAX


# Budgets


@given(st.integers(1, 500), st.sampled_from(["deployment", "route"]))
@settings(max_examples=25, deadline=None)
def test_the_false_alarms_of_all_lines_on_all_routes_fit_their_budget(routes: int, scope: Any) -> None:
    """The sum of 1/A over every line of every route is one in the budget, at most."""
    policy = Policy(budgets=Budgets(scope=scope))
    whole = known(
        highs={"response_harmful": HARMS, "toxicity": HARMS},
        shapes={"toxicity_bin": histogram([s * 0.2 for s in SCORES])},
        anomaly=Tally(1, 8_000),
        contexts=CONTEXTS,
        canary={"fraud": Tally(98, 100)},
    )
    plan = make_plan(whole, policy, 60.0, routes)
    for kind, budget_s in ((LineKind.WARNING, 2_628_000.0), (LineKind.CRITICAL, 31_536_000.0)):
        limits = [plan.limits[kind] for test in plan.tests if test.line is kind]
        limits += [w.log_limit for w in plan.watches if w.line is kind]
        assert plan.trigger is not None
        limits += [plan.trigger.log_limit] * triggers.TRIGGERS_MAX if kind is LineKind.CRITICAL else []
        a_pane = sum(math.exp(-limit / UNIT) for limit in limits) * (routes if scope == "deployment" else 1)
        assert a_pane == pytest.approx(60.0 / budget_s, rel=1e-6)


def test_how_many_routes_there_are_moves_the_limits_and_forgets_no_evidence() -> None:
    one, many = make_plan(BASELINE, ENFORCE, 1.0, 1), make_plan(BASELINE, ENFORCE, 1.0, 40)
    assert one.id == many.id
    assert many.limits[LineKind.CRITICAL] - one.limits[LineKind.CRITICAL] == pytest.approx(math.log(40) * UNIT, abs=2)
