"""Batches of about one length, and a session that runs them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.classifiers.encoder import Encoder, Window, batches, session
from tests.unit.classifiers.folders import DIM, encoder
from tests.unit.classifiers.onnx_graph import graph

lengths = st.lists(st.integers(1, 300), max_size=40)


@settings(deadline=None, max_examples=60)
@given(lengths, st.integers(1, 9), st.integers(32, 1_024))
def test_batches_hold_every_row_once_within_both_bounds(some: list[int], rows_max: int, tokens_max: int) -> None:
    found = list(batches(some, rows_max, tokens_max))
    assert sorted(row for rows in found for row in rows) == list(range(len(some)))
    for rows in found:
        longest = max(some[row] for row in rows)
        assert 1 <= len(rows) <= rows_max
        assert len(rows) == 1 or longest * len(rows) <= tokens_max


@settings(deadline=None, max_examples=60)
@given(lengths, st.integers(2, 9))
def test_a_batch_is_of_about_one_length(some: list[int], rows_max: int) -> None:
    found = list(batches(some, rows_max, 10**6))
    for before, after in pairwise(found):
        assert max(some[row] for row in before) <= min(some[row] for row in after)


def windows(count: int) -> list[Window]:
    toss = np.random.default_rng(5)
    return [(toss.integers(4, 20, size=toss.integers(3, 12)).astype(np.int32), 0) for _ in range(count)]


def test_results_come_in_the_order_of_the_windows_however_they_were_batched() -> None:
    opened = session(graph(encoder()), threads=1)
    some = windows(23)
    alone = Encoder(opened, pad=0)
    one_by_one = [alone.run([window]) for window in some]
    with ThreadPoolExecutor(3) as passes:
        for way in (alone, Encoder(opened, 0, rows_max=4), Encoder(opened, 0, passes=passes)):
            embeddings, logits = way.run(some)
            assert embeddings.shape == (23, DIM)
            assert np.allclose(embeddings, np.concatenate([one for one, _ in one_by_one]), atol=1e-6)
            assert np.allclose(logits, np.concatenate([one for _, one in one_by_one]), atol=1e-5)
