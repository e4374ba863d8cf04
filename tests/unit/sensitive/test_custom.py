"""Patterns of a policy: what they find, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sensitive.custom import PATTERN_CHARS_MAX, PATTERNS_MAX, CustomPatternError, compile_custom
from proxy.sensitive.scan import scan
from proxy.sensitive.span import Span

BADGE = {"BADGE": r"\bB-(\d{5})\b"}


def test_a_pattern_finds_its_group() -> None:
    assert scan("Zoë has B-12345", names=False, custom=compile_custom(BADGE)) == (Span("BADGE", 10, 15, 0.94),)


def test_a_pattern_without_groups_finds_all_of_it() -> None:
    spans = scan("née \ud800 PRJ-7", names=False, custom=compile_custom({"PROJECT": r"PRJ-\d"}))
    assert [(span.start, span.end) for span in spans] == [(6, 11)]


@pytest.mark.parametrize(
    ("name", "source", "fault"),
    [
        ("OPEN", "(a", "missing )"),
        ("LOOK", "a(?=b)", "RE2 syntax"),
        ("BACK", r"(a)\1", "RE2 syntax"),
        ("EMPTY", "a*", "empty text"),
        ("LONG", "a" * (PATTERN_CHARS_MAX + 1), "characters long"),
        ("LARGE", "(?:[a-z]{1,30}[0-9]{1,30}){30}x" * 3, "counted repeats"),
        ("bad name", "a", "letters, digits and underscores"),
        ("SURROGATE", "\ud800", "RE2 syntax"),
    ],
)
def test_a_bad_pattern_is_named_with_its_fault(name: str, source: str, fault: str) -> None:
    with pytest.raises(CustomPatternError) as raised:
        compile_custom({"GOOD": "b", name: source})
    assert raised.value.name == name
    assert fault in raised.value.fault
    assert name in str(raised.value)


def test_too_many_patterns_are_refused() -> None:
    with pytest.raises(CustomPatternError, match="at most"):
        compile_custom({f"P{n}": "a" for n in range(PATTERNS_MAX + 1)})


@given(st.text(max_size=40))
def test_any_source_compiles_or_is_refused(source: str) -> None:
    try:
        patterns = compile_custom({"ANY": source})
    except CustomPatternError:
        return
    for span in scan("some text 123 \u00e9", names=False, custom=patterns):
        assert 0 <= span.start < span.end
