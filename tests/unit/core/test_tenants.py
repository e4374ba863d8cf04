"""One tenant may not revert a route for all; many may, and one that is all there is."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.baseline import Tally
from proxy.core.engine import state_from_json, state_to_json
from proxy.core.evidence import Lines
from proxy.core.explain import explain
from proxy.core.policy import Policy
from proxy.core.replay import differences
from proxy.core.severity import Severity
from proxy.core.signals import REFUSAL, read, shard_signal
from proxy.core.tenant_shard import SHARDS
from proxy.core.tenants import Tenants, noted, without
from proxy.core.windows import SCALE, Cell, Counts
from tests.unit.core.looks import BASELINE, Route

CATEGORIES = ("fraud", "weapons")
WITH_CANARIES = replace(BASELINE, canary={"fraud": Tally(970, 1_000)})


def tenants_pane(refused: Mapping[int, int], complied: Mapping[int, int]) -> Counts:
    """One pane: by shard, answers in each category that refused and that complied."""
    cells: dict[Cell, int] = {Cell("assessed", "ok", 0, 1): 1}
    for y, by_shard in ((1, refused), (0, complied)):
        for shard, n in by_shard.items():
            for category in CATEGORIES:
                for signal in (REFUSAL, *([shard_signal(REFUSAL, shard)] if shard else [])):
                    cell = Cell(signal, category, 0, y)
                    cells[cell] = cells.get(cell, 0) + n * SCALE
                cells[Cell("assessed", "ok", 0, 1)] += n * SCALE
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
    left: list[Lines] = list(route.state.tenants.left_out)
    assert left[1]["overall/warning"].bets[0].start == -1
    assert 0 < left[2]["overall/warning"].bets[3].climb < before["overall/warning"].bets[3].climb
