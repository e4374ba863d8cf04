"""The queue of exchanges: first in, first out, and never over a bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis.queue import BoundedQueue

steps = st.lists(st.none() | st.integers(0, 60), max_size=60)


@given(steps, st.integers(1, 5), st.integers(1, 100))
def test_what_was_taken_comes_out_in_order_within_the_bounds(script: list[int | None], items: int, size: int) -> None:
    queue: BoundedQueue[int] = BoundedQueue(items, size)
    model: list[tuple[int, int]] = []
    for i, put in enumerate(script):
        if put is not None:
            room = not model or (len(model) < items and sum(s for _, s in model) + put <= size)
            assert queue.put(i, put) is room
            if room:
                model.append((i, put))
        elif model:
            assert queue.take() == model.pop(0)
        assert len(queue) == len(model) <= items
        assert queue.waiting_bytes == sum(s for _, s in model)
        assert queue.waiting_bytes <= size or len(model) == 1


def test_a_report_is_always_taken() -> None:
    queue: BoundedQueue[str] = BoundedQueue(1, 10)
    assert queue.put("exchange", 5)
    assert not queue.put("another", 1)
    assert queue.put("report", 1, always=True)
    assert [queue.take()[0], queue.take()[0]] == ["exchange", "report"]


def test_taking_from_an_empty_queue_is_an_error() -> None:
    with pytest.raises(IndexError):
        BoundedQueue[int](1, 1).take()


def test_the_highest_fill_is_that_since_it_was_asked() -> None:
    queue: BoundedQueue[int] = BoundedQueue(10, 1_000)
    for i in range(6):
        queue.put(i, 1)
    for _ in range(6):
        queue.take()
    assert queue.highest_fill() == 0.6
    assert queue.highest_fill() == 0.0
    assert queue.put(0, 5_000)
    assert not queue.put(1, 1)
    assert queue.highest_fill() == 1.0
