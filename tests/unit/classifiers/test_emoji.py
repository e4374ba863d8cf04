"""Emoji become the words of their names; everything else stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.classifiers.emoji import spelt_out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("you \U0001f621", "you pouting face"),
        ("\U0001f44d\U0001f3fd ok", "thumbs up sign ok"),  # a skin tone says nothing here
        ("\U0001f1ec\U0001f1e7", "g b"),  # a flag is two letters
        ("\U0001f468\u200d\U0001f469", "man woman"),
        ("❤️", "heavy black heart"),
        ("naïve “quoted” 漢字", "naïve “quoted” 漢字"),
    ],
)
def test_names(text: str, words: str) -> None:
    assert spelt_out(text).split() == words.split()


@given(st.text())
def test_words_can_be_spelt_out_one_by_one(text: str) -> None:
    assert " ".join(spelt_out(text).split(" ")).split() == " ".join(map(spelt_out, text.split(" "))).split()


@given(st.text(alphabet=st.characters(max_codepoint=0x7F)))
def test_ascii_stays(text: str) -> None:
    assert spelt_out(text) == text
