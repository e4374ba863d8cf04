"""The proved bound of a drift line against its definition: the farthest share that the test's own bets disprove."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.decisions.explain import explain, one_line
from proxy.core.decisions.explained import explained
from proxy.core.decisions.replay import differences
from proxy.core.drift import as_json as drift_json
from proxy.core.drift import shares as drift
from proxy.core.drift.lines import POOLED, Watched, bets, planned
from proxy.core.drift.proved import proved_share
from proxy.core.evidence.estimates import Sums
from proxy.core.evidence.findings import Status
from proxy.core.policies.policy import Policy
from proxy.core.windows import SCALE
from proxy.detectors.e_process import ABOVE, ASIDE, UNIT, Direction
from tests.unit.core.looks import WELL, Route
from tests.unit.core.test_drift import LENGTHS, POLICY, SHAPED, counts, merged, run, sample

PLAN = planned(SHAPED, POLICY, 60.0)
WATCHED = PLAN.watched["length"]
LIMIT = round(13.0 * UNIT)
places = st.integers(0, len(WATCHED.tests) - 1)
weighed = st.dictionaries(st.integers(0, 7), st.tuples(st.integers(0, 90), st.integers(0, 90)), min_size=1, max_size=3)
Answers = dict[int, tuple[int, int]]  # weight level -> outside the group, and inside


def seen(answers: Answers) -> Answers:
    return {r: (outside * SCALE, inside * SCALE) for r, (outside, inside) in answers.items()}


def evidence(watched: Watched, place: int, share: float, answers: Answers) -> float:
    """ln of the wealth of one test's bets, begun once, at another line than its own, by the formulas of the bets."""
    direction, line = watched.tests[place].direction, watched.at(POOLED)[place].line
    high, small = direction is Direction.BAD_WHEN_HIGH, direction is Direction.BAD_WHEN_HIGH and line <= 300
    gains = []
    for k in bets(direction, line):
        if small:
            aimed = min(share * ABOVE[k], share + 0.9 * (1 - share))
        else:
            aimed = 1 - (1 - share) * ASIDE[k] if high else share * ASIDE[k]
        stake = (aimed - share) / (share * (1 - share))
        gains.append(
            sum(
                outside * math.log1p(-stake * 2.0**-r * share) + inside * math.log1p(stake * 2.0**-r * (1 - share))
                for r, (outside, inside) in answers.items()
            )
        )
    return max(gains) + math.log(sum(math.exp(gain - max(gains)) for gain in gains)) + watched.capital / UNIT


@given(places, weighed)
def test_it_is_the_farthest_share_that_the_counts_disprove(place: int, answers: Answers) -> None:
    bound = proved_share(WATCHED, place, seen(answers), LIMIT)
    high = WATCHED.tests[place].direction is Direction.BAD_WHEN_HIGH
    if bound is not None:
        assert 0.0 < bound < 1.0
        assert evidence(WATCHED, place, bound, answers) >= 13.0 - 1e-6
    nearest = 0.001 if high else 0.999
    further = nearest if bound is None else bound + (0.001 if high else -0.001)
    if 0.0 < further < 0.999:
        assert evidence(WATCHED, place, further, answers) < 13.0


@given(places, st.integers(0, 7), st.integers(0, 200), st.integers(0, 200), st.integers(1, 60))
def test_more_answers_on_the_bad_side_prove_more_and_a_higher_limit_less(
    place: int, r: int, outside: int, inside: int, more: int
) -> None:
    high = WATCHED.tests[place].direction is Direction.BAD_WHEN_HIGH
    worse = (outside, inside + more) if high else (outside + more, inside)
    here = proved_share(WATCHED, place, seen({r: (outside, inside)}), LIMIT)
    there = proved_share(WATCHED, place, seen({r: worse}), LIMIT)
    dearer = proved_share(WATCHED, place, seen({r: (outside, inside)}), LIMIT + 2 * UNIT)
    if here is not None:
        assert there is not None and (there >= here if high else there <= here)
    if dearer is not None:
        assert here is not None and (dearer <= here if high else dearer >= here)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(sorted(LENGTHS)), st.integers(0, 2), st.integers(0, 1_000))
def test_a_bound_never_goes_beyond_the_share_that_there_is(bin_: str, r: int, seed: int) -> None:
    dice, changed = random.Random(seed), {**LENGTHS, bin_: 4 * LENGTHS[bin_]}
    panes = [counts("length", sample(dice, LENGTHS, 30), r) for _ in range(10)]
    panes += [counts("length", sample(dice, changed, 30), (r + k) % 3) for k in range(300)]
    [found] = [one for one in drift.findings(run(PLAN, panes)[0], PLAN) if one.metric == "length"]
    assert found.status is Status.CROSSED and found.bound is not None
    test = next(test for test in WATCHED.tests if WATCHED.name(test) == found.detail)
    sizes = WATCHED.groupings[test.histogram].sizes(changed)
    share = sizes[test.group] / sum(sizes)
    assert found.bound < share if found.detail.startswith("above") else found.bound > share
    short = found.m - found.bound if found.detail.startswith("above") else found.bound - found.m
    assert short < 0.25 * found.m, "an alarm proves a bound near its line, or beyond it"


def test_it_is_told_in_words_and_as_json_and_comes_out_the_same_again() -> None:
    for shape, side in (({"11": 60}, "above 0."), ({"07": 5, "08": 20, "10": 30, "11": 5}, "below 0.")):
        route = Route(policy=Policy(mode="enforce"), baseline=replace(SHAPED, shapes={"length": LENGTHS}))
        route.run(merged(WELL, counts("length", {"09": 30, "10": 20})), 3)
        route.run(merged(WELL, counts("length", shape)), 20)
        record = next(one.record for one in route.outcomes if one.record is not None)
        assert differences(record) == ()
        [told] = [one for one in explained(record)["findings"] if one["metric"] == "length"]
        assert told["group"].startswith(side[:5])
        low, high = sorted((told["proved_bound"], told["baseline"]))
        assert low < high
        assert told["tests"] == 1
        assert "at most one false alarm in 30 days over 1 signals of drift" in explain(record)
        assert f"proved     {side}" in explain(record)
        assert f"proved {side}" in one_line(record)
        assert f"Length, share of {told['group'][6:]}: {side[:5]} its warning line" in explain(record)


def test_a_state_of_before_goes_on_and_proves_nothing_until_its_evidence_begins_anew() -> None:
    before, _ = run(PLAN, [counts("length", {"11": 9, "09": 3}, r) for r in (0, 1)])
    data = json.loads(json.dumps(drift_json.state_json(before)))
    for track in data["length"][-1]:
        if len(track) > 3:  # version 0.1 kept four sums in place of the counts at each weight
            sums = seen_sums(track.pop())
            track += [sums.positives, sums.weight, sums.squares, sums.n]
    old = drift_json.state_from_json(data)
    assert [track.sums for track in old["length"].tracks] == [track.sums for track in before["length"].tracks]
    panes = [counts("length", {"11": 9, "09": 3}, 2)] * 20
    now, was = (run(PLAN, panes, state, first=3)[0] for state in (before, old))
    assert drift_json.state_from_json(json.loads(json.dumps(drift_json.state_json(was)))) == was
    [fresh], [later] = ([f for f in drift.findings(state, PLAN) if f.metric == "length"] for state in (now, was))
    assert fresh.bound is not None
    assert replace(fresh, bound=None) == later


def seen_sums(levels: list[list[int]]) -> Sums:
    sums = Sums()
    for r, outside, inside in levels:
        sums = sums.plus(r, 0, outside).plus(r, 1, inside)
    return sums
