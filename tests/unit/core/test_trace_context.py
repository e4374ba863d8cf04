"""Trace context: the vectors of the W3C specification, and what must hold of every header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.http.trace_context import BITS, Parent, Tracing, is_sampled, parent_of, sent_on

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"
bits = st.integers(0, 2**BITS - 1)
hexes = st.text("0123456789abcdef")
shares = st.floats(0, 1)
parents = st.builds(
    lambda trace, span, flags: f"00-{trace:032x}-{span:016x}-{flags:02x}",
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.integers(0, 255),
)


@pytest.mark.parametrize(
    "value", [GOOD, f"cc-{TRACE}-{SPAN}-01", f"01-{TRACE}-{SPAN}-01-what-will-be", f"cc{GOOD[2:]}-"]
)
def test_what_is_valid(value: str) -> None:
    assert parent_of(value) == Parent(TRACE, SPAN, 1)


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"ff-{TRACE}-{SPAN}-01",  # a version that is forbidden
        f"00-{TRACE}-{SPAN}-01-x",  # version 00 has four fields
        f"cc-{TRACE}-{SPAN}-01.x",  # what follows in a higher one begins with a dash
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0",
        f"00-{TRACE}-{SPAN}-0x",
        f"00-{TRACE}-{SPAN}",
        f" {GOOD}",
        f"{GOOD}, {GOOD}",  # repeated
        f"{GOOD}\n",
    ],
)
def test_what_is_not(value: str) -> None:
    assert parent_of(value) is None
    assert not sent_on(Tracing(), value, 7).goes_on


@given(parents, bits, shares)
def test_a_trace_goes_on_under_a_span_of_ours(value: str, random: int, share: float) -> None:
    sent, before = sent_on(Tracing(share), value, random), parent_of(value)
    ours = parent_of(sent.traceparent)
    assert before is not None
    assert ours is not None
    assert sent.goes_on
    assert ours.trace_id == before.trace_id
    assert (ours.flags, ours.is_sampled) == (before.flags & 3, before.is_sampled)
    assert int(ours.span_id, 16) == (random % 2**64 or 1)


@given(st.one_of(st.text(max_size=60), hexes), bits, shares)
def test_what_goes_out_is_always_valid(value: str, random: int, share: float) -> None:
    ours = parent_of(sent_on(Tracing(share), value, random).traceparent)
    assert ours is not None
    if parent_of(value) is None:
        assert ours.is_sampled == is_sampled(ours.trace_id, share)


@given(parents, bits, shares)
def test_without_a_parents_word_the_id_decides(value: str, random: int, share: float) -> None:
    ours = parent_of(sent_on(Tracing(share, follows_parent=False), value, random).traceparent)
    assert ours is not None
    assert ours.is_sampled == is_sampled(ours.trace_id, share)


@given(st.integers(1, 2**128 - 1), shares, shares)
def test_a_larger_share_samples_what_a_smaller_one_does(trace: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    trace_id = f"{trace:032x}"
    assert is_sampled(trace_id, high) >= is_sampled(trace_id, low)
    assert is_sampled(trace_id, 1.0)
    assert not is_sampled(trace_id, 0.0)


def test_the_share_is_as_the_sdk_decides_it() -> None:
    from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

    ratio = TraceIdRatioBased(0.3)
    for seed in range(500):
        trace = pow(3, seed + 80, 2**128)
        decision = ratio.should_sample(None, trace, "").decision is Decision.RECORD_AND_SAMPLE
        assert decision == is_sampled(f"{trace:032x}", 0.3)
