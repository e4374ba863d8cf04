"""Rows to tensors: cut into a training window, labels with a mask, batches of about one length."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.recipes.guard.data import Row
from models.recipes.guard.heads import HEADS
from proxy.classifiers.tokens import Shape, Tokens, padded

SHAPE: Final = Shape(window=160, overlap=24, prompt=48, windows_max=6)
TRAINING: Final = Shape(window=112, overlap=16, prompt=36, windows_max=6)
BATCH_TOKENS: Final = 2_560
BATCH_ROWS_MAX: Final = 96
_CHUNK_ROWS: Final = 4_096
_PROMPT_DROPPED: Final = 0.25  # answers must be readable without their prompt too

Ids = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token numbers of all rows, and their labels: float32 [rows, heads], NaN where unknown."""

    text: list[Ids]
    prompt: list[Ids]
    labels: NDArray[np.float32]
    rows: Sequence[Row]


def encode(rows: Sequence[Row], tokens: Tokens) -> Encoded:
    """Tokenise once, for all passes."""
    labels = np.full((len(rows), len(HEADS)), np.nan, dtype=np.float32)
    for at, row in enumerate(rows):
        for column, head in enumerate(HEADS):
            if head.name in row.labels:
                labels[at, column] = row.labels[head.name]
    prompts = tokens.ids([row.prompt for row in rows])
    return Encoded(tokens.ids([row.text for row in rows]), prompts, labels, rows)


def batches(
    data: Encoded, tokens: Tokens, order: Sequence[int], seed: int
) -> Iterator[tuple[NDArray[np.int64], dict[str, NDArray[np.int64]]]]:
    """(row numbers, encoder inputs) in the given order, shuffled batch by batch; each row once, one window of it."""
    toss = random.Random(seed)
    for begin in range(0, len(order), _CHUNK_ROWS):
        chunk = order[begin : begin + _CHUNK_ROWS]
        cut = [(row, _window(data, tokens, row, toss)) for row in chunk]
        cut.sort(key=lambda one: len(one[1][0]))
        groups = list(_groups(cut))
        toss.shuffle(groups)
        for group in groups:
            yield np.array([row for row, _ in group]), padded([window for _, window in group], tokens.pad)


def _window(data: Encoded, tokens: Tokens, row: int, toss: random.Random) -> tuple[Ids, int]:
    prompt = data.prompt[row]
    with_prompt = len(prompt) > 0 and toss.random() >= _PROMPT_DROPPED
    windows = tokens.windows(data.text[row], prompt if with_prompt else None, TRAINING)
    draw = toss.random()
    if draw < 0.65 or len(windows) == 1:
        return windows[0]
    return windows[-1] if draw < 0.85 else toss.choice(windows)


def _groups(cut: list[tuple[int, tuple[Ids, int]]]) -> Iterator[list[tuple[int, tuple[Ids, int]]]]:
    group: list[tuple[int, tuple[Ids, int]]] = []
    for one in cut:
        longest = len(one[1][0])
        if group and (len(group) >= BATCH_ROWS_MAX or longest * (len(group) + 1) > BATCH_TOKENS):
            yield group
            group = []
        group.append(one)
    if group:
        yield group
