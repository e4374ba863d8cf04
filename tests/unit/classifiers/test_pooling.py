"""Windows to the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from proxy.classifiers.pooling import Pool, mean_embedding, pooled

values = st.integers(1, 6).flatmap(
    lambda windows: arrays(np.float32, (windows, 3), elements=st.floats(-20, 20, width=32))
)


@settings(deadline=None, max_examples=60)
@given(values, st.sampled_from(Pool))
def test_the_whole_lies_between_its_windows(some: NDArray[np.float32], pool: Pool) -> None:
    whole = pooled(some, pool)
    assert whole.shape == (3,)
    assert (whole <= some.max(axis=0) + 1e-4).all()
    assert (whole >= some.min(axis=0) - 1e-4).all()


@settings(deadline=None, max_examples=60)
@given(values)
def test_max_is_the_worst_and_ends_ignore_the_middle(some: NDArray[np.float32]) -> None:
    assert np.array_equal(pooled(some, Pool.MAX), some.max(axis=0))
    assert np.allclose(pooled(some, Pool.ENDS), (some[0] + some[-1]) / 2, atol=1e-5)
    assert np.allclose(pooled(some, Pool.MEAN), some.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("pool", Pool)
def test_one_window_is_the_whole(pool: Pool) -> None:
    assert pooled(np.array([3.5], dtype=np.float32), pool) == np.float32(3.5)


@settings(deadline=None, max_examples=60)
@given(values)
def test_an_embedding_has_length_1(some: NDArray[np.float32]) -> None:
    rows = some + np.float32(0.01)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-6)
    if np.linalg.norm(rows, axis=1).min() > 0.99:
        assert abs(float(np.linalg.norm(mean_embedding(rows.astype(np.float32)))) - 1) < 1e-3


def test_windows_that_cancel_each_other_fall_back_on_the_first() -> None:
    rows = np.array([[1, 0], [-1, 0]], dtype=np.float32)
    assert mean_embedding(rows).tolist() == [1, 0]
