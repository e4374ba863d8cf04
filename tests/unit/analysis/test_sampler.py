"""Coins of copies, and traffic that is unlike that of before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from proxy.analysis.sampling.sampler import USUAL_MIN, Sampler, Usual
from proxy.core.exchange import Exchange, Purpose
from proxy.core.observation import Observation
from proxy.core.sampling import ALWAYS, FULL_RATES, Draw, Glance, Rates
from tests.unit.analysis.test_pipeline import NOW_S, exchange

RATES = Rates(0, 1, 3)
NOTHING = Usual()


def blank(prompt_hash: str) -> Observation:
    return Observation("id", "support", "support-v2", base_served=False, time_s=NOW_S, purpose=Purpose.USER,
                       prompt_hash=prompt_hash)  # fmt: skip


def toss(sampler: Sampler, one: Exchange, prompt_hash: str, memory_s: float = 600.0) -> Draw:
    return sampler.toss(RATES, one, [blank(prompt_hash)], Glance(), memory_s)


def drawn(sampler: Sampler, n: int, **more: Any) -> list[bool]:
    return [toss(sampler, replace(exchange(), **more), f"hash {i}").analysed for i in range(n)]


def test_copies_of_a_prompt_share_their_coin_while_they_count_once() -> None:
    sampler = Sampler(b"key")
    same = [toss(sampler, replace(exchange(), id=f"copy {i}"), "hash") for i in range(20)]
    assert len(set(same)) == 1


def test_the_coin_is_tossed_anew_for_another_time_route_model_and_key() -> None:
    first = drawn(Sampler(b"key"), 256)
    assert drawn(Sampler(b"key"), 256) == first
    others: list[dict[str, Any]] = [{"started_s": NOW_S + 600.0}, {"route": "other"}, {"served_model": "base"}]
    for other in others:
        assert drawn(Sampler(b"key"), 256, **other) != first
    assert drawn(Sampler(b"other key"), 256) != first


def test_where_copies_count_each_their_coins_are_their_own() -> None:
    sampler = Sampler(b"key")
    each = {toss(sampler, replace(exchange(), id=f"copy {i}"), "hash", memory_s=0.0).analysed for i in range(64)}
    assert each == {True, False}
    assert {toss(sampler, replace(exchange(), id=f"{i}"), "").analysed for i in range(64)} == {True, False}


def test_at_full_no_coin_is_needed() -> None:
    assert Sampler().toss(FULL_RATES, exchange(), [], Glance(), 600.0) == ALWAYS


def seen(share: float, panes: int, per_pane: int = 100, start: Usual = NOTHING) -> tuple[Usual, int]:
    """After so many panes, and how many of them were unusual at their end."""
    random = np.random.default_rng(7)
    usual, unusual, first = start, 0, start.pane + 1
    for pane in range(first, first + panes):
        for harmful in random.random(per_pane) < share:
            usual = usual.seeing(pane, harmful=bool(harmful), looked=False)
        unusual += usual.is_unusual
    return usual, unusual


def test_steady_traffic_is_never_unusual() -> None:
    assert seen(0.05, 400)[1] == 0


def test_a_wave_of_harmful_prompts_is_unusual() -> None:
    usual, _ = seen(0.02, 50)
    assert seen(0.3, 1, start=usual)[1] == 1


def test_nothing_is_unusual_before_something_is_usual() -> None:
    usual, unusual = seen(0.0, 1, per_pane=int(USUAL_MIN) - 1)
    assert seen(0.9, 1, start=usual)[1] == unusual == 0


def test_stage_0_and_the_judge_are_never_compared() -> None:
    usual, _ = seen(0.0, 50)
    for _ in range(100):
        usual = usual.seeing(60, harmful=True, looked=True)
    assert not usual.is_unusual


def test_a_sampler_forgets_routes_that_are_gone() -> None:
    sampler = Sampler()
    for pane in range(30):
        for i in range(50):
            for route in ("a", "b"):
                sampler.note(route, pane, harmful=pane == 29 and i > 20, looked=False)
    assert set(sampler.unusual()) == {"a", "b"}
    sampler.keep({"b"})
    assert sampler.unusual() == ("b",)
