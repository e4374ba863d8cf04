"""Each method against values that others published, and against scipy and ruptures."""

from __future__ import annotations

import math
import random
from importlib import import_module
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detectors.beta import beta_cdf, beta_quantile
from proxy.detectors.conformal import limit
from proxy.detectors.control_chart import ewma, p_limits
from proxy.detectors.divergence import js_bits, kl_bits
from proxy.detectors.exact_test import upper_tail
from proxy.detectors.intervals import lower_limit, upper_limit, wilson
from proxy.detectors.pelt import change_points

MANY = 1_000_000  # so many that bias and prior do not show


# Published values


@pytest.mark.parametrize(
    ("positives", "n", "exact", "score"),
    [
        (81, 263, (0.2527, 0.3676), (0.2553, 0.3662)),
        (15, 148, (0.0578, 0.1617), (0.0624, 0.1605)),
        (0, 20, (0.0000, 0.1684), (0.0000, 0.1611)),
        (1, 29, (0.0009, 0.1776), (0.0061, 0.1718)),
    ],
)
def test_intervals_of_newcombe(positives: int, n: int, exact: tuple[float, float], score: tuple[float, float]) -> None:
    """Newcombe, "Two-sided confidence intervals for the single proportion", Stat. in Medicine 17 (1998), table I."""
    found = (lower_limit(positives, n, 0.025), upper_limit(positives, n, 0.025))
    assert found == pytest.approx(exact, abs=6e-5)
    assert wilson(positives / n, n) == pytest.approx(score, abs=6e-5)


def test_ewma_of_the_nist_handbook() -> None:
    """NIST/SEMATECH e-Handbook of Statistical Methods, section 6.3.2.4: lambda 0.3, EWMA_0 = 50."""
    data = (52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5, 49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4)
    told = (50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33, 50.11, 49.36, 49.52, 50.05, 49.38)
    found = [100.0 * one.value for one in ewma(0.5, [(x / 100.0, 1.0) for x in data], weight=0.3)]
    assert found[: len(told)] == pytest.approx(told, abs=0.006)


def test_the_p_chart_of_the_nist_handbook() -> None:
    """Section 6.3.3.2: thirty wafers of 50 chips, 347 defective: 0.2313, limits 0.0524 and 0.4102."""
    assert p_limits(347 / 1_500, 50) == pytest.approx((0.0524, 0.4102), abs=2e-4)


def test_a_binomial_tail() -> None:
    """51 sixes or more in 235 throws of a fair die: 0.02654 (the common example of the exact test)."""
    assert upper_tail(51, 235, 1.0 / 6.0) == pytest.approx(0.02654, abs=5e-6)


def test_the_divergence_of_a_binomial_from_the_uniform() -> None:
    """Kullback, Information Theory and Statistics (1959), example 1.2: 0.0852996 and 0.0974551 nats."""
    binomial = {"0": 9.0 * MANY, "1": 12.0 * MANY, "2": 4.0 * MANY}
    uniform = dict.fromkeys(binomial, 25.0 / 3.0 * MANY)
    assert kl_bits(binomial, uniform) == pytest.approx(0.0852996 / math.log(2.0), abs=1e-6)
    assert kl_bits(uniform, binomial) == pytest.approx(0.0974551 / math.log(2.0), abs=1e-6)
    apart = js_bits({"a": float(MANY)}, {"b": float(MANY)})
    assert apart == pytest.approx(1.0, abs=1e-5)


def test_a_conformal_limit_is_a_rank() -> None:
    """Vovk, Gammerman and Shafer (2005), section 2.2: p = (how many score as high, itself included) / (n + 1).

    So above 4 lies p = 0.2, above 3 p = 0.4, and nothing has p = 0.1.
    """
    assert [limit([1.0, 2.0, 3.0, 4.0], 4, level) for level in (0.1, 0.2, 0.4, 0.8)] == [None, 4.0, 3.0, 1.0]


# Other people's code


@given(st.integers(0, 400), st.integers(1, 400), st.floats(0.0005, 0.4))
@settings(max_examples=60, deadline=None)
def test_limits_tails_and_beta_are_scipy_s(k: int, more: int, confidence: float) -> None:
    stats, special = import_module("scipy.stats"), import_module("scipy.special")
    n = k + more
    exact = stats.binomtest(k, n).proportion_ci(1.0 - 2.0 * confidence, method="exact")
    assert (lower_limit(k, n, confidence), upper_limit(k, n, confidence)) == pytest.approx(tuple(exact), abs=1e-6)
    assert wilson(k / n, n) == pytest.approx(tuple(stats.binomtest(k, n).proportion_ci(method="wilson")), abs=1e-9)
    assert upper_tail(k, n, confidence) == pytest.approx(stats.binom.sf(k - 1, n, confidence), rel=1e-6, abs=1e-12)
    assert beta_cdf(confidence, k + 0.5, more + 0.5) == pytest.approx(
        special.betainc(k + 0.5, more + 0.5, confidence), rel=1e-6, abs=1e-12
    )
    assert beta_quantile(confidence, k + 0.5, more + 0.5) == pytest.approx(
        special.betaincinv(k + 0.5, more + 0.5, confidence), abs=1e-7
    )


@given(st.lists(st.tuples(st.integers(1, 999), st.integers(1, 999)), min_size=2, max_size=20))
@settings(max_examples=60, deadline=None)
def test_divergences_are_scipy_s_less_their_bias(pairs: list[tuple[int, int]]) -> None:
    distance, special = import_module("scipy.spatial.distance"), import_module("scipy.special")
    p, q = ([float(one[side] * MANY) for one in pairs] for side in (0, 1))
    n, m, bins = sum(p), sum(q), len(pairs)
    left, right = (dict(zip(map(str, range(bins)), side, strict=True)) for side in (p, q))
    bias = (bins - 1) / (8.0 * math.log(2.0)) * (1.0 / n + 1.0 / m)
    assert js_bits(left, right) == pytest.approx(max(0.0, distance.jensenshannon(p, q, base=2) ** 2 - bias), abs=1e-6)
    shares = [(a / n, b / m) for a, b in zip(p, q, strict=True)]
    kl = sum(float(special.rel_entr(a, b)) for a, b in shares) / math.log(2.0)
    assert kl_bits(left, right) == pytest.approx(kl, abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_dates_are_those_of_ruptures(seed: int) -> None:
    """The same cost given to its PELT: -[k ln(k/n) + (n-k) ln(1-k/n)], penalty 2.5 ln(total n), 5 panes at least."""
    ruptures, base = import_module("ruptures"), import_module("ruptures.base")
    rng = random.Random(seed)
    rates = [0.95] * 60 + [0.70] * 40 + [0.9] * 50
    counts = [(sum(rng.random() < rate for _ in range(8)), 8) for rate in rates]

    class Binomial(base.BaseCost):  # type: ignore[misc, name-defined, unused-ignore]
        model, min_size = "binomial", 5

        def fit(self, signal: Any) -> Any:
            self.signal = signal
            return self

        def error(self, start: int, end: int) -> float:
            k, n = (float(column) for column in self.signal[start:end].sum(axis=0))
            return -sum(x * math.log(x / n) for x in (k, n - k) if x > 0)

    numpy = import_module("numpy")
    penalty = 2.5 * math.log(sum(n for _, n in counts))
    theirs = ruptures.Pelt(custom_cost=Binomial(), min_size=5, jump=1).fit_predict(numpy.array(counts), pen=penalty)
    hits, tries = zip(*counts, strict=True)
    assert [*change_points(hits, tries)] == theirs[:-1]
    assert all(b - a >= 5 for a, b in pairwise([0, *theirs]))
