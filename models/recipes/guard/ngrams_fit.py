"""Stage 0: one linear layer over hashed n-grams for the same labels, by sparse Adam."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.recipes.guard.batches import Encoded
from models.recipes.guard.heads import COLUMNS, HEADS, offsets
from models.recipes.guard.training import hard_loss
from proxy.classifiers.ngrams import BUCKETS_LOG2, buckets

PASSES: Final = 6
BATCH_ROWS: Final = 256
RATE: Final = 0.02
LEFT_OUT: Final = frozenset({"topic"})  # not worth its place in the table
_DECAY: Final = 1e-5


class Linear0(nn.Module):  # type: ignore[misc]
    """sum of a text's rows / sqrt(their number) + bias."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(2**BUCKETS_LOG2, COLUMNS, mode="sum", sparse=True)
        nn.init.zeros_(self.table.weight)
        self.bias = nn.Parameter(torch.zeros(COLUMNS))

    def forward(self, found: list[NDArray[np.int64]]) -> torch.Tensor:
        """float32 [texts, columns]."""
        sizes = np.array([len(one) for one in found])
        flat = torch.from_numpy(np.concatenate(found))
        starts = torch.from_numpy(np.concatenate([[0], np.cumsum(sizes)[:-1]]))
        weights = torch.from_numpy(np.repeat(1.0 / np.sqrt(np.maximum(sizes, 1)), sizes).astype(np.float32))
        return torch.as_tensor(self.table(flat, starts, per_sample_weights=weights) + self.bias)


def fit(data: Encoded, order: Sequence[int], seed: int = 11) -> Linear0:
    """Train stage 0 on the rows of `order`."""
    torch.manual_seed(seed)
    toss = random.Random(seed)
    found = {row: buckets(data.text[row]) for row in order}
    net, numbers = Linear0(), list(order)
    table = torch.optim.SparseAdam([net.table.weight], lr=RATE)
    bias = torch.optim.Adam([net.bias], lr=RATE)
    for one_pass in range(PASSES):
        toss.shuffle(numbers)
        for group in table.param_groups:
            group["lr"] = RATE * (1.0 - one_pass / PASSES)
        for begin in range(0, len(numbers), BATCH_ROWS):
            rows = numbers[begin : begin + BATCH_ROWS]
            loss = hard_loss(net([found[row] for row in rows]), torch.from_numpy(data.labels[rows]))
            loss.backward()
            table.step()
            bias.step()
            table.zero_grad()
            bias.zero_grad()
        with torch.no_grad():
            net.table.weight.mul_(1.0 - _DECAY * len(numbers) / BATCH_ROWS)
    return net


def columns() -> tuple[dict[str, int], list[int]]:
    """(head name -> first column of the shipped table, the columns of the trained one that are shipped)."""
    at: dict[str, int] = {}
    kept: list[int] = []
    for head in HEADS:
        if head.name not in LEFT_OUT:
            at[head.name] = len(kept)
            kept.extend(range(offsets()[head.name], offsets()[head.name] + head.columns))
    return at, kept


def shipped(net: Linear0) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """table float16 [buckets, columns], bias float32 [columns]."""
    _, kept = columns()
    table = net.table.weight.detach().numpy()[:, kept]
    return table.astype(np.float16), net.bias.detach().numpy()[kept].astype(np.float32)
