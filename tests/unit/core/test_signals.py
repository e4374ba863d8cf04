"""What of a pane belongs to which signal, and sums of weighted cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.evidence.estimates import add_up, estimate, gauge
from proxy.core.evidence.signals import assessed_cells, harmful_cells, is_impaired
from proxy.core.windows import SCALE, Cell
from proxy.detectors.e_process import Key
from tests.unit.core.looks import WELL, pane


def test_a_weight_off_the_grid_enters_nothing() -> None:
    odd = {Cell("refusal", "fraud", 8, 1): 5, Cell("refusal", "fraud", -1, 1): 5, Cell("assessed", "all", 9, 1): 5}
    assert harmful_cells({**WELL, **odd}) == harmful_cells(WELL)
    assert assessed_cells({**WELL, **odd}) == assessed_cells(WELL)


def test_harmless_prompts_and_other_signals_are_no_refusals() -> None:
    other = {Cell("refusal", "none", 0, 0): 5, Cell("hedging", "fraud", 0, 1): 5}
    assert harmful_cells(other) == {}


@pytest.mark.parametrize(("lost", "impaired"), [(0, False), (10, False), (11, True)])
def test_more_than_one_in_a_hundred_lost_impairs(lost: int, impaired: bool) -> None:
    counts = {**pane({"fraud": 990}, {}), Cell("lost", "full", 0, 0): lost * SCALE}
    assert is_impaired(counts, 0.01) is impaired


def test_a_pane_of_losses_alone_is_impaired_and_an_empty_one_is_not() -> None:
    assert is_impaired({Cell("lost", "crash", 0, 0): 1}, 0.01)
    assert not is_impaired({}, 0.01)


keys = st.tuples(st.sampled_from("ab"), st.integers(0, 7), st.integers(0, 1))


@given(st.dictionaries(keys, st.integers(1, 10**9)))
def test_weighted_sums_are_exact(cells: dict[Key, int]) -> None:
    sums = add_up(cells)
    weights = [(count / SCALE, 2.0**-r, y) for (_, r, y), count in cells.items()]
    total = sum(n * w for n, w, _ in weights)
    if not cells:
        assert estimate(sums) is None
        return
    assert sums.rate == pytest.approx(sum(n * w * y for n, w, y in weights) / total)
    assert sums.n_eff == pytest.approx(total**2 / sum(n * w * w for n, w, _ in weights))
    assert sums.n_eff <= sums.n / SCALE * (1 + 1e-12)
    found = estimate(sums)
    assert found is not None and found.low <= found.rate + 1e-12 and found.rate <= found.high + 1e-12


def test_a_gauge_is_the_plain_rate_of_some_strata() -> None:
    counts = pane({"fraud": 30, "weapons": 10}, {"fraud": 10})
    fraud = gauge(counts, "refusal", frozenset({"fraud"}))
    assert fraud is not None and (fraud.rate, fraud.n) == (0.75, 40.0)
    assert gauge(counts, "refusal", frozenset({"drugs"})) is None
