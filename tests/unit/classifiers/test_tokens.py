"""Windows over token numbers, and the encoder's padded inputs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from proxy.classifiers.emoji import spelt_out
from proxy.classifiers.manifest import read
from proxy.classifiers.tokens import CHARS_MAX, Ids, Shape, Tokens, padded
from tests.support import ROOT
from tests.unit.classifiers.folders import WORDS, tokenizer

lengths = st.integers(0, 400)
shapes = st.builds(Shape, window=st.integers(32, 96), overlap=st.integers(0, 8), prompt=st.integers(0, 16))


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    path = tmp_path_factory.mktemp("tokens") / "tokenizer.json"
    tokenizer().save(str(path))
    return Tokens(path)


def numbers(count: int, begin: int = 100) -> Ids:
    return np.arange(begin, begin + count, dtype=np.int32)


@settings(deadline=None, max_examples=60)
@given(text=lengths, prompt=st.none() | lengths, shape=shapes)
def test_every_window_fits_and_is_framed(tokens: Tokens, text: int, prompt: int | None, shape: Shape) -> None:
    asked = None if prompt is None else numbers(prompt, begin=9_000)
    found = tokens.windows(numbers(text), asked, shape)
    assert 1 <= len(found) <= shape.windows_max
    for ids, begin in found:
        assert len(ids) <= shape.window
        assert ids[0] == tokens.cls and ids[-1] == tokens.sep
        assert (begin == 0) == (prompt is None)
        if begin:
            assert ids[begin - 1] == tokens.sep
            assert (ids[1 : begin - 1] >= 9_000).all()
            assert begin - 2 == min(prompt or 0, shape.prompt)


@settings(deadline=None, max_examples=60)
@given(text=st.integers(1, 400), prompt=st.none() | lengths, shape=shapes)
def test_windows_hold_the_whole_text_in_order_where_there_are_enough(
    tokens: Tokens, text: int, prompt: int | None, shape: Shape
) -> None:
    whole = Shape(shape.window, shape.overlap, shape.prompt, windows_max=1_000)
    asked = None if prompt is None else numbers(prompt, begin=9_000)
    found = tokens.windows(numbers(text), asked, whole)
    pieces = [ids[max(begin, 1) : -1] for ids, begin in found]
    assert np.array_equal(np.unique(np.concatenate(pieces)), numbers(text))
    for before, after in pairwise(pieces):
        assert before[-1] - after[0] + 1 == whole.overlap  # consecutive windows share exactly the overlap
    few = tokens.windows(numbers(text), asked, shape)
    assert np.array_equal(few[0][0], found[0][0]) and np.array_equal(few[-1][0], found[-1][0])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(2, 40), st.booleans()), min_size=1, max_size=6))
def test_padding_is_masked_and_a_prompt_is_segment_0(rows: list[tuple[int, bool]]) -> None:
    windows = [(numbers(length), length // 2 if has_prompt else 0) for length, has_prompt in rows]
    fed = padded(windows, pad=0)
    longest = max(length for length, _ in rows)
    assert {values.shape for values in fed.values()} == {(len(rows), longest)}
    assert {values.dtype for values in fed.values()} == {np.dtype(np.int64)}
    for row, (ids, begin) in enumerate(windows):
        assert fed["input_ids"][row, : len(ids)].tolist() == ids.tolist()
        assert fed["attention_mask"][row].tolist() == [1] * len(ids) + [0] * (longest - len(ids))
        assert fed["token_type_ids"][row].sum() == (len(ids) - begin if begin else 0)
        assert fed["input_ids"][row, len(ids) :].sum() == 0


def test_a_text_of_megabytes_keeps_its_first_and_its_last_words(tokens: Tokens) -> None:
    (ids,) = tokens.ids(["bake " + "the " * CHARS_MAX + "bread"])
    assert len(ids) <= CHARS_MAX // 4 + 1
    assert (WORDS[ids[0]], WORDS[ids[-1]]) == ("bake", "bread")


def test_a_tokenizer_without_special_tokens_is_refused(tmp_path: Path) -> None:
    tokenizer(["the", "[UNK]"]).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match=r"no \[CLS\] token"):
        Tokens(tmp_path / "tokenizer.json")


def test_emoji_are_read_as_names_only_where_the_model_was_trained_so(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer().save(str(path))
    whole = Tokenizer.from_file(str(path))
    for text in ("\U0001f44d", "the \U0001f621 weather"):
        (plain,) = Tokens(path).ids([text])
        assert plain.tolist() == whole.encode(text, add_special_tokens=False).ids
        (named,) = Tokens(path, emoji_names=True).ids([text])
        assert named.tolist() == whole.encode(spelt_out(text), add_special_tokens=False).ids
        assert plain.tolist() != named.tolist()


@pytest.mark.parametrize("name", ["guard-small", "guard-large"])
def test_those_that_ship_were_trained_on_names(name: str) -> None:
    manifest = read(ROOT / "models" / name)
    assert manifest.emoji_names
    (emoji,), (words,) = manifest.tokens().ids(["\U0001f44d"]), manifest.tokens().ids(["thumbs up sign"])
    assert emoji.tolist() == words.tolist()
