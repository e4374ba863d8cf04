"""The name tagger: whom it finds, whom it leaves, and a file that cannot be used. All names are invented or common."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.sensitive import names_model as m
from proxy.sensitive.names import spans
from proxy.sensitive.names_features import COLUMNS, candidates, rows, word_hash
from proxy.sensitive.scan import scan
from proxy.sensitive.wording import held_out


def found(text: str, kind: str = "PERSON") -> list[str]:
    return [text[span.start : span.end] for span in scan(text) if span.type == kind]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My name is Katarzyna Nowicka and I have a question.", "Katarzyna Nowicka"),
        ("Dear Mr. Okonkwo,\n\nThank you for your letter.", "Okonkwo"),
        ("Best wishes,\nLuisa Fernanda Ortega", "Luisa Fernanda Ortega"),
        ("Patient: JOHN HARRISON, age 51", "JOHN HARRISON"),
        ("I spoke to Dr. Elif Aydin about it.", "Elif Aydin"),
        ("Name: Giovanni van der Berg\nCity: Utrecht", "Giovanni van der Berg"),
        ("Please send it to J. R. Whitfield today.", "J. R. Whitfield"),
        ("hello, my name is maria gonzalez and i lost my card", "maria gonzalez"),
        ('{"customer": {"first_name": "Priya", "age": 31}}', "Priya"),
    ],
)
def test_finds_a_person_whole(text: str, name: str) -> None:
    assert name in found(text), scan(text)


@pytest.mark.parametrize(
    "text",
    [
        "The European Union and the United Nations signed the treaty on Monday.",
        "Click Settings, then Privacy, and choose Advanced Options.",
        "Photosynthesis turns light into sugar. Plants need water, too.",
        "Merry Christmas and a Happy New Year!",
        "How do I sort a list in Python or Java?",
        "Dear Customer,\n\nYour order has been shipped.",
        "Step 1: Preheat the oven. Step 2: Mix Flour and Butter.",
        "",
        "12345",
    ],
)
def test_leaves_what_is_nobody(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "place"), [("She moved to Rotterdam last year.", "Rotterdam"), ("We flew to Kenya in May.", "Kenya")]
)
def test_finds_a_place(text: str, place: str) -> None:
    assert found(text, "GPE") == [place]


def test_a_sentence_ends_a_name() -> None:
    assert [one.joined for one in candidates("I met Tom. Ann was there, J. Smith too.")] == [False, False, False, True]


def test_a_possessive_is_no_part_of_a_name() -> None:
    assert [one.word for one in candidates("We took Tom's car and James' bike")] == ["Tom", "James"]


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=120))
@settings(deadline=None)
def test_candidates_stand_where_they_say(text: str) -> None:
    some = candidates(text)
    for one in some:
        assert text[one.start : one.end] == one.word
    for one, two in pairwise(some):
        assert one.end <= two.start
    assert all(len(row) == len(COLUMNS) for row in rows(text, some))


@given(st.lists(st.integers(0, 2**32 - 1), min_size=len(COLUMNS), max_size=len(COLUMNS)), st.integers(1, 6))
def test_features_are_indices_and_alike_for_like_rows(row: list[int], count: int) -> None:
    table = np.array([row] * count, np.uint32)
    made = m.features(table, np.zeros(count, np.uint32), np.zeros(count, bool))
    assert made.max() < 1 << m.BITS
    assert (made == made[0]).all()


def test_the_lexicon_knows_its_words_whatever_their_case() -> None:
    model = m.bundled()
    known = model.flags_of(np.array([word_hash("MARIA"), word_hash("berlin"), word_hash("qzxv")], np.uint32))
    assert known[0] & m.GIVEN
    assert known[1] & m.PLACE
    assert known[2] == 0


def test_chances_sum_to_one() -> None:
    text = "Maria Berlin met Tom at Acme."
    some = candidates(text)
    chances = m.bundled().probabilities(np.array(rows(text, some), np.uint32), np.array([one.joined for one in some]))
    assert chances.shape == (len(some), len(m.CLASSES))
    assert np.allclose(chances.sum(axis=1), 1.0, atol=1e-5)


def test_a_missing_file_says_where(tmp_path: Path) -> None:
    with pytest.raises(m.NamesFileError, match=r"none\.npz"):
        m.load(tmp_path / "none.npz")


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "names.npz"
    path.write_bytes(m.FILE.read_bytes()[:1000])
    with pytest.raises(m.NamesFileError, match=r"names\.npz"):
        m.load(path)


@pytest.mark.parametrize("name", ["hashes", "flags", "weights", "scale"])
def test_an_array_of_another_shape_is_named(tmp_path: Path, name: str) -> None:
    with np.load(m.FILE) as held:
        arrays = dict(held)
    arrays[name] = arrays[name].astype(np.float64)[:-1]
    np.savez(tmp_path / "names.npz", **arrays)
    with pytest.raises(m.NamesFileError, match=name if name != "hashes" else "hashes|flags"):
        m.load(tmp_path / "names.npz")


def test_names_of_a_text_in_whole_runs() -> None:
    text = "Ask Maria Lopez or Tom."
    assert [text[span.start : span.end] for span in spans(text, m.bundled()) if span.type == "PERSON"] == [
        "Maria Lopez",
        "Tom",
    ]


def test_one_wording_is_on_one_side_whatever_fills_it() -> None:
    assert held_out("My name is Ada and I lost my card") == held_out("my name is Bo Li and i lost my card")
    assert len({held_out(f"{word} is this about") for word in ("how", "why", "when", "who", "what", "where")}) == 2
