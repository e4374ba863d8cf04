"""Metrics on the wire: what was sampled is what is told, whatever the names hold; strange rows are left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.errors import WireError
from proxy.link.figures import figures, samples_of
from proxy.link.frames import METRICS_ROWS_MAX, Figures, Frame, FrameKind, FrameReader, encode_figures, figures_of
from proxy.telemetry.metrics import Distribution, Kind, Label, Metric, Sample

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.integers(0, 2**53) | st.floats(allow_nan=False, allow_infinity=False)
LABEL = Label("a", "tests", 3)
GAUGE = Metric("g", Kind.GAUGE, "", "A gauge.", (LABEL, Label("b", "tests", 3)))
HISTOGRAM = Metric("h_seconds", Kind.HISTOGRAM, "s", "A histogram.", (LABEL,), (0.1, 1.0))
DECLARED = {one.name: one for one in (GAUGE, HISTOGRAM)}

gauges = st.builds(lambda a, b, value: Sample(GAUGE, value, {"a": a, "b": b}), WORDS, WORDS, VALUES)
distributions = st.builds(
    Distribution, st.lists(st.integers(0, 2**40), min_size=3, max_size=3), st.floats(0, 1e12, allow_nan=False)
)
histograms = st.builds(lambda a, value: Sample(HISTOGRAM, value, {"a": a}), WORDS, distributions)


def through_the_wire(told: Figures) -> Figures:
    (frame,) = FrameReader().feed(encode_figures(told))
    return figures_of(frame)


@given(st.lists(gauges | histograms, max_size=8), st.floats(0, 4e9))
def test_samples_come_out_as_they_went_in(samples: list[Sample], now_s: float) -> None:
    told = through_the_wire(figures(now_s, samples))
    assert told.time_s == now_s
    assert list(samples_of(told, DECLARED)) == samples


def test_what_a_peer_of_another_version_declares_is_left_out() -> None:
    rows = (("unknown", (), 1), ("g", ("x",), 1), ("h_seconds", ("x",), ((1, 2), 3.0)), ("g", ("x", "y"), 4))
    assert [one.value for one in samples_of(through_the_wire(Figures(1.0, rows)), DECLARED)] == [4]


def test_a_frame_has_a_bound() -> None:
    rows = tuple(("g", ("x", str(i)), i) for i in range(METRICS_ROWS_MAX + 5))
    assert len(through_the_wire(Figures(1.0, rows)).rows) == METRICS_ROWS_MAX


@pytest.mark.parametrize("meta", [b"[]", b"[1.0,[[]]]", b"[1.0,[1]]", b'[1.0,[["g",[],"x"]]]', b'[1.0,[["g",[],[1]]]]'])
def test_what_are_no_metrics_is_refused(meta: bytes) -> None:
    with pytest.raises(WireError):
        figures_of(Frame(FrameKind.METRICS, meta))
