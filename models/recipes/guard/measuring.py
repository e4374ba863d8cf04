"""Raw logits of both stages over rows, from the very files that ship, with the runtime's own code."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.recipes.guard.batches import SHAPE
from models.recipes.guard.data import Row
from proxy.classifiers.encoder import Encoder, session
from proxy.classifiers.stage0 import Stage0
from proxy.classifiers.tokens import Tokens

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Raw:
    """z1: for each row float32 [windows, columns]; z0: float32 [rows, columns0]; embeddings: float32 [rows, dim]."""

    z1: list[Floats]
    z0: Floats
    embeddings: Floats


def raw(onnx: Path, tokens: Tokens, stage0: Stage0, rows: Sequence[Row], passes: int = 2) -> Raw:
    """Score rows, `passes` side by side, each of one window as in service; a row with a prompt is read with it."""
    texts, prompts = tokens.ids([row.text for row in rows]), tokens.ids([row.prompt for row in rows])
    windows = [
        tokens.windows(text, prompt if len(prompt) else None, SHAPE)
        for text, prompt in zip(texts, prompts, strict=True)
    ]
    with ThreadPoolExecutor(passes) as pool:
        encoder = Encoder(session(onnx.read_bytes(), threads=1), tokens.pad, passes=pool)
        embeddings, logits = encoder.run([one for some in windows for one in some])
    firsts = np.cumsum([0, *(len(some) for some in windows)])
    z1 = [logits[begin:end] for begin, end in pairwise(firsts)]
    return Raw(z1, np.stack([stage0.logits(ids) for ids in texts]), embeddings[firsts[:-1]])


def part(of: Raw, numbers: Sequence[int]) -> Raw:
    """Some rows of a measurement."""
    chosen = list(numbers)
    return Raw([of.z1[number] for number in chosen], of.z0[chosen], of.embeddings[chosen])
