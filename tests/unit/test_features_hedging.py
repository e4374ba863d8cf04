"""Hedging: own sentences of both kinds, and what no text may do to the score."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.features.alternation import alternatives, any_of
from proxy.features.hedging import READ_CHARS_MAX, THRESHOLD, hedge_score, is_hedged

SENTENCES = Path(__file__).parent / "texts" / "hedging.txt"


def labelled(part: str, kind: str) -> Iterator[tuple[bool, str]]:
    """(hedged, sentence) of one heading of the file."""
    heading = ""
    for line in SENTENCES.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line[:2] in ("+ ", "- ") and heading == f"{part} {kind}":
            yield line.startswith("+"), line[2:]


@pytest.mark.parametrize("part", ["held", "tuned", "late"])
@pytest.mark.parametrize(("kind", "at_least"), [("encyclopedia", 0.85), ("assistant", 0.92)])
def test_f1_of_own_sentences(part: str, kind: str, at_least: float) -> None:
    judged = [(truth, is_hedged(text)) for truth, text in labelled(part, kind)]
    assert len(judged) >= 20
    hits, wrong = judged.count((True, True)), sum(truth != found for truth, found in judged)
    assert 2 * hits / (2 * hits + wrong) >= at_least


@pytest.mark.parametrize(
    ("hedged", "sure"),
    [
        ("The bridge may have been built in the spring of that year.", "The bridge was opened in May of that year."),
        ("It might be broken.", "The might of the crown was broken."),
        ("I'm not certain about it.", "A square is not a certain kind of circle."),
        ("I think it's Tuesday.", "I think of you every Tuesday."),
        ("Many historians dispute the date on the stone.", "Many thanks for the date on the stone."),
        ("Some argue that the town was never taken at all.", "Some 300 people live in the town."),
        ("It is possible that it rains.", "It is possible to walk there."),
        ("(Perhaps) it is.", "(Here) it is."),
    ],
)
def test_what_looks_like_a_cue_is_none(hedged: str, sure: str) -> None:
    assert is_hedged(hedged)
    assert not is_hedged(sure)


def test_weak_cues_need_company() -> None:
    assert not is_hedged("Many cats sleep here.")
    assert is_hedged("Many cats could usually sleep here.")


def test_a_sentence_out_of_an_encyclopedia_is_read_more_strictly_than_the_same_within_an_answer() -> None:
    sentence = "Many of the old houses along the river were torn down when the new road was built."
    assert is_hedged(sentence)
    assert not is_hedged(f"{sentence} The road is wide. It has four lanes.")
    assert not is_hedged(f"You know that {sentence.lower()}")


def test_an_answer_is_hedged_where_doubt_runs_through_it() -> None:
    doubt, fact = "I'm not sure it was red.", "The door was red."
    scores = [hedge_score(" ".join([doubt] + [fact] * sure)) for sure in range(8)]
    assert scores == sorted(scores, reverse=True)
    assert scores[2] >= THRESHOLD > scores[5] > 0.0


def test_a_list_without_full_stops_is_not_one_sentence() -> None:
    rows = "\n".join(f"- item {number}: bring some bread and a coat" for number in range(60))
    assert not is_hedged(f"{rows}\n- perhaps an umbrella")


@given(st.text(max_size=400))
@example("." * 50)
@example("may " * 300)
@example('i ((("*_/ might')
def test_any_text_has_a_score(text: str) -> None:
    assert 0.0 <= hedge_score(text) <= 1.0
    assert is_hedged(text) == (hedge_score(text) >= THRESHOLD)


@given(st.lists(st.sampled_from(["perhaps", "it is said", "the cat", "many", "sat", "may be", "some experts say"])))
def test_one_more_strong_cue_never_lowers_the_score_of_a_sentence(words: list[str]) -> None:
    sentence = " ".join(words)
    assert hedge_score(f"{sentence} perhaps") >= hedge_score(sentence) - 1e-9


def test_what_lies_beyond_the_read_part_is_not_read() -> None:
    assert hedge_score("a" * READ_CHARS_MAX + " perhaps") == 0.0


def test_alternatives_are_taken_apart_at_the_beginning_only() -> None:
    assert list(alternatives("(?:is|was(?: he)?) it|no(?:t|r)")) == ["is it", "was(?: he)? it", "no(?:t|r)"]
    assert list(alternatives("(?:is|was|were) it")) == ["is it", "w(?:as|ere) it"]


LETTERS = st.text("abc", min_size=1, max_size=4)
GROUPS = st.builds(lambda heads, tail: f"(?:{'|'.join(heads)}){tail}", st.lists(LETTERS, min_size=1), LETTERS)


@given(
    st.lists(LETTERS | GROUPS, min_size=1, max_size=12),
    st.lists(st.text("abc", max_size=5), max_size=8),
)
def test_one_expression_finds_what_its_patterns_find_one_by_one(patterns: list[str], words: list[str]) -> None:
    text = "".join(f" {word}" for word in words)
    valued = [(pattern, number % 3) for number, pattern in enumerate(patterns)]  # some share a value, as weights do
    folded, values = any_of(valued)
    plain = re.compile(" (?:" + "|".join(f"({one})" for one in patterns) + ")")
    found = [(match.span(), values[(match.lastindex or 0) - 1]) for match in folded.finditer(text)]
    assert found == [(match.span(), ((match.lastindex or 0) - 1) % 3) for match in plain.finditer(text)]


def test_a_pattern_without_a_first_letter_is_refused() -> None:
    with pytest.raises(ValueError, match="without a first letter"):
        any_of([("a", 0.5), (r"(?:b|\d)c", 0.5)])
