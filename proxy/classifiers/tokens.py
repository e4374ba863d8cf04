"""From texts to what the encoder reads: token numbers, cut into windows that overlap. Shared by training and serving.

    without a prompt:  [CLS] text [SEP]                 all of segment 0
    with a prompt:     [CLS] prompt [SEP] text [SEP]    text is segment 1

The encoder pools over the text's segment only: the prompt is context. A long prompt keeps its first and its last half;
a long text becomes windows, each with the same prompt before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from proxy.classifiers.emoji import spelt_out

Ids = NDArray[np.int32]

CHARS_MAX: Final = 65_536  # of a longer text the first and the last half: no tokenizer runs over megabytes


@dataclass(frozen=True, slots=True)
class Shape:
    """How texts are cut. All in tokens; `window` counts special tokens and prompt too."""

    window: int = 256
    overlap: int = 32
    prompt: int = 64
    windows_max: int = 6


class Tokens:
    """A tokenizer file, and the numbers of its special tokens.

    `emoji_names`: emoji are read as their names. A model that was trained otherwise would see another text.
    """

    def __init__(self, path: Path, *, emoji_names: bool = False) -> None:
        self._prepared = _named if emoji_names else _bounded
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True  # "[SEP]" typed by somebody is text
        self.cls = self._number("[CLS]")
        self.sep = self._number("[SEP]")
        self.pad = self._number("[PAD]")

    def ids(self, texts: Sequence[str]) -> list[Ids]:
        """Token numbers of each text, int32 [n], without special tokens."""
        encoded = self._tokenizer.encode_batch_fast([*map(self._prepared, texts)], add_special_tokens=False)
        return [np.asarray(one.ids, dtype=np.int32) for one in encoded]

    def _number(self, token: str) -> int:
        number = self._tokenizer.token_to_id(token)
        if number is None:
            raise ValueError(f"the tokenizer has no {token} token")
        return int(number)

    def windows(self, text: Ids, prompt: Ids | None, shape: Shape) -> list[tuple[Ids, int]]:
        """The windows of a text, first to last, at most `shape.windows_max` (then the first and the last half of them).

        Each is (token numbers with special tokens, index at which segment 1 begins; 0 where there is no prompt).
        """
        head = [self.cls] if prompt is None else [self.cls, *_ends(prompt, shape.prompt), self.sep]
        begin = 0 if prompt is None else len(head)
        room = shape.window - len(head) - 1
        return [
            (np.asarray([*head, *piece, self.sep], dtype=np.int32), begin)
            for piece in _fewer(list(_pieces(text, room, shape.overlap)), shape.windows_max)
        ]


def padded(windows: Sequence[tuple[Ids, int]], pad: int) -> dict[str, NDArray[np.int64]]:
    """The encoder's inputs for windows of about one length: int64 [batch, longest] each, by input name."""
    longest = max(len(ids) for ids, _ in windows)
    numbers = np.full((len(windows), longest), pad, dtype=np.int64)
    mask = np.zeros_like(numbers)
    segment = np.zeros_like(numbers)
    for row, (ids, begin) in enumerate(windows):
        numbers[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
        if begin:
            segment[row, begin : len(ids)] = 1
    return {"input_ids": numbers, "attention_mask": mask, "token_type_ids": segment}


def _named(text: str) -> str:
    return spelt_out(_bounded(text))


def _bounded(text: str) -> str:
    return text if len(text) <= CHARS_MAX else text[: CHARS_MAX // 2] + " " + text[-CHARS_MAX // 2 :]


def _ends(ids: Ids, most: int) -> Ids:
    return ids if len(ids) <= most else np.concatenate([ids[: most // 2], ids[len(ids) - (most - most // 2) :]])


def _pieces(ids: Ids, room: int, overlap: int) -> Iterator[Ids]:
    step = max(room - overlap, 1)
    for begin in range(0, max(len(ids) - overlap, 1), step):
        yield ids[begin : begin + room]


def _fewer(pieces: list[Ids], most: int) -> list[Ids]:
    return pieces if len(pieces) <= most else [*pieces[: (most + 1) // 2], *pieces[len(pieces) - most // 2 :]]
