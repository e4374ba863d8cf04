"""The rows of stage 0's table that a text names."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.classifiers.ngrams import BUCKETS_LOG2, TOKENS_MAX, Ids, buckets
from proxy.classifiers.stage0 import Stage0

ids = st.lists(st.integers(0, 30_521), max_size=80).map(lambda some: np.array(some, dtype=np.int32))


@settings(deadline=None, max_examples=60)
@given(ids)
def test_rows_are_distinct_sorted_and_in_the_table(text: Ids) -> None:
    rows = buckets(text)
    assert (np.diff(rows) > 0).all()
    assert len(rows) <= max(2 * len(text) - 1, 0)
    assert not len(rows) or (rows[0] >= 0 and rows[-1] < 2**BUCKETS_LOG2)
    assert (len(rows) > 0) == (len(text) > 0)


@settings(deadline=None, max_examples=60)
@given(ids, ids)
def test_a_longer_text_names_all_that_its_part_names(one: Ids, two: Ids) -> None:
    assert set(buckets(one)) <= set(buckets(np.concatenate([one, two])))


@settings(deadline=None, max_examples=60)
@given(ids)
def test_the_middle_of_a_long_text_is_left_out(middle: Ids) -> None:
    half = TOKENS_MAX // 2
    first, last = np.full(half, 7, dtype=np.int32), np.full(half, 9, dtype=np.int32)
    assert np.array_equal(buckets(np.concatenate([first, middle, last])), buckets(np.concatenate([first, last])))


@settings(deadline=None, max_examples=60)
@given(ids)
def test_stage_0_is_the_sum_over_rows_by_the_root_of_their_number(text: Ids) -> None:
    toss = np.random.default_rng(3)
    table = toss.normal(size=(2**BUCKETS_LOG2, 2)).astype(np.float16)
    bias = np.array([0.5, -1.0], dtype=np.float32)
    rows = buckets(text)
    by_hand = [sum(float(table[row, column]) for row in rows) / max(len(rows), 1) ** 0.5 for column in (0, 1)]
    assert np.allclose(Stage0(table, bias).logits(text), by_hand + bias, atol=1e-3)
