"""Proportions against exact sums over fractions, closed forms and recurrences: no second numerical library."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.detectors.beta import beta_cdf, beta_quantile
from proxy.detectors.intervals import lower_limit, probability_below, quick_limits, upper_limit, wilson


def upper_tail(k: int, n: int, p: float) -> float:
    """P(X >= k) for X ~ Binomial(n, p), summed exactly."""
    exact = Fraction(p)
    return float(sum(math.comb(n, i) * exact**i * (1 - exact) ** (n - i) for i in range(k, n + 1)))


counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
rates = st.floats(0.001, 0.999)


@given(counts, rates)
def test_beta_of_whole_numbers_is_a_binomial_tail(count: tuple[int, int], p: float) -> None:
    k, n = max(1, count[0]), count[1]
    assert beta_cdf(p, k, n - k + 1) == pytest.approx(upper_tail(k, n, p), rel=1e-10, abs=1e-14)


@given(rates)
def test_beta_of_halves_is_the_arcsine_law(x: float) -> None:
    assert beta_cdf(x, 0.5, 0.5) == pytest.approx(2.0 / math.pi * math.asin(math.sqrt(x)), rel=1e-10)


@given(rates, st.floats(0.5, 300.0), st.floats(0.5, 300.0))
def test_beta_is_symmetric_and_obeys_its_recurrence(x: float, a: float, b: float) -> None:
    assert beta_cdf(x, a, b) + beta_cdf(1.0 - x, b, a) == pytest.approx(1.0, abs=1e-10)
    log_step = a * math.log(x) + b * math.log1p(-x) - math.log(a) - math.lgamma(a) - math.lgamma(b) + math.lgamma(a + b)
    assert beta_cdf(x, a, b) - beta_cdf(x, a + 1.0, b) == pytest.approx(math.exp(log_step), abs=1e-10)


def test_beta_ends() -> None:
    assert (beta_cdf(0.0, 2.0, 3.0), beta_cdf(1.0, 2.0, 3.0)) == (0.0, 1.0)


@given(st.floats(0.001, 0.999), st.floats(0.6, 200.0), st.floats(0.6, 200.0))
def test_quantile_inverts(p: float, a: float, b: float) -> None:
    assert beta_cdf(beta_quantile(p, a, b), a, b) == pytest.approx(p, abs=1e-7)


@given(counts)
def test_clopper_pearson_limits_have_their_exact_tails(count: tuple[int, int]) -> None:
    k, n = count
    low, high = lower_limit(k, n, 0.001), upper_limit(k, n, 0.001)
    assert 0.0 <= low <= k / n <= high <= 1.0
    if k:
        assert upper_tail(k, n, low) == pytest.approx(0.001, rel=1e-6)
    if k < n:
        assert 1.0 - upper_tail(k + 1, n, high) == pytest.approx(0.001, rel=1e-6)


def test_clopper_pearson_at_the_ends_is_closed_form() -> None:
    assert lower_limit(200, 200, 0.001) == pytest.approx(0.001 ** (1 / 200))
    assert lower_limit(0, 50, 0.001) == 0.0
    assert upper_limit(0, 50, 0.001) == pytest.approx(1.0 - 0.001 ** (1 / 50))
    assert upper_limit(50, 50, 0.001) == 1.0


def test_large_counts() -> None:
    """The baseline of detection section 3: 0.95 of 5,000 gives m = 0.9 x lower of about 0.8465."""
    assert 0.9 * lower_limit(4_750, 5_000, 0.001) == pytest.approx(0.8465, abs=1e-3)
    assert 0.9 * lower_limit(950_000, 1_000_000, 0.001) == pytest.approx(0.855, abs=1e-3)


def test_wilson_against_a_published_example() -> None:
    """81 of 263 (Newcombe 1998, table I): 0.2553 to 0.3662."""
    low, high = wilson(81 / 263, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson(0.0, 0.0) == (0.0, 1.0)


@given(st.floats(0.0, 1.0), st.floats(0.1, 1e6))
def test_wilson_solves_its_equation(rate: float, n: float) -> None:
    low, high = wilson(rate, n)
    assert 0.0 <= low <= rate + 1e-12 and rate - 1e-12 <= high <= 1.0
    for limit in (low, high):
        error = abs(rate - limit) - 1.959963984540054 * math.sqrt(limit * (1.0 - limit) / n)
        assert error == pytest.approx(0.0, abs=1e-7) or limit in (0.0, 1.0)


@given(st.integers(0, 40), st.integers(1, 40), st.floats(0.05, 0.95))
def test_probability_below_falls_with_positives(k: int, extra: int, line: float) -> None:
    n = float(k + extra)
    assert probability_below(line, k + 1.0, n + 1.0) <= probability_below(line, float(k), n + 1.0) + 1e-12


@given(st.integers(0, 300), st.integers(0, 300), st.sampled_from([0.01, 0.001, 0.0001]))
def test_quick_limits_hold_those_of_clopper_and_pearson(positives: int, more: int, confidence: float) -> None:
    n = positives + more
    low, high = quick_limits(positives, n, confidence)
    if not n:
        assert (low, high) == (0.0, 1.0)
        return
    exact = lower_limit(positives, n, confidence), upper_limit(positives, n, confidence)
    assert 0.0 <= low <= exact[0] + 1e-9
    assert exact[1] - 1e-9 <= high <= 1.0
    width = math.sqrt(
        -math.log(confidence) / (2 * n)
    )  # Hoeffding's, which they are never wider than by more than a step
    assert low >= positives / n - width - 1e-3
    assert high <= positives / n + width + 1e-3
