"""Tokens by word are the tokenizer's own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.classifiers import word_cache
from proxy.classifiers.loading import find_model
from proxy.classifiers.manifest import read
from proxy.classifiers.tokens import CHARS_MAX, Tokens
from proxy.classifiers.word_cache import WordCache, suits

TRICKY = "abcABC ,.'[]CLSEP\u00e9\u0301\u03a3\u03c2\u200b\x00\x0b\x1c\x85\xa0\u2003\u5b57 \t\r\n#"


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return read(find_model()).tokens()


@pytest.fixture(scope="module")
def cache(tokens: Tokens) -> WordCache:
    return WordCache(tokens)


@settings(deadline=None, max_examples=300)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.text(TRICKY, max_size=40))
def test_every_text_has_the_tokenizers_tokens(tokens: Tokens, cache: WordCache, text: str) -> None:
    assert cache.ids([text])[0].tolist() == tokens.ids([text])[0].tolist()


def test_texts_of_any_length_side_by_side(tokens: Tokens, cache: WordCache) -> None:
    texts = ["", "a " * CHARS_MAX, "Pneumonoultramicroscopicsilicovolcanoconiosis, twice", "x" * 5_000, "So it goes."]
    assert [ids.tolist() for ids in cache.ids(texts)] == [ids.tolist() for ids in tokens.ids(texts)]
    assert cache.ids([]) == []


def test_the_cache_is_bounded(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_cache, "WORDS_MAX", 10)
    cache = WordCache(tokens)
    texts = [f"word{number} and more" for number in range(40)]
    assert [cache.ids([text])[0].tolist() for text in texts] == [ids.tolist() for ids in tokens.ids(texts)]
    assert len(cache._known) <= 13


def test_only_tokenizers_that_cut_word_by_word_are_sped_up() -> None:
    assert suits((find_model() / "tokenizer.json").read_bytes())
    assert not suits(b'{"normalizer": null, "pre_tokenizer": {"type": "ByteLevel"}}')
    assert not suits(b'{"normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "Metaspace"}}')
