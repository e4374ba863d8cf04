"""Fits the weights: multinomial logistic regression over hashed features by AdaGrad, then rounding to eight bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.recipes.names.samples import Sample
from proxy.sensitive import names_model as m
from proxy.sensitive.names import looked_at
from proxy.sensitive.names_features import Candidate, rows, word_hash

EPOCHS: Final = 5
BATCH: Final = 512
RATE: Final = 0.12
SHRINK: Final = 2e-6  # of all weights, at each step
FORGET_WORD: Final = 0.35  # of the words in training, what they are is hidden: their neighbours must do
FORGET_FLAGS: Final = 0.12  # and for some, that the lexicon knows them
_IDENTITY: Final = [at for at, names in enumerate(m.FEATURES) if {"word", "ending", "first", "last"} & set(names)]


@dataclass(frozen=True, slots=True)
class Examples:
    """One for each word that the tagger looks at: features [n, features], class [n], weight [n]."""

    features: NDArray[np.uint32]
    classes: NDArray[np.int64]
    weights: NDArray[np.float32]


def lexicon_of(flags: Mapping[str, int]) -> m.NamesModel:
    """A tagger that knows words but has learnt nothing."""
    known = sorted((word_hash(word), bits) for word, bits in flags.items())
    hashes, first = np.unique(np.array([one for one, _ in known], np.uint32), return_index=True)
    return m.NamesModel(
        hashes,
        np.array([bits for _, bits in known], np.uint8)[first],
        np.zeros((1 << m.BITS, len(m.CLASSES)), np.int8),
        np.ones(len(m.CLASSES), np.float32),
    )


def examples(samples: Sequence[Sample], model: m.NamesModel, rng: np.random.Generator) -> Examples:
    """Every word of the samples that the tagger would look at."""
    made: list[tuple[NDArray[np.uint32], list[int], float]] = []
    for sample in samples:
        found = looked_at(sample.text, model)
        if found:
            made.append((_features(sample, found, model, rng), [_class(sample, one) for one in found], sample.weight))
    classes = np.array([one for _, some, _ in made for one in some])
    weights = np.repeat([weight for *_, weight in made], [len(some) for _, some, _ in made])
    kept = classes >= 0
    stacked = np.concatenate([one for one, _, _ in made])
    return Examples(stacked[kept], classes[kept], weights[kept].astype(np.float32))


def _features(
    sample: Sample, found: Sequence[Candidate], model: m.NamesModel, rng: np.random.Generator
) -> NDArray[np.uint32]:
    table = np.array(rows(sample.text, found), np.uint32)
    flags = model.flags_of(table[:, 0])
    if rng.random() < FORGET_FLAGS:
        named = np.array([_class(sample, one) in (1, 2) for one in found])
        flags = np.where(named, 0, flags)
    return m.features(table, flags, np.array([one.joined for one in found], bool))


def _class(sample: Sample, candidate: Candidate) -> int:
    """Index into CLASSES; -1 where the sample says nothing of this word."""
    if any(start < candidate.end and candidate.start < end for start, end in sample.ignored):
        return -1
    for start, end, kind in sample.spans:
        if start <= candidate.start and candidate.end <= end:
            return m.CLASSES.index(kind)
    return 0


def fitted(data: Examples, rng: np.random.Generator) -> NDArray[np.float32]:
    """Weights [2**BITS, classes]."""
    weights = np.zeros((1 << m.BITS, len(m.CLASSES)), np.float32)
    seen = np.full_like(weights, 1e-3)
    for epoch in range(EPOCHS):
        losses = [_step(data, part, weights, seen, rng) for part in _parts(len(data.classes), rng)]
        print(f"  epoch {epoch + 1}: loss {float(np.mean(losses)):.4f}", flush=True)
    return weights


def _parts(count: int, rng: np.random.Generator) -> list[NDArray[Any]]:
    return np.array_split(rng.permutation(count), max(1, count // BATCH))


def _step(
    data: Examples,
    part: NDArray[Any],
    weights: NDArray[np.float32],
    seen: NDArray[np.float32],
    rng: np.random.Generator,
) -> float:
    held = np.ones((len(part), len(m.FEATURES), 1), np.float32)
    held[:, _IDENTITY] = (rng.random((len(part), 1, 1)) >= FORGET_WORD).astype(np.float32)
    chosen = data.features[part]
    logits = (weights[chosen] * held).sum(axis=1)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances = powers / powers.sum(axis=1, keepdims=True)
    truth = np.arange(len(part)), data.classes[part]
    loss = -np.log(chances[truth] + 1e-9)
    chances[truth] -= 1.0
    slope = (chances * data.weights[part][:, None])[:, None, :] * held / len(m.FEATURES) ** 0.5
    _descend(weights, seen, chosen.reshape(-1), slope.reshape(-1, len(m.CLASSES)))
    return float(loss.mean())


def _descend(
    weights: NDArray[np.float32], seen: NDArray[np.float32], ids: NDArray[np.uint32], slopes: NDArray[np.float32]
) -> None:
    own, place = np.unique(ids, return_inverse=True)
    total = np.zeros((len(own), slopes.shape[1]), np.float32)
    np.add.at(total, place, slopes)
    seen[own] += total**2
    weights[own] -= RATE * total / np.sqrt(seen[own])
    weights[own] *= 1.0 - SHRINK * BATCH


def rounded(lexicon: m.NamesModel, weights: NDArray[np.float32]) -> m.NamesModel:
    """The tagger with its weights in eight bits, each class by its own scale."""
    scale = np.maximum(np.quantile(np.abs(weights), 0.9999, axis=0) / 127.0, 1e-6).astype(np.float32)
    return replace(lexicon, weights=np.clip(np.rint(weights / scale), -127, 127).astype(np.int8), scale=scale)
