"""Power: what could be seen, and how soon; held against what the engine really needs."""

from __future__ import annotations

import random
import statistics
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.baselines.baseline import Baseline, Tally
from proxy.core.evidence import refusal as evidences
from proxy.core.evidence.findings import LineKind, Status
from proxy.core.evidence.plan import Plan, make_plan
from proxy.core.evidence.power import DAYS_MAX, Power, Report, Traffic, divergence, report
from proxy.core.evidence.refusal import Evidence
from proxy.core.evidence.signals import read
from proxy.core.policies.policy import Policy
from proxy.core.windows import SCALE, Cell
from tests.unit.core.looks import BASELINE

POLICY = Policy()
LARGE = replace(BASELINE, refusals={"fraud": Tally(4_750, 5_000), "weapons": Tally(4_750, 5_000)})


def planned(baseline: Baseline = LARGE, routes: int = 1) -> Plan:
    return make_plan(baseline, POLICY, 60.0, routes)


def traffic(a_day: int, share: float = 1.0, r: int = 0) -> Traffic:
    half = a_day * SCALE // 2
    cells = {Cell("refusal", category, r, 1): half for category in ("fraud", "weapons")}
    return Traffic(read(cells), 1.0, share)


def shown(a_day: int, baseline: Baseline = LARGE, share: float = 1.0, routes: int = 1) -> Report:
    return report(planned(baseline, routes), baseline, POLICY, traffic(a_day, share))


def overall(found: Report) -> Power:
    return next(one for one in found.lines if (one.place, one.line) == ("overall", LineKind.WARNING))


def test_the_days_it_names_are_those_that_the_engine_needs() -> None:
    """A fall to 75 % at 100 prompts a day: the mean over seeds, within a quarter."""
    plan, rng, named = planned(), random.Random(7), overall(shown(100)).days
    assert named is not None

    def needed() -> int:
        proof = evidences.follow(Evidence(), plan)
        for pane in range(2_000):
            key = (("fraud", "weapons")[pane % 2], 0, int(rng.random() < 0.75 * 0.95))
            proof, _ = evidences.consume(proof, plan, pane, {key: SCALE})
            if proof.lines["overall/warning"].status is Status.CROSSED:
                return pane + 1
        raise AssertionError("never seen")

    assert statistics.mean(needed() for _ in range(25)) / 100.0 == pytest.approx(named, rel=0.25)


def test_a_busy_route_is_powered_and_a_quiet_one_is_not() -> None:
    busy, quiet, silent = shown(2_000), shown(8), shown(0)
    assert (busy.underpowered, busy.remedy) == ("", "")
    assert quiet.underpowered.startswith("a fall of refusal to 75% of the baseline would be seen in ")
    assert "canaries an hour" in quiet.remedy
    assert "would be seen never" in silent.underpowered and overall(silent).smallest is None


def test_the_cheapest_remedy_comes_first() -> None:
    assert shown(10, share=0.125).remedy == "evaluate 50% of the harmful prompts (now 12%)"
    small = replace(BASELINE, refusals={"fraud": Tally(143, 150), "weapons": Tally(143, 150)})
    assert "a baseline of " in shown(60, small).remedy


def test_an_hour_of_traffic_is_asked_for_before_anything_is_said() -> None:
    just_begun = replace(traffic(1), days=0.01)
    assert report(planned(), LARGE, POLICY, just_begun).underpowered == ""


def test_the_price_of_sharing_a_budget_is_named() -> None:
    alone, fifty = shown(2_000), shown(2_000, routes=50)
    assert (alone.extra, alone.routes, fifty.routes) == (0.0, 1, 50)
    days = overall(alone).days, overall(fifty).days
    assert days[0] is not None and days[1] is not None and fifty.extra is not None
    assert (days[1] - days[0]) * 2_000 == pytest.approx(fifty.extra, rel=0.01)


@given(st.integers(20, 20_000), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_more_traffic_sees_more_and_sooner(a_day: int, times: int) -> None:
    less, more = shown(a_day), shown(a_day * (times + 1))
    for one, other in zip(less.lines, more.lines, strict=True):
        assert one.days is None or (other.days is not None and other.days <= one.days)
        if one.smallest is not None:
            assert other.smallest is not None and one.smallest <= other.smallest < one.m
            assert divergence(one.smallest, one.m) * one.per_day == pytest.approx(one.ln_limit, rel=1e-6)
    assert (overall(less).days or 0.0) <= DAYS_MAX or less.underpowered
