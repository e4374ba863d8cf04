"""Token numbers by word: the words of a language repeat, so most texts are cut into tokens without the tokenizer.

Exact for tokenizers whose steps never look past white space, as BERT's do: a text's tokens are then those of its words,
one after the other. On prose it takes a seventh of the tokenizer's time, and stage 0 is mostly that time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import chain
from typing import Final

import numpy as np

from proxy.classifiers.tokens import CHARS_MAX, Ids, Tokens

WORDS_MAX: Final = 32_768  # some 6 MiB; then the cache begins anew
WORD_CHARS_MAX: Final = 24  # of what is kept; longer ones seldom come again

_WORD: Final = re.compile(r"[^ \t\n\r]+")  # other white space and control characters are the tokenizer's to judge


def suits(tokenizer: bytes) -> bool:
    """Whether a tokenizer.json cuts words independently of each other."""
    steps = json.loads(tokenizer)
    kinds = [(steps.get(key) or {}).get("type") for key in ("normalizer", "pre_tokenizer")]
    return kinds == ["BertNormalizer", "BertPreTokenizer"]


class WordCache:
    """`Tokens.ids`, with what was learnt kept. Not for two threads at a time."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._known: dict[str, list[int]] = {}

    def ids(self, texts: Sequence[str]) -> list[Ids]:
        """As `Tokens.ids`: int32 [n] of each text, without special tokens."""
        words = [_WORD.findall(text) if len(text) <= CHARS_MAX else [text] for text in texts]
        rare = self._learn({word for some in words for word in some} - self._known.keys())
        known = self._known
        found = [[known[word] if word in known else rare[word] for word in some] for some in words]
        if len(known) > WORDS_MAX:
            self._known = {}
        return [np.array(list(chain.from_iterable(some)), dtype=np.int32) for some in found]

    def _learn(self, words: set[str]) -> dict[str, list[int]]:
        """Keep the tokens of new words; those of words too long to keep are returned."""
        order = sorted(words)
        rare: dict[str, list[int]] = {}
        for word, ids in zip(order, self._tokens.ids(order) if order else [], strict=True):
            (self._known if len(word) <= WORD_CHARS_MAX else rare)[word] = ids.tolist()
        return rare
