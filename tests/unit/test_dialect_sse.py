"""The event stream reader against the standard's own examples, and against every way of cutting a stream."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.sse import Event, Reader, events

PIECES = st.sampled_from(
    [b"data", b"event", b"id", b":", b" ", b"\r", b"\n", b"\r\n", b"\n\n", b"x", "é".encode(), b"\xef\xbb\xbf", b"\xff"]
)
STREAMS = st.lists(PIECES, max_size=40).map(b"".join)


def read(body: bytes) -> list[tuple[str, str]]:
    return [(event.type, event.data) for event in events(body)]


def test_the_standards_examples() -> None:
    assert read(b"data: YHOO\ndata: +2\ndata: 10\n\n") == [("message", "YHOO\n+2\n10")]
    assert read(b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n") == [
        ("message", "first event"),
        ("message", "second event"),
        ("message", " third event"),
    ]
    assert read(b"data\n\ndata\ndata\n\ndata:") == [("message", ""), ("message", "\n")]
    assert read(b"event: add\ndata: 1\n\ndata: 2\n\n") == [("add", "1"), ("message", "2")]


def test_an_event_without_data_is_none_and_its_type_is_forgotten() -> None:
    assert read(b"event: add\n\ndata: 1\n\n") == [("message", "1")]


def test_one_bom_is_dropped_and_only_at_the_start() -> None:
    assert read(b"\xef\xbb\xbfdata: 1\n\n\xef\xbb\xbfdata: 2\n\n") == [("message", "1")]


def test_what_no_blank_line_ended_is_no_event() -> None:
    assert read(b"data: 1\n\ndata: 2\n") == [("message", "1")]


@given(STREAMS)
def test_line_ends_are_alike(body: bytes) -> None:
    lines = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert read(body) == read(lines) == read(lines.replace(b"\n", b"\r\n")) == read(lines.replace(b"\n", b"\r"))


@given(STREAMS, st.lists(st.integers(0, 60), max_size=8))
def test_any_split_reads_as_the_whole(body: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    reader = Reader()
    found: list[Event] = []
    for start, end in pairwise(edges):
        found += reader.feed(body[start:end])
    assert found == list(events(body))


@given(STREAMS, st.integers(0, 60))
def test_a_beginning_gives_the_first_events(body: bytes, end: int) -> None:
    first = list(events(body[:end]))
    assert list(events(body))[: len(first)] == first
