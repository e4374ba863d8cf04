"""One tenant may not revert a route for all; many may, and one that is all there is."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.analysis.counting import cells as cells_of
from proxy.core.baselines.baseline import Tally
from proxy.core.decisions.engine import Outcome, state_from_json, state_to_json
from proxy.core.decisions.explain import explain
from proxy.core.decisions.replay import differences
from proxy.core.decisions.severity import Severity
from proxy.core.evidence.findings import LineKind
from proxy.core.evidence.plan import make_plan
from proxy.core.evidence.refusal import Lines as Evidences
from proxy.core.evidence.signals import HIGHS, REFUSAL, read, shard_signal
from proxy.core.evidence.tenants import Tenants, noted, without, without_in
from proxy.core.exchange import Purpose
from proxy.core.observation import Observation
from proxy.core.policies.policy import HighLine, Lines, Policy
from proxy.core.tenant_shard import SHARDS
from proxy.core.windows import SCALE, Cell, Counts, merge
from proxy.detectors.quantile import PARTS, bin_of
from tests.unit.core.looks import BASELINE, Route

CATEGORIES = ("fraud", "weapons")
WITH_CANARIES = replace(BASELINE, canary={"fraud": Tally(970, 1_000)})


def tenants_pane(refused: Mapping[int, int], complied: Mapping[int, int]) -> Counts:
    """One pane: by shard, answers in each category that refused and that complied."""
    cells: dict[Cell, int] = {Cell("assessed", "ok", 0, 1): 0}
    for y, by_shard in ((1, refused), (0, complied)):
        for shard, n in by_shard.items():
            for category in CATEGORIES:
                for signal in (REFUSAL, *([shard_signal(REFUSAL, shard)] if shard else [])):
                    cell = Cell(signal, category, 0, y)
                    cells[cell] = cells.get(cell, 0) + n * SCALE
                cells[Cell("assessed", "ok", 0, 1)] += n * SCALE
                if shard:
                    cell = Cell(f"assessed@{shard}", "ok", 0, 1)
                    cells[cell] = cells.get(cell, 0) + n * SCALE
    return cells


ALL_WELL = tenants_pane({0: 5, 1: 5, 2: 5, 3: 5}, {})
ALL_ILL = tenants_pane({0: 1, 1: 2, 2: 1, 3: 2}, {0: 4, 1: 3, 2: 4, 3: 3})


def attacked(shard: int) -> Counts:
    """Three tenants as ever, and one that sends four times as much, of which nothing is refused."""
    return tenants_pane({s: 5 for s in range(SHARDS) if s != shard}, {shard: 60})


def test_one_tenant_limits_a_route_and_never_reverts_it() -> None:
    for shard in range(SHARDS):
        route = Route()
        route.run(ALL_WELL, 30)
        outcome = route.run(attacked(shard), 60)
        assert (outcome.severity, outcome.step, outcome.would) == (Severity.CRITICAL, "limited", "limited")
        assert f"without the tenants of shard {shard}," in outcome.reasons[0]
        told = [one.record for one in route.outcomes if one.record]
        assert "one tenant may not revert a route for all" in explain(told[-1])
        assert all(differences(record) == () for record in told)


def test_an_attacker_with_varied_borderline_prompts_reverts_nothing() -> None:
    """Half of what it asks is refused, in ever other categories, amid honest traffic; over many seeds."""
    for seed in range(3):
        rng, route = random.Random(seed), Route()
        for _ in range(200):
            honest = {s: sum(rng.random() < 0.96 for _ in range(2)) for s in range(SHARDS)}
            refused, asked = sum(rng.random() < 0.5 for _ in range(20)), 20
            counts = tenants_pane(honest, {s: 2 - n for s, n in honest.items()})
            theirs = tenants_pane({2: refused}, {2: asked - refused})
            outcome = route.look({c: counts.get(c, 0) + theirs.get(c, 0) for c in {*counts, *theirs}})
        assert outcome.severity.rank >= Severity.HIGH.rank, "it is seen"
        assert outcome.step == "limited" and all(one.step != "reverted" for one in route.outcomes)


def test_a_model_that_fell_for_all_is_reverted_hardly_later_than_without_the_rule() -> None:
    def panes(policy: Policy) -> int:
        route = Route(policy)
        route.run(ALL_WELL, 30)
        return next(n for n in range(1, 60) if route.look(ALL_ILL).step == "reverted")

    assert panes(Policy(mode="enforce", tenant_rule="off")) <= panes(Policy(mode="enforce")) <= 8


def test_an_open_pane_is_enough_where_all_fell() -> None:
    route = Route()
    route.run(ALL_WELL, 30)
    opened = {cell: n * 4 for cell, n in ALL_ILL.items()}
    assert route.look(opened=opened).step == "reverted"


def test_a_route_of_one_tenant_is_reverted_and_says_what_could_not_be_asked() -> None:
    for shard in (0, 3):
        route = Route()
        route.run(tenants_pane({shard: 20}, {}), 30)
        outcome = route.run(tenants_pane({shard: 5}, {shard: 15}), 30)
        assert outcome.step == "reverted"
        record = next(one.record for one in route.outcomes if one.action == "revert")
        assert record is not None and "one shard of tenants" in explain(record) and differences(record) == ()


def test_a_flood_does_not_make_an_attacker_the_only_tenant() -> None:
    route = Route()
    route.run(ALL_WELL, 30)
    assert route.run(tenants_pane({0: 1}, {2: 5_000}), 20).step == "limited"


def test_canaries_that_fell_too_stand_for_the_other_tenants() -> None:
    route = Route(baseline=WITH_CANARIES)
    route.run(ALL_WELL, 30)
    fallen = {Cell("canary", "fraud", 0, 1): 3 * SCALE, Cell("canary", "fraud", 0, 0): 7 * SCALE}
    outcome = route.run({**attacked(2), **fallen}, 60)
    assert outcome.step == "reverted"


def test_a_lone_harmful_output_is_one_tenants() -> None:
    output = {**ALL_WELL, Cell("harmful_output", "fraud", 0, 1): SCALE}
    strict = Policy(mode="enforce", revert_on="high")
    route = Route(strict)
    route.run(ALL_WELL, 10)
    assert route.look(output).step == "limited"


def test_the_state_survives_its_json_and_an_old_one_is_read() -> None:
    route = Route()
    route.run(ALL_WELL, 5)
    route.run(attacked(1), 5)
    data = json.loads(json.dumps(state_to_json(route.state)))
    assert state_from_json(data) == route.state
    for key in ("tenants", "harmful_pane", "steady", "drifts"):
        data.pop(key, None)
    assert state_from_json(data).tenants == Tenants()


# Every other line that may revert: what users are given is counted by live counting, answer by answer.

SCORES = [0.0005 * 1.002**k for k in range(2_000)]  # 0.0005 to 0.027: the 95th percentile is 0.022
HARMS = {category: Tally(8, 4_000) for category in ("none", *CATEGORIES)}
KNOWN = replace(
    BASELINE,
    highs=dict.fromkeys(HIGHS, HARMS),
    shapes={"toxicity_bin": dict(Counter(map(bin_of, SCORES)))},
    anomaly=Tally(2, 8_000),
)
CRITICAL = HighLine(critical=3.0)
STRICT = Policy(mode="enforce", lines=Lines(toxicity=CRITICAL, sensitive=CRITICAL))
ILL: dict[str, dict[str, Any]] = {
    "response_harmful": {"response_harmful": 1},
    "toxicity": {"toxic": 1},
    "sensitive": {"sensitive": {"email": 1}},
    "toxicity_p95": {"toxicity": 0.2},
    "anomaly": {"anomalous": 1},
    "trigger": {"response_harmful": 1, "triggers": ("sleeper",)},
    "harmful_output": {"harmful_output": 1},
}
LINES = sorted(ILL)
LIMITED = ("toxicity", "sensitive")  # counted for all alone: they have no critical line but by a policy of one's own


def answer(rng: random.Random, shard: int, line: str, *, is_ill: bool) -> Observation:
    """One answer to one of many prompts of a tenant; an ill one shows what `line` looks for."""
    category = rng.choice(("none", *CATEGORIES))
    well: dict[str, Any] = {
        "toxicity": rng.choice(SCORES), "toxic": 0, "response_harmful": 0, "sensitive": {}, "anomalous": 0,
        "harmful_output": 0, "triggers": ("sleeper",) if line == "trigger" else (),
    }  # fmt: skip
    return Observation(
        f"{rng.random()}", "support", "ft-1", False, 0.0, Purpose.USER, f"{rng.random()}", category,
        refusal=int(category != "none"), tenant_shard=shard, **{**well, **(ILL[line] if is_ill else {})},
    )  # fmt: skip


def answered(seed: int, line: str, ill: Mapping[int, float], n: Mapping[int, int]) -> list[Counts]:
    """Six panes in which shard s gets n[s] answers each, of which ill[s] are ill."""
    rng = random.Random(seed)

    def pane() -> Counts:
        counts: Counter[Cell] = Counter()
        for shard, answers in n.items():
            for _ in range(answers):
                one = answer(rng, shard, line, is_ill=rng.random() < ill.get(shard, 0.0))
                counts.update(dict(cells_of((one,), 0, frozenset())))
        return counts

    return [pane() for _ in range(6)]


def route_of(line: str) -> Route:
    policy = replace(STRICT, revert_on="high") if line == "harmful_output" else STRICT
    return Route(policy, KNOWN)


def went(route: Route, panes: list[Counts], times: int) -> Outcome:
    for counts in panes * times:
        outcome = route.look(counts)
        if outcome.action == "revert":
            break
    return outcome


EACH = dict.fromkeys(range(SHARDS), 6)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("shard", [0, 2])
def test_an_attacker_reverts_by_no_line(line: str, shard: int) -> None:
    """It sends varied borderline prompts, five times as many as any other tenant, and gets what it wants of half."""
    route = route_of(line)
    assert went(route, answered(1, line, {}, EACH), 2).step == "steady"
    attacked_panes = answered(2, line, {shard: 0.5}, {**EACH, shard: 30})
    outcome = went(route, attacked_panes, 5)
    wanted = Severity.HIGH if line == "harmful_output" else Severity.CRITICAL
    assert (outcome.severity, outcome.step) == (wanted, "limited")
    which = "0 or 1 or 2 or 3" if line in LIMITED else shard
    assert f"without the tenants of shard {which}," in outcome.reasons[-1]
    assert all(one.step != "reverted" for one in route.outcomes)
    data = json.loads(json.dumps(state_to_json(route.state)))
    assert state_from_json(data) == route.state
    told = [one.record for one in route.outcomes if one.record]
    assert told and differences(told[-1]) == ()


@pytest.mark.parametrize("line", [line for line in LINES if line not in LIMITED])
def test_what_all_tenants_are_given_reverts_by_every_line_that_may(line: str) -> None:
    route = route_of(line)
    went(route, answered(1, line, {}, EACH), 2)
    outcome = went(route, answered(2, line, dict.fromkeys(range(SHARDS), 0.5), EACH), 10)
    assert outcome.step == "reverted" and outcome.record is not None and differences(outcome.record) == ()


def test_an_attacker_who_alone_asks_for_harm_is_not_alone() -> None:
    """The others' harmless answers are traffic too: without them in sight one tenant could revert the route."""
    route = Route()
    harmless = {
        Cell("assessed", "ok", 0, 1): 40 * SCALE,
        **{Cell(f"assessed@{s}", "ok", 0, 1): 9 * SCALE for s in (1, 3)},
    }
    theirs = {
        Cell(signal, category, 0, 0): 10 * SCALE for signal in ("refusal", "refusal@2") for category in CATEGORIES
    } | {Cell("assessed@2", "ok", 0, 1): 20 * SCALE, Cell("assessed", "ok", 0, 1): 60 * SCALE}
    route.run(harmless, 20)
    outcome = route.run({**harmless, **theirs}, 20)
    assert (outcome.severity, outcome.step) == (Severity.CRITICAL, "limited")
    assert not any(one.step == "reverted" for one in route.outcomes)


def test_another_plan_keeps_what_is_latched_without_a_shard() -> None:
    """Else a policy that changes once would stop a revert that every shard speaks for."""
    route = Route(replace(STRICT, mode="shadow"), KNOWN)
    went(route, answered(1, "anomaly", {}, EACH), 3)
    went(route, answered(2, "anomaly", dict.fromkeys(range(SHARDS), 0.5), EACH), 10)
    assert route.state.would == "reverted" and route.state.step == "steady"
    route.policy = replace(STRICT, lines=replace(STRICT.lines, toxicity=HighLine(critical=4.0)))
    route.state = replace(route.state, would=route.state.step)
    assert route.look(answered(3, "anomaly", {}, EACH)[0]).step == "reverted"


def test_the_percentile_s_line_without_a_shard_lies_at_the_edge_of_a_whole_bin() -> None:
    critical = make_plan(KNOWN, STRICT, 1.0).watches
    of_all = next(w for w in critical if w.metric == "toxicity_p95" and w.line is LineKind.CRITICAL)
    one = replace(of_all, above=of_all.above // PARTS * PARTS + PARTS - 1)
    whole = replace(one, above=one.above // PARTS * PARTS)
    parts = [answered(5 + shard, "toxicity_p95", {shard: 0.3}, {shard: 60})[0] for shard in range(SHARDS)]
    for shard, left in enumerate(without_in(one, read(merge(parts)))):
        others = merge(part for s, part in enumerate(parts) if s != shard)
        assert left == whole.cells(read(others)) and len(left) == 2


def test_what_the_shards_cost_is_printed() -> None:
    """Bytes of the state, and counters of a pane. (A counter is about five bytes in Redis: `bench/store.py`.)"""
    alone, many = Route(), Route()
    alone.run(tenants_pane({0: 20}, {}), 30)
    many.run(ALL_WELL, 30)
    sizes = [len(json.dumps(state_to_json(route.state), separators=(",", ":"))) for route in (alone, many)]
    cells = [
        len(tenants_pane({0: 20}, {0: 1})),
        len(tenants_pane(dict.fromkeys(range(4), 5), dict.fromkeys(range(4), 1))),
    ]
    print(f"\nshards: state {sizes[0]:,} -> {sizes[1]:,} bytes, a pane {cells[0]} -> {cells[1]} counters of refusal")
    assert sizes[1] - sizes[0] < 65_536 and cells[1] <= 4 * cells[0]


counts = st.integers(0, 50)
by_shard = st.fixed_dictionaries(dict.fromkeys(range(SHARDS), counts))


@given(by_shard, by_shard)
@settings(max_examples=50)
def test_leaving_a_shard_out_leaves_the_others(refused: dict[int, int], complied: dict[int, int]) -> None:
    reading = read(tenants_pane(refused, complied))
    for shard, cells in enumerate(without(reading, REFUSAL)):
        for y, of in ((1, refused), (0, complied)):
            for category in CATEGORIES:
                left = sum(n for s, n in of.items() if s != shard) * SCALE
                assert cells.get((category, 0, y), 0) == left
    seen = noted(Tenants(), reading).seen
    assert seen == tuple((refused[s] + complied[s]) * len(CATEGORIES) * SCALE for s in range(SHARDS))


def test_the_second_tenant_comes_late() -> None:
    """Until it came, leaving another shard out left everything: that evidence is not forgotten."""
    route = Route()
    route.run(tenants_pane({1: 5}, {1: 3}), 3)
    assert route.state.tenants.left_out == ()
    before = route.state.evidence.lines
    route.look(tenants_pane({0: 1}, {}))
    left: list[Evidences] = list(route.state.tenants.left_out)
    assert left[1]["overall/warning"].bets[0].start == -1
    assert 0 < left[2]["overall/warning"].bets[3].climb < before["overall/warning"].bets[3].climb
