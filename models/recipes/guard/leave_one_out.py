"""`python -m models.recipes.guard.leave_one_out --data FOLDER`: a source scored by models that never saw it.

Each source in turn is kept out whole, the rest is learnt, and the source is scored: the nearest thing to texts from
elsewhere that a collection can give. Stage 0 takes a minute a source; `--encoder` learns a three-layer network too,
tens of minutes a source.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from models.recipes.guard import encoder_weights, net, ngrams_fit, training
from models.recipes.guard.batches import TRAINING, Encoded, encode
from models.recipes.guard.data import Row, capped, rows
from models.recipes.guard.heads import HEADS, offsets
from proxy.classifiers.evaluation import metrics
from proxy.classifiers.ngrams import buckets
from proxy.classifiers.tokens import Tokens

SCORED_MAX: Final = 1_000
ROWS_MIN: Final = 20
LAYERS: Final = (0, 2, 5)


def main() -> int:
    """0 when every source was left out once."""
    parser = argparse.ArgumentParser(prog="python -m models.recipes.guard.leave_one_out", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path(".cache/train"))
    parser.add_argument("--source", action="append", default=[], help="only sources whose name holds this")
    parser.add_argument("--encoder", action="store_true", help="learn a three-layer network too")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    published = encoder_weights.unpack(arguments.work)
    tokens = Tokens(published / "tokenizer.json", emoji_names=True)
    everything = [row for row in rows(arguments.data) if not row.source.startswith("own/")]
    print("| left out | head | pos / neg | AUROC stage 0 | AUROC encoder |\n|---|---|---|---|---|")
    for source in sorted({row.source for row in everything}):
        if arguments.source and not any(part in source for part in arguments.source):
            continue
        for line in _left_out(source, everything, tokens, published if arguments.encoder else None, arguments.work):
            print(line, flush=True)
    return 0


def _left_out(source: str, everything: list[Row], tokens: Tokens, published: Path | None, work: Path) -> Iterator[str]:
    rest = encode(capped([row for row in everything if row.source != source], 0), tokens)
    step = max(sum(row.source == source for row in everything) // SCORED_MAX, 1)
    its = encode([row for row in everything if row.source == source][::step], tokens)
    order = list(range(len(rest.rows)))
    stage0 = ngrams_fit.fit(rest, order)
    with torch.inference_mode():
        scored: list[NDArray[Any]] = [stage0([buckets(ids) for ids in its.text]).numpy()]
    if published is not None:
        scored.append(_encoder(source, rest, its, tokens, published, work))
    yield from _lines(source, its, scored)


def _encoder(source: str, rest: Encoded, its: Encoded, tokens: Tokens, published: Path, work: Path) -> NDArray[Any]:
    network = net.thinned(net.pretrained(published), published, LAYERS)
    name = "without-" + "".join(c if c.isalnum() else "-" for c in source)
    order = list(range(len(rest.rows)))
    torch.manual_seed(1)
    shuffled = [order[int(i)] for i in torch.randperm(len(order))]
    training.train(network, rest, tokens, lambda _: shuffled, training.Schedule(name, passes=1.0), work)
    windows = [
        tokens.windows(text, prompt if len(prompt) else None, TRAINING)[0]
        for text, prompt in zip(its.text, its.prompt, strict=True)
    ]
    return training.logits_of(network, windows, tokens)[1]


def _lines(source: str, its: Encoded, scored: Sequence[NDArray[Any]]) -> Iterator[str]:
    for number, head in enumerate(HEADS):
        if head.labels and head.name != "refusal_kind":
            continue
        known = ~np.isnan(its.labels[:, number])
        truth = its.labels[known, number] >= 0.5
        if min(truth.sum(), (~truth).sum()) < ROWS_MIN:
            continue
        column = offsets()[head.name] + (head.columns - 1)
        first = offsets()[head.name]
        values = [one[known, column] - (one[known, first] if head.labels else 0.0) for one in scored]
        cells = [f"{metrics.auroc(truth, value.astype(np.float64)):.3f}" for value in values]
        yield f"| {source} | {head.name} | {truth.sum()} / {(~truth).sum()} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
