"""The share: the same exchange is always chosen or never, the share is met, and classifiers draw apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.classifiers.remote.sampling import chosen

IDS = [f"exchange-{number}" for number in range(20_000)]


@given(st.text(), st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_holds_the_smaller(exchange_id: str, name: str, one: float, two: float) -> None:
    small, large = sorted((one, two))
    assert chosen(exchange_id, name, large) or not chosen(exchange_id, name, small)
    assert chosen(exchange_id, name, 1.0)
    assert not chosen(exchange_id, name, 0.0)


def test_the_share_is_met_and_two_classifiers_draw_apart() -> None:
    one = {identity for identity in IDS if chosen(identity, "one", 0.1)}
    two = {identity for identity in IDS if chosen(identity, "two", 0.1)}
    assert 1_800 < len(one) < 2_200
    assert 120 < len(one & two) < 280, "a hundredth, as if by chance"


def test_the_choice_is_the_same_in_every_process_and_release() -> None:
    assert [chosen(f"id-{n}", "guard", 0.5) for n in range(16)] == EXPECTED


EXPECTED = [bool(int(bit)) for bit in "1011111101110101"]
