"""Raw logits of both stages over rows, from the very files that ship, with the runtime's own code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.recipes.guard.batches import SHAPE
from models.recipes.guard.data import Row
from proxy.classifiers.ngrams import buckets
from proxy.classifiers.tokens import Tokens, padded

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Raw:
    """z1: for each row float32 [windows, columns]; z0: float32 [rows, columns0]; embeddings: float32 [rows, dim]."""

    z1: list[Floats]
    z0: Floats
    embeddings: Floats


def raw(onnx: Path, tokens: Tokens, table: Floats, bias: Floats, rows: Sequence[Row], threads: int = 2) -> Raw:
    """Score rows; a row with a prompt is read with it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])
    texts, prompts = tokens.ids([row.text for row in rows]), tokens.ids([row.prompt for row in rows])
    windows: list[tuple[int, Any]] = []
    for number, (text, prompt) in enumerate(zip(texts, prompts, strict=True)):
        windows.extend((number, one) for one in tokens.windows(text, prompt if len(prompt) else None, SHAPE))
    logits: list[Any] = [None] * len(windows)
    means: list[Any] = [None] * len(windows)
    for at, (_, window) in enumerate(windows):  # one a pass, as the runtime does: int8 scales belong to a whole pass
        found = session.run(["embedding", "logits"], padded([window], tokens.pad))
        means[at], logits[at] = found[0][0], found[1][0]
    z1: list[list[Any]] = [[] for _ in rows]
    first: list[Any] = [None] * len(rows)
    for at, (number, _) in enumerate(windows):
        z1[number].append(logits[at])
        if first[number] is None:
            first[number] = means[at]
    z0 = np.stack([_stage0(table, bias, ids) for ids in texts]) if len(rows) else np.zeros((0, len(bias)), np.float32)
    return Raw([np.stack(one) for one in z1], z0, np.stack(first))


def _stage0(table: Floats, bias: Floats, ids: NDArray[np.int32]) -> Floats:
    found = buckets(ids)
    total = table[found].astype(np.float32).sum(0) / np.sqrt(max(len(found), 1)) + bias
    return np.asarray(total, dtype=np.float32)


def part(of: Raw, numbers: Sequence[int]) -> Raw:
    """Some rows of a measurement."""
    chosen = list(numbers)
    return Raw([of.z1[number] for number in chosen], of.z0[chosen], of.embeddings[chosen])
