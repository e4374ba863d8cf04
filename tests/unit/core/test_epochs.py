"""Epochs begin at a pane's edge, in time for every replica, and are kept as they were published."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.epochs import (
    EPOCHS_MAX,
    HEARD_WITHIN_S,
    SUSPECTS,
    TRUSTS,
    Epoch,
    Moment,
    Sampling,
    from_json,
    steered,
    suspicion,
    to_json,
)
from proxy.core.sampling import FULL_RATES, LOAD_MAX, Order, Rates, Strategy
from proxy.core.windows import pane_of

NOW_S = 1_800_000_000.0
RISK = Order(Strategy.RISK, 4)
ADAPTIVE = Order(Strategy.ADAPTIVE, 7)
MOMENTS = st.builds(
    Moment,
    now_s=st.floats(0.0, 7_200.0).map(lambda s: NOW_S + s),
    pane_s=st.just(60.0),
    settings=st.builds(Order, st.sampled_from(Strategy), st.integers(0, 7)),
    load=st.integers(0, LOAD_MAX),
    raised=st.booleans(),
    odds=st.lists(st.integers(-SUSPECTS, 2 * SUSPECTS), max_size=3).map(tuple),
    unusual=st.booleans(),
)


@given(st.lists(MOMENTS, max_size=12))
def test_probabilities_of_a_pane_never_change_once_it_is_near(moments: list[Moment]) -> None:
    """Whatever comes: nobody can have drawn by other probabilities than those that the pane keeps."""
    sampling = Sampling()
    for moment in sorted(moments, key=lambda one: one.now_s):
        after = steered(sampling, moment)
        near = pane_of(moment.now_s + HEARD_WITHIN_S, moment.pane_s)
        for pane in range(near - 3, near + 1):
            assert after.at(pane).rates == sampling.at(pane).rates
            assert after.at(pane).number == sampling.at(pane).number
        firsts = [one.first_pane for one in after.epochs]
        assert firsts == sorted(set(firsts))
        assert from_json(to_json(after)) == after
        sampling = after


def test_a_change_begins_with_the_next_pane_and_has_another_number() -> None:
    sampling = steered(Sampling(), Moment(NOW_S, 60.0, RISK))
    pane = pane_of(NOW_S, 60.0)
    assert sampling.at(pane) == Epoch()
    begun = sampling.at(pane + 1)
    assert (begun.number, begun.first_pane, begun.rates) == (1, pane + 1, Rates(0, 2, 4, review=True))
    assert begun.why == "strategy risk"
    assert steered(sampling, Moment(NOW_S + 1, 60.0, RISK)) == sampling, "nothing to change"


def test_close_to_an_edge_it_waits_for_the_pane_after() -> None:
    edge_s = (pane_of(NOW_S, 60.0) + 1) * 60.0
    late = steered(Sampling(), Moment(edge_s - HEARD_WITHIN_S / 2, 60.0, RISK))
    assert late.epochs[-1].first_pane == pane_of(edge_s, 60.0) + 1


def test_an_epoch_that_has_not_begun_is_replaced() -> None:
    first = steered(Sampling(), Moment(NOW_S, 60.0, RISK))
    other = steered(first, Moment(NOW_S + 1, 60.0, Order(Strategy.RANDOM, 3)))
    assert len(other.epochs) == 2
    assert other.epochs[-1].rates == Rates(3, 3, 3)


def test_an_operators_order_goes_before_the_settings() -> None:
    ordered = Sampling(order=Order(Strategy.RANDOM, 2))
    assert steered(ordered, Moment(NOW_S, 60.0, RISK)).epochs[-1].rates == Rates(2, 2, 2)


def test_suspicion_rises_at_a_thousand_and_ends_below_ten() -> None:
    assert not suspicion((SUSPECTS - 1,), suspected=False)
    assert suspicion((0, SUSPECTS), suspected=False)
    assert suspicion((TRUSTS,), suspected=True)
    assert not suspicion((TRUSTS - 1,), suspected=True)
    assert not suspicion((), suspected=True)


def test_suspicion_samples_every_harmful_prompt() -> None:
    random = Moment(NOW_S, 60.0, Order(Strategy.RANDOM, 3))
    calm = steered(Sampling(), random)
    assert calm.epochs[-1].rates.harm_k == 3
    alarmed = steered(calm, replace(random, now_s=NOW_S + 120.0, odds=(SUSPECTS,)))
    assert alarmed.suspected
    assert alarmed.epochs[-1].rates == Rates(0, 3, 3)
    assert "a change is suspected" in alarmed.epochs[-1].why
    still = steered(alarmed, replace(random, now_s=NOW_S + 240.0, odds=(TRUSTS,)))
    assert still == alarmed
    over = steered(still, replace(random, now_s=NOW_S + 360.0, odds=(TRUSTS - 1,)))
    assert over.epochs[-1].rates == Rates(3, 3, 3)


def test_unusual_traffic_is_looked_at_for_ten_panes() -> None:
    moment = Moment(NOW_S, 60.0, ADAPTIVE, load=3, unusual=True)
    sampling = steered(Sampling(), moment)
    assert sampling.epochs[-1].rates == Rates(0, 0, 2)
    for minutes in (3, 10):
        sampling = steered(sampling, replace(moment, now_s=NOW_S + 60.0 * minutes, unusual=False))
        assert sampling.epochs[-1].rates == Rates(0, 0, 2)
    sampling = steered(sampling, replace(moment, now_s=NOW_S + 60.0 * 11, unusual=False))
    assert sampling.epochs[-1].rates == Rates(0, 1, 3)


def test_a_clock_that_was_set_back_does_not_hold_changes_for_ever() -> None:
    ahead = steered(Sampling(), Moment(NOW_S + 86_400.0, 60.0, RISK))
    back = steered(ahead, Moment(NOW_S, 60.0, ADAPTIVE))
    assert back.at(pane_of(NOW_S, 60.0) + 1).rates == FULL_RATES
    assert back.epochs[-1].first_pane <= pane_of(NOW_S, 60.0) + 1


def test_what_is_kept_has_a_bound() -> None:
    sampling = Sampling()
    for i in range(2 * EPOCHS_MAX):
        order = RISK if i % 2 else ADAPTIVE
        sampling = steered(sampling, Moment(NOW_S + 60.0 * i, 60.0, order))
    assert len(sampling.epochs) == EPOCHS_MAX
    assert sampling.epochs[-1].number == 2 * EPOCHS_MAX - 1


@pytest.mark.parametrize(
    "broken",
    [
        {"order": None, "epochs": [], "suspected": False, "unusual_pane": 0},
        {"order": ["none", 1], "epochs": [[0, 0, 0, 0, 0, False, ""]], "suspected": False, "unusual_pane": 0},
        {"order": None, "epochs": [[0, 0, 0, 0, 5, False, ""]], "suspected": False, "unusual_pane": 0},
        {"order": None, "epochs": [[0, 5, 0, 0, 0, False, ""]] * 2, "suspected": False, "unusual_pane": 0},
    ],
)
def test_what_cannot_be_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"order|Strategy|grid|unpack"):
        from_json(broken)


def test_an_entry_of_a_version_without_it_is_sampled_in_full() -> None:
    assert from_json(None) == Sampling()
