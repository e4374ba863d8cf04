"""Probabilities on the grid, weights that are exactly right, and no estimate for what is reviewed only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.evidence.signals import SHARDED
from proxy.core.sampling import (
    ALWAYS,
    COIN_BITS,
    FULL_RATES,
    K_MAX,
    LOAD_MAX,
    REVIEWED,
    RISK_LEVELS_MAX,
    UNSUSPECTED,
    Draw,
    Glance,
    Now,
    Order,
    Rates,
    Strategy,
    coin,
    draw,
    exponent,
    fits,
    is_of_harm,
    rates_of,
    weighed,
)
from proxy.core.windows import SCALE, Cell

ORDERS = st.builds(Order, st.sampled_from(Strategy), st.integers(0, K_MAX))
NOWS = st.builds(Now, st.integers(0, LOAD_MAX), st.booleans(), st.booleans(), st.booleans())
GLANCES = st.builds(Glance, st.booleans(), st.booleans())


def coins() -> Iterator[int]:
    """Each as likely as any other, and as fine as the grid: sums over them are exact expectations."""
    return (i << COIN_BITS - K_MAX for i in range(1 << K_MAX))


@given(st.floats(1e-9, 1.0))
def test_a_share_is_rounded_up_to_the_grid(share: float) -> None:
    k = exponent(share)
    assert 0 <= k <= K_MAX
    assert 2.0**-k >= share
    assert k == K_MAX or 2.0 ** -(k + 1) < share


@pytest.mark.parametrize(("share", "k"), [(1.0, 0), (0.51, 0), (0.5, 1), (0.1, 3), (0.01, 6), (0.0001, 7)])
def test_shares_that_people_write(share: float, k: int) -> None:
    assert exponent(share) == k


@given(ORDERS, NOWS)
def test_every_strategy_stays_on_the_grid_and_within_the_ratio(order: Order, now: Now) -> None:
    rates = rates_of(order, now)  # Rates refuses what is off the grid
    assert rates.rest_k - rates.risky_k <= RISK_LEVELS_MAX
    if order.strategy is not Strategy.RANDOM:
        assert rates.harm_k in (0, 1)
    if now.raised or now.suspected:
        assert rates.harm_k == 0


@given(ORDERS, NOWS)
def test_a_raised_level_never_samples_less(order: Order, now: Now) -> None:
    before = rates_of(order, Now(now.load, raised=False, suspected=now.suspected, unusual=now.unusual))
    after = rates_of(order, Now(now.load, raised=True, suspected=now.suspected, unusual=now.unusual))
    assert after.rest_k <= before.rest_k
    assert after.harm_k <= before.harm_k


def test_without_pressure_adaptive_analyses_everything() -> None:
    assert rates_of(Order(Strategy.ADAPTIVE, K_MAX), Now()) == FULL_RATES


def test_pressure_takes_from_harmless_traffic_first_and_never_below_the_smallest_share() -> None:
    order = Order(Strategy.ADAPTIVE, 4)
    assert rates_of(order, Now(load=3)) == Rates(0, 1, 3)
    assert rates_of(order, Now(load=7)) == Rates(0, 2, 4)
    assert rates_of(order, Now(load=LOAD_MAX)) == Rates(1, 2, 4)
    assert rates_of(order, Now(load=LOAD_MAX, suspected=True)) == Rates(0, 2, 4)
    assert rates_of(order, Now(load=4, unusual=True)) == Rates(0, 1, 3)
    assert rates_of(order, Now(load=4, raised=True)) == Rates(0, 0, 2)


@pytest.mark.parametrize(("harm_k", "risky_k", "rest_k"), [(0, 0, 3), (0, 0, -1), (0, 6, 8), (2, 0, 1), (0, 2, 1)])
def test_rates_off_the_grid_cannot_be_made(harm_k: int, risky_k: int, rest_k: int) -> None:
    with pytest.raises(ValueError, match="2\\^-"):
        Rates(harm_k, risky_k, rest_k)


@given(ORDERS, NOWS, GLANCES)
def test_weights_make_up_for_the_coin_exactly(order: Order, now: Now, glance: Glance) -> None:
    """Over all coins an exchange weighs pi_min, whatever it looks like: Horvitz and Thompson's condition."""
    rates = rates_of(order, now)
    drawn = [draw(rates, glance, tossed) for tossed in coins()]
    everything = sum(2.0**-one.all for one in drawn if one.all is not None) / len(drawn)
    assert everything == 2.0**-rates.rest_k
    if glance.harmful:
        harmful = sum(2.0**-one.harm for one in drawn if one.harm is not None) / len(drawn)
        assert harmful == 2.0**-rates.harm_k
        assert {one.harm for one in drawn} <= {0, None}


@given(ORDERS, NOWS, GLANCES)
def test_what_is_recorded_is_how_often_it_is_analysed(order: Order, now: Now, glance: Glance) -> None:
    rates = rates_of(order, now)
    drawn = [draw(rates, glance, tossed) for tossed in coins()]
    assert sum(one.analysed for one in drawn) / len(drawn) == 2.0 ** -drawn[0].k
    for one in drawn:
        assert one.all is None or 0 <= one.all <= RISK_LEVELS_MAX
        assert one.harm is None or 0 <= one.harm <= K_MAX
        assert one.analysed or (one.harm, one.all) == (None, None)
        assert one.counts_once or (one.harm, one.all) == (None, None), "what counts is known to later copies"


@given(ORDERS, NOWS, st.booleans(), st.sampled_from(list(coins())))
def test_a_copy_that_looks_riskier_decides_nothing_anew(order: Order, now: Now, harmful: bool, tossed: int) -> None:
    """Of copies of a prompt the first alone decides: had it been drawn if risky, it is marked as seen."""
    rates = rates_of(order, now)
    first, riskier = (draw(rates, Glance(harmful, risky), tossed) for risky in (False, True))
    if riskier.all is not None or riskier.harm is not None:
        assert first.counts_once


def test_what_stage_0_missed_counts_only_where_it_was_as_likely_as_a_harmful_prompt() -> None:
    missed = Glance()
    assert draw(Rates(0, 1, 3), missed, 0) == Draw(None, 0, analysed=True, counts_once=True, k=3)
    assert draw(Rates(1, 0, 1), missed, 0).harm == 0
    assert draw(Rates(3, 3, 3), missed, 0).harm == 0, "a plain random sample leaves nobody out"
    assert draw(FULL_RATES, missed, 0) == ALWAYS


def test_review_is_outside_of_every_estimate() -> None:
    rates, last = Rates(0, 4, 6, review=True), (1 << COIN_BITS) - 1
    assert draw(rates, Glance(risky=True), last) == Draw(None, None, analysed=True, counts_once=False, k=0)
    assert not draw(rates, Glance(), last).analysed
    assert draw(rates, Glance(harmful=True), last).harm == 0


@pytest.mark.parametrize(
    ("signal", "stratum", "of_harm"),
    [
        ("refusal", "crime", True),
        ("refusal", "none", False),
        ("refusal@2", "crime", True),
        ("refusal_in", "turns:1", True),
        ("trigger", "t1", True),
        ("toxicity", "crime", False),
        ("assessed", "ok", False),
    ],
)
def test_groups_of_signals(signal: str, stratum: str, of_harm: bool) -> None:
    assert is_of_harm(signal, stratum) is of_harm


def test_cells_get_the_level_of_their_group() -> None:
    cells = [(Cell("refusal", "crime", 0, 1), SCALE), (Cell("toxicity", "crime", 0, 0), SCALE)]
    both = Draw(0, 2, analysed=True, counts_once=True, k=0)
    assert list(weighed(cells, both, 1)) == [
        (Cell("refusal", "crime", 1, 1), SCALE),
        (Cell("toxicity", "crime", 3, 0), SCALE),
    ]
    harm_only = Draw(0, None, analysed=True, counts_once=True, k=0)
    assert list(weighed(cells, harm_only, 0)) == [(Cell("refusal", "crime", 0, 1), SCALE)]
    missed = Draw(None, 0, analysed=True, counts_once=True, k=3)
    assert list(weighed(cells, missed, 0)) == [
        (Cell(UNSUSPECTED, "crime", 0, 1), SCALE),
        (Cell("toxicity", "crime", 0, 0), SCALE),
    ]


def test_a_single_harmful_output_is_an_event_and_stays() -> None:
    cells = [(Cell("harmful_output", "crime", 0, y), SCALE) for y in (0, 1)]
    assert list(weighed(cells, REVIEWED, 1)) == [(Cell("harmful_output", "crime", 1, 1), SCALE)]
    drawn = Draw(None, 2, analysed=True, counts_once=True, k=1)
    assert list(weighed(cells, drawn, 0)) == [(Cell("harmful_output", "crime", 2, y), SCALE) for y in (0, 1)]


@pytest.mark.parametrize(
    "drawn",
    [
        Draw(0, 2, analysed=True, counts_once=True, k=0),
        Draw(None, 1, analysed=True, counts_once=True, k=1),
        Draw(None, None, analysed=True, counts_once=False, k=0),
    ],
)
@pytest.mark.parametrize("signal", SHARDED)
def test_what_a_shard_has_of_a_signal_is_drawn_as_the_signal_is(signal: str, drawn: Draw) -> None:
    """Else a shard would weigh more than all of them together, or have what they have not."""
    for stratum in ("fraud", "none"):
        for y in (0, 1):
            whole = weighed([(Cell(signal, stratum, 0, y), 1)], drawn, 1)
            of_all = [one._replace(signal=f"{one.signal}@2") for one, _ in whole]
            shard = [one for one, _ in weighed([(Cell(f"{signal}@2", stratum, 0, y), 1)], drawn, 1)]
            assert shard == [one for one in of_all if one.signal == f"{signal}@2"]


def test_a_level_beyond_the_grid_does_not_fit() -> None:
    drawn = Draw(None, 2, analysed=True, counts_once=True, k=3)
    assert fits(drawn, 5)
    assert not fits(drawn, 6)


def test_a_coin_is_the_same_for_the_same_name_and_key_alone() -> None:
    assert coin(b"k", "a") == coin(b"k", "a")
    assert len({coin(b"k", "a"), coin(b"k", "b"), coin(b"l", "a")}) == 3


@pytest.mark.parametrize("k", range(K_MAX + 1))
def test_coins_fall_as_often_as_they_say(k: int) -> None:
    n = 20_000
    fell = sum(draw(Rates(min(k, 1), k, k), Glance(), coin(b"key", f"name {i}")).all is not None for i in range(n))
    p = 2.0**-k
    assert abs(fell - n * p) <= 5.0 * (n * p * (1.0 - p)) ** 0.5
