"""What holds of every scan: offsets, order, no overlap, no text that raises, cost that grows with length alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.sensitive.flat import flatten
from proxy.sensitive.redaction import redact
from proxy.sensitive.scan import scan, summary
from proxy.sensitive.span import FAMILIES, Span, resolve

PIECES = (
    "ana@post.example", "536-22-8726", "4012 8888 8888 1881", "+44 20 7946 0958", "DE89370400440532013000", "my card ",
    "10.0.0.1", "Maria", " Lindqvist", "password: ", "tel ", "\n", " ", "-", "@", "://", "\u2011", "\ufeff",
    "\ud800", "\0",
    "\U0001f600", "\u0663", "\u00fc", "-----BEGIN PRIVATE KEY-----", "ey", "0x", "born ", "2001:db8::1",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=()), max_size=200),
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
)
SPANS = st.builds(
    lambda kind, start, length, score: Span(kind, start, start + length, score),
    st.sampled_from(sorted(FAMILIES)),
    st.integers(0, 60),
    st.integers(1, 20),
    st.sampled_from((0.5, 0.7, 0.9)),
)


@given(TEXTS)
@settings(max_examples=150, deadline=None)
def test_spans_lie_in_the_text_in_order_and_apart(text: str) -> None:
    spans = scan(text)
    for span in spans:
        assert 0 <= span.start < span.end <= len(text)
        assert span.type in FAMILIES
        assert 0 < span.score <= 1
    for one, two in pairwise(spans):
        assert one.end <= two.start


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=200))
def test_flat_text_has_a_byte_for_each_character(text: str) -> None:
    assert len(flatten(text)) == len(text)


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_flat_ascii_is_itself(text: str) -> None:
    assert flatten(text) == text.encode()


@given(st.lists(SPANS, max_size=20))
def test_what_is_left_out_overlaps_something_at_least_as_sure(spans: list[Span]) -> None:
    kept = resolve(spans)
    for span in spans:
        if span not in kept:
            assert any(one.start < span.end and span.start < one.end and one.score >= span.score for one in kept)


@given(st.lists(SPANS, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_findings_does_not_matter(spans: list[Span], random: object) -> None:
    mixed = sorted(spans, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert resolve(mixed) == resolve(spans)


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_redacted_text_holds_what_is_not_found(before: str, after: str) -> None:
    text = f"{before}\n\nwrite to ana.ruiz@post.example\n\n{after}"
    assert "ana.ruiz@post.example" not in redact(text)


def test_redaction_names_what_it_took() -> None:
    assert redact("write to ana@post.example or 536-22-8726!") == "write to [EMAIL_ADDRESS] or [US_SSN]!"
    assert redact("nothing here") == "nothing here"
    assert redact("a bc d", [Span("PERSON", 2, 4, 0.5)]) == "a [PERSON] d"


def test_summary_counts_types() -> None:
    assert summary(scan("a@post.example, b@post.example, 10.0.0.1", names=False)) == {
        "EMAIL_ADDRESS": 2,
        "IP_ADDRESS": 1,
    }


def test_numbers_in_other_dress_keep_their_offsets() -> None:
    text = "\u00fcber SSN: \uff15\uff13\uff16\u2013\uff12\uff12\u2013\uff18\uff17\uff12\uff16 \U0001f600"
    (span,) = scan(text, names=False)
    assert (span.type, text[span.start : span.end]) == ("US_SSN", text[10:21])


def operations(work: Callable[[], object]) -> int:
    """Calls and lines of Python that some work takes; RE2 itself is linear by construction."""
    count = 0

    def trace(frame: object, event: str, argument: object) -> object:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "piece",
    ["1", "1-", "1 1", "a@", "a.", "DE89", "4012 ", "A", "Aa ", "://",
     "-----BEGIN PRIVATE KEY-----\n", "(1", "password=", "a:", "\ud800", "é1"],
)  # fmt: skip
def test_hostile_texts_cost_no_more_than_their_length(piece: str) -> None:
    scan("Ada")  # what is loaded once is not counted
    short, long = piece * 500, piece * 2000
    assert operations(lambda: scan(long)) < 6 * operations(lambda: scan(short)) + 2000
