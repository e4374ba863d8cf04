"""A model's heads, asked at one stage: logits of both halves in, the scores of one text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from proxy.classifiers import fusion
from proxy.classifiers.contract import Embedding, Role, Scored, Stage
from proxy.classifiers.manifest import HAZARD, RISK, TOPIC, Head, Kind, Manifest
from proxy.classifiers.pooling import Pool, pooled

Floats = NDArray[np.float32]
Classes = Mapping[str, float]

RESPONSE_HARMFUL: Final = "response_harmful"
HARMFUL_OUTPUT: Final = "harmful_output"  # the same score at its strict threshold
_NOTHING: Final = np.zeros((), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Logits:
    """What both halves said of one text; zeros for a half that was not asked.

    windows: float32 [windows, columns], windows >= 1; ngrams: float32 [columns0]
    """

    windows: Floats
    ngrams: Floats


class Heads:
    """The heads of a manifest, by role. `version` goes on every score."""

    def __init__(self, manifest: Manifest, version: str) -> None:
        self._version = version
        self._names = {role: {head.name for head in manifest.heads if role in head.roles} for role in Role}
        self._with_prompt = frozenset(role for head in manifest.heads if head.prompt for role in head.roles)
        self._asked = {(role, stage): _Asked.of(manifest, role, stage) for role in Role for stage in Stage}

    def has(self, name: str, role: Role) -> bool:
        """Whether a role gets a signal."""
        return name in self._names[role]

    def reads_prompt(self, role: Role) -> bool:
        """Whether any head of a role wants the prompt before the text."""
        return role in self._with_prompt

    def scored(self, logits: Logits, role: Role, stage: Stage, embedding: Embedding | None) -> Scored:
        """The scores of one text; a head that the stage does not have is absent."""
        asked = self._asked[role, stage]
        scores, flags = asked.binary.scores(logits)
        for one in asked.sums:
            scores[one.name], flags[one.name] = one.score(logits)
        classes = {one.name: one.shares(logits) for one in asked.classes}
        return Scored(
            version=self._version,
            scores=scores,
            hazards=_hazards(classes.get(HAZARD, {}), scores.get(RISK[role])),
            topics=classes.get(TOPIC, {}),
            flags=flags,
            embedding=embedding,
        )


def _hazards(classes: Classes, risk: float | None) -> Classes:
    """The risk, shared out; unknown where the model has no risk for the role."""
    return {} if risk is None else {label: risk * share for label, share in classes.items()}


@dataclass(frozen=True, slots=True)
class _Asked:
    """The heads of one role that a stage has."""

    binary: _Binary
    sums: tuple[_Sum, ...]
    classes: tuple[_Softmax, ...]

    @classmethod
    def of(cls, manifest: Manifest, role: Role, stage: Stage) -> _Asked:
        sources = {head.name: head for head in manifest.heads if head.kind is Kind.SOFTMAX}
        heads = [
            head
            for head in manifest.heads
            if role in head.roles and (stage is not Stage.STAGE0 or sources.get(head.of, head).column0 is not None)
        ]
        return cls(
            _Binary.of([head for head in heads if head.kind is Kind.BINARY], stage),
            tuple(_Sum.of(head, sources[head.of], stage) for head in heads if head.kind is Kind.SUM),
            tuple(_Softmax.of(head, stage) for head in heads if head.name in (HAZARD, TOPIC)),
        )


@dataclass(frozen=True, slots=True)
class _Binary:
    """All yes-or-no heads together, for speed. weights: float32 [3, heads]; the other arrays are [heads]."""

    names: tuple[str, ...]
    columns: NDArray[np.intp]
    columns0: NDArray[np.intp]
    weights: Floats
    thresholds: Floats
    pools: tuple[Pool, ...]
    strict: tuple[tuple[int, float], ...] = ()  # (place, threshold) of `response_harmful`

    @classmethod
    def of(cls, heads: Sequence[Head], stage: Stage) -> _Binary:
        # A head that stage 0 does not have reads its first column with no weight.
        weights = [_without_ngrams(head, fusion.weights(head, stage)) for head in heads]
        return cls(
            tuple(head.name for head in heads),
            np.array([head.column for head in heads], dtype=np.intp),
            np.array([head.column0 or 0 for head in heads], dtype=np.intp),
            np.array(weights, dtype=np.float32).reshape(-1, 3).T,
            np.array([head.threshold_at(stage) for head in heads], dtype=np.float32),
            tuple(head.pool for head in heads),
            tuple(
                (place, head.strict)
                for place, head in enumerate(heads)
                if head.name == RESPONSE_HARMFUL and head.strict and stage is Stage.FUSED
            ),
        )

    def scores(self, logits: Logits) -> tuple[dict[str, float], dict[str, bool]]:
        """(signal -> probability, signal -> decision)."""
        weights = (self.weights[0], self.weights[1], self.weights[2])
        z = fusion.calibrated(logits.windows[:, self.columns], logits.ngrams[self.columns0], weights)
        found = [fusion.sigmoid(logit) for logit in self._pooled(z).tolist()]
        flags = [score >= threshold for score, threshold in zip(found, self.thresholds.tolist(), strict=True)]
        decided = dict(zip(self.names, flags, strict=True))
        for place, threshold in self.strict:
            decided[HARMFUL_OUTPUT] = found[place] >= threshold
        return dict(zip(self.names, found, strict=True)), decided

    def _pooled(self, z: Floats) -> Floats:
        """float32 [windows, heads] -> [heads]."""
        if len(z) == 1:
            return np.asarray(z[0])
        return np.array([pooled(z[:, one], pool) for one, pool in enumerate(self.pools)], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Softmax:
    """A head of several classes."""

    name: str
    labels: tuple[str, ...]
    columns: slice
    columns0: slice | None
    weights: fusion.Weights
    pool: Pool

    @classmethod
    def of(cls, head: Head, stage: Stage) -> _Softmax:
        begin = head.column0
        return cls(
            head.name,
            head.labels,
            slice(head.column, head.column + head.width),
            None if begin is None else slice(begin, begin + head.width),
            fusion.weights(head, stage),
            head.pool,
        )

    def calibrated(self, logits: Logits) -> Floats:
        """float32 [windows, labels]."""
        z0 = _NOTHING if self.columns0 is None else logits.ngrams[self.columns0]
        return fusion.calibrated(logits.windows[:, self.columns], z0, self.weights)

    def shares(self, logits: Logits) -> Classes:
        """Label -> probability; they sum to 1."""
        found = fusion.softmax(pooled(self.calibrated(logits), self.pool))
        return dict(zip(self.labels, found.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class _Sum:
    """Some classes of a softmax head as one yes or no: their log odds in each window, calibrated again."""

    name: str
    of_classes: _Softmax
    chosen: tuple[int, ...]
    weights: fusion.Weights
    threshold: float
    pool: Pool

    @classmethod
    def of(cls, head: Head, source: Head, stage: Stage) -> _Sum:
        chosen = tuple(source.labels.index(label) for label in head.labels)
        weights = fusion.weights(head, stage)
        return cls(head.name, _Softmax.of(source, stage), chosen, weights, head.threshold_at(stage), head.pool)

    def score(self, logits: Logits) -> tuple[float, bool]:
        """(probability, decision)."""
        odds = fusion.log_odds_of(self.of_classes.calibrated(logits), 1.0, self.chosen)
        score = fusion.sigmoid(float(pooled(fusion.calibrated(odds, _NOTHING, self.weights), self.pool)))
        return score, score >= self.threshold


def _without_ngrams(head: Head, weights: fusion.Weights) -> fusion.Weights:
    return weights if head.column0 is not None else (weights[0], 0.0, weights[2])
