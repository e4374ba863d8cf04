"""Textbook methods against slow textbook versions of themselves."""

from __future__ import annotations

import ast
import math
import random
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from statistics import stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import proxy.detectors
from proxy.detectors import conformal, consistency, control_chart, cusum, divergence, exact_test, quantile
from proxy.detectors.registry import METHODS, Use

counts = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 500), min_size=1)
samples = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 200)), max_size=30)
FOLDER = Path(proxy.detectors.__file__).parent


def test_every_method_is_one_file_with_a_source_and_stands_in_the_registry() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "registry"}
    assert {method.name for method in METHODS} == files
    assert {method.name for method in METHODS if method.use is Use.ALARM} == {"e_process", "exact_test"}
    for method in METHODS:
        text = (FOLDER / f"{method.name}.py").read_text()
        authors = re.findall(r"[A-Z][a-z]+", method.source)
        assert authors, method.name
        assert all(author in text for author in authors), method.name


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_no_method_reads_a_clock_tosses_a_coin_or_keeps_anything(method: object) -> None:
    tree = ast.parse((FOLDER / f"{getattr(method, 'name')}.py").read_text())  # noqa: B009 - a parameter of any type
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not imported & {"time", "random", "os", "asyncio", "threading", "socket"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Global | ast.Nonlocal)]


# --- control charts ---------------------------------------------------------------------------------------------------


@given(st.floats(0, 1), samples)
def test_ewma_is_the_weighted_sum_of_its_samples(centre: float, given_: list[tuple[float, float]]) -> None:
    points = list(control_chart.ewma(centre, given_))
    seen = [share for share, n in given_ if n > 0.0]
    w = control_chart.WEIGHT
    expected = centre * (1 - w) ** len(seen) + sum(w * (1 - w) ** age * x for age, x in enumerate(reversed(seen)))
    assert len(points) == len(given_)
    if points:
        assert points[-1].value == pytest.approx(expected, abs=1e-9)
    assert all(0.0 <= point.low <= centre + 1e-9 and centre - 1e-9 <= point.high <= 1.0 for point in points)


def test_p_limits_are_three_standard_deviations_wide_and_rarely_left() -> None:
    assert control_chart.p_limits(0.5, 100.0) == pytest.approx((0.35, 0.65))
    assert control_chart.p_limits(0.5, 0.0) == (0.0, 1.0)
    dice = random.Random(7)
    drawn = [(sum(dice.random() < 0.3 for _ in range(200)) / 200, 200.0) for _ in range(2_000)]
    out = sum(point.is_out for point in control_chart.p_chart(0.3, drawn))
    assert 0 < out < 20  # 0.27 % of 2,000 is 5
    assert sum(point.is_out for point in control_chart.ewma(0.3, drawn)) < 40


# --- CUSUM ------------------------------------------------------------------------------------------------------------


@given(st.floats(0.01, 0.99), st.lists(st.booleans(), max_size=60))
def test_cusum_is_the_best_log_likelihood_ratio_over_all_starts(p: float, outcomes: list[bool]) -> None:
    state = cusum.Cusum()
    for outcome in outcomes:
        state = cusum.advance(state, p, float(outcome), 1.0)
    for ratio, found in ((cusum.SHIFT, state.up), (1 / cusum.SHIFT, state.down)):
        q = ratio * p / (1 - p + ratio * p)
        steps = [math.log(q / p) if one else math.log((1 - q) / (1 - p)) for one in outcomes]
        slow = max([0.0, *(sum(steps[start:]) for start in range(len(steps)))])
        assert found == pytest.approx(slow, abs=1e-9)


def test_cusum_refuses_what_is_no_count_and_bears_rates_of_0_and_1() -> None:
    with pytest.raises(ValueError, match="positives"):
        cusum.advance(cusum.Cusum(), 0.5, 2.0, 1.0)
    assert cusum.advance(cusum.Cusum(), 0.0, 1.0, 1.0).up > 0.3
    assert cusum.advance(cusum.Cusum(), 1.0, 0.0, 1.0).down > 0.3


# --- divergence -------------------------------------------------------------------------------------------------------


@given(counts, counts)
def test_js_is_symmetric_and_in_0_to_1(p: dict[str, int], q: dict[str, int]) -> None:
    js = divergence.js_bits(p, q)
    assert js == divergence.js_bits(q, p)
    if js is not None:
        assert 0.0 <= js <= 1.0
        raw = _js(p, q)
        assert raw - 0.6 <= js <= raw + 1e-12
    assert divergence.js_bits(p, p) in (None, 0.0)


def _js(p: dict[str, int], q: dict[str, int]) -> float:
    """By its definition: half the KL divergence of either from the mean of both."""
    n, m = sum(p.values()), sum(q.values())
    bins = {b for b in p | q if p.get(b, 0) or q.get(b, 0)}
    pairs = [(p.get(b, 0) / n, q.get(b, 0) / m) for b in bins]
    return sum(a / 2 * math.log2(2 * a / (a + b)) for a, b in pairs if a) + sum(
        b / 2 * math.log2(2 * b / (a + b)) for a, b in pairs if b
    )


def test_the_bias_of_equal_samples_is_taken_off_and_a_change_is_seen() -> None:
    dice, found, found_kl = random.Random(11), [], []
    for _ in range(400):
        p, q = (_drawn(dice, "abcdefgh", 400) for _ in range(2))
        found.append(_js(p, q) - (divergence.js_bits(p, q) or 0.0))
        found_kl.append(divergence.kl_bits(p, q) or 0.0)
    bias = 7 / (8 * math.log(2)) * (2 / 400)
    raw = [_js(_drawn(dice, "abcdefgh", 400), _drawn(dice, "abcdefgh", 400)) for _ in range(400)]
    assert sum(raw) / len(raw) == pytest.approx(bias, rel=0.15)
    error = divergence.js_error_bits(_drawn(dice, "abcdefgh", 400), _drawn(dice, "abcdefgh", 400))
    assert stdev(raw) == pytest.approx(error, rel=0.15)
    assert max(found) == pytest.approx(bias)
    assert sum(found_kl) / len(found_kl) < 0.02
    far = divergence.js_bits({"a": 300, "b": 100}, {"a": 100, "b": 300})
    assert far == pytest.approx(0.1887, abs=0.003)
    assert divergence.js_bits({"a": 9}, {"a": 400, "b": 400}) is None
    assert divergence.js_bits({}, {}) is None


def _drawn(dice: random.Random, bins: str, n: int) -> dict[str, int]:
    drawn = dice.choices(bins, k=n)
    return {b: drawn.count(b) for b in set(drawn)}


# --- quantiles --------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=200), st.floats(0.01, 0.99))
def test_a_quantile_is_within_one_bin_of_the_sorted_sample_s(values: list[float], share: float) -> None:
    found = quantile.quantile(Counter(map(quantile.bin_of, values)), share)
    exact = sorted(values)[max(0, math.ceil(share * len(values) - 1e-9) - 1)]
    whole, part = (quantile.edge(place) / quantile.edge(4) for place in (8, 5))
    ratio = part if exact >= quantile.edge(quantile.FINE_PLACE) else whole
    assert found is not None
    assert exact / ratio - quantile.LEAST <= found <= exact * ratio + quantile.LEAST
    assert part == pytest.approx(whole ** (1 / 4)) and part < 1.0373


@given(st.floats(0.0, 1.0))
def test_a_bin_holds_what_is_counted_in_it(p: float) -> None:
    for name in (quantile.bin_of(p), quantile.bin_of(p)[:2]):
        begin, end = quantile.span(name)
        assert quantile.edge(begin) * (1 - 1e-12) <= p <= quantile.edge(end) * (1 + 1e-12)
    assert quantile.whole_bin_of(p) == max("28", quantile.bin_of(p)[:2])


@given(st.floats(0.0061, 0.999))
def test_the_nearest_edge_is_less_than_two_in_a_hundred_beside(p: float) -> None:
    near = quantile.nearest_place(p)
    assert abs(math.log(quantile.edge(near) / p)) <= math.log(1.0373) / 2
    assert quantile.nearest_place(p, quantile.PARTS) % quantile.PARTS == 0
    assert quantile.nearest_place(1.5) == quantile.PLACES


def test_histograms_of_whole_bins_and_of_parts_add_up() -> None:
    assert quantile.coarse({"370": 1, "373": 2, "37": 4, "04": 1}) == {"37": 7, "04": 1}
    assert quantile.span("37") == (148, 152) and quantile.span("373") == (151, 152)
    mixed = {"37": 8.0, "373": 8.0}
    assert quantile.edge(148) < (quantile.quantile(mixed, 0.5) or 0.0) <= quantile.edge(152)
    for bad in ("64", "374", "7", "3735", "a1", "-1"):
        with pytest.raises(ValueError, match="is no bin"):
            quantile.span(bad)


def test_quantiles_merge_weigh_and_know_nothing_of_nothing() -> None:
    assert quantile.quantile({}, 0.95) is None and quantile.quantile({"10": 0.0}, 0.95) is None
    merged = {"10": 94.0, "600": 6.0}
    assert quantile.edge(240) <= (quantile.quantile(merged, 0.95) or 0.0) <= quantile.edge(241)
    eighth = {name: n / 8 for name, n in merged.items()}
    assert quantile.quantile(merged, 0.95) == pytest.approx(quantile.quantile(eighth, 0.95))
    assert all(a < b for a, b in pairwise(quantile.edge(k) for k in range(3, 257)))


# --- conformal --------------------------------------------------------------------------------------------------------


def p_value(score: int, calibration: list[int]) -> float:
    """By its definition (Vovk, Gammerman and Shafer 2005): of all scores, this one among them, those as large."""
    return (1 + sum(other >= score for other in calibration)) / (1 + len(calibration))


@given(st.lists(st.integers(0, 50), max_size=120), st.integers(-1, 51), st.floats(0.01, 0.5))
def test_beyond_the_limit_is_the_same_as_a_small_p_value(scores: list[int], score: int, level: float) -> None:
    largest: tuple[float, ...] = ()
    for one in scores:
        largest = conformal.kept(largest, one, room=len(scores))
    limit = conformal.limit(largest, len(scores), level)
    flagged = limit is not None and score > limit
    assert flagged is (p_value(score, scores) <= level + 1e-12)


def test_ordinary_scores_are_flagged_at_their_level() -> None:
    dice, flagged = random.Random(3), 0
    for _ in range(300):
        scores = [dice.random() for _ in range(99)]
        limit = conformal.limit(scores, len(scores), 0.05)
        flagged += sum(dice.random() > (limit or 1.0) for _ in range(20))
    assert 0.04 < flagged / 6_000 < 0.06
    assert conformal.rank(conformal.CALIBRATE_N, conformal.TAIL_SHARE) == conformal.TAIL_SCORES == 6
    assert conformal.limit([1.0], 10, 0.05) is None


# --- exact test -------------------------------------------------------------------------------------------------------


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0, 1))
def test_the_tail_is_the_sum_of_binomial_probabilities(k: int, more: int, p: float) -> None:
    n = k + more
    slow = math.fsum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))
    assert exact_test.upper_tail(k, n, p) == pytest.approx(slow, abs=1e-9)
    assert exact_test.is_above(k, n, p, 0.01) is (exact_test.upper_tail(k, n, p) <= 0.01)


def test_levels_of_all_looks_add_up_and_nonsense_is_refused() -> None:
    assert sum(exact_test.level_at(look, 0.01) for look in range(1, 100_000)) == pytest.approx(0.01, rel=1e-4)
    with pytest.raises(ValueError, match="given"):
        exact_test.level_at(0, 0.1)
    with pytest.raises(ValueError, match="given"):
        exact_test.upper_tail(2, 1, 0.5)


# --- near duplicates --------------------------------------------------------------------------------------------------

words = st.lists(st.sampled_from([f"word{n}" for n in range(300)]), min_size=consistency.WORDS_MIN, max_size=60)


@given(words, st.sets(st.integers(0, 63), max_size=consistency.APART_MAX))
def test_near_twins_share_a_block(text: list[str], flipped: set[int]) -> None:
    value = consistency.simhash(" ".join(text))
    assert value is not None
    other = value ^ sum(1 << bit for bit in flipped)
    assert consistency.apart(value, other) == len(flipped)
    assert set(consistency.blocks(value)) & set(consistency.blocks(other))


@settings(max_examples=30)
@given(words)
def test_a_hash_is_the_majority_of_its_features_bit_by_bit(text: list[str]) -> None:
    alone = [consistency.simhash(" ".join([word] * consistency.WORDS_MIN)) or 0 for word in text]
    majority = sum(1 << bit for bit in range(64) if 2 * sum(value >> bit & 1 for value in alone) > len(text))
    value = consistency.simhash(" ".join(text))
    assert value == consistency.simhash("  ".join(text).upper())
    assert value == majority
    assert consistency.simhash("too short a text") is None


def test_a_word_more_moves_a_few_bits_and_another_text_half_of_them() -> None:
    dice = random.Random(5)
    vocabulary = [f"term{n}" for n in range(5_000)]
    near, far = [], []
    for _ in range(60):
        text = dice.choices(vocabulary, k=120)
        value, other = (
            consistency.simhash(" ".join(text)),
            consistency.simhash(" ".join(dice.choices(vocabulary, k=120))),
        )
        grown = consistency.simhash(" ".join([*text, "please"]))
        assert value is not None
        assert other is not None
        assert grown is not None
        near.append(consistency.apart(value, grown))
        far.append(consistency.apart(value, other))
    assert sum(near) / len(near) < 4
    assert min(far) > 15
