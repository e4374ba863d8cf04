"""A model's heads, asked at one stage: logits of both halves in, the scores of one text out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from proxy.classifiers import fusion
from proxy.classifiers.contract import Embedding, Role, Scored, Stage
from proxy.classifiers.manifest import HAZARD, RISK, TOPIC, Head, Kind, Manifest
from proxy.classifiers.pooling import pooled

Floats = NDArray[np.float32]


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
        self._of_role = {role: [head for head in manifest.heads if role in head.roles] for role in Role}
        self._of_name = {head.name: head for head in manifest.heads if head.kind is Kind.SOFTMAX}

    def has(self, name: str, role: Role) -> bool:
        """Whether a role gets a signal."""
        return any(head.name == name for head in self._of_role[role])

    def reads_prompt(self, role: Role) -> bool:
        """Whether any head of a role wants the prompt before the text."""
        return any(head.prompt for head in self._of_role[role])

    def scored(self, logits: Logits, role: Role, stage: Stage, embedding: Embedding | None) -> Scored:
        """The scores of one text; a head that the stage does not have is absent."""
        scores: dict[str, float] = {}
        flags: dict[str, bool] = {}
        classes: dict[str, Mapping[str, float]] = {}
        for head in self._of_role[role]:
            if stage is Stage.STAGE0 and self._columns_of(head).column0 is None:
                continue
            if head.kind is Kind.SOFTMAX:
                classes[head.name] = _classes(head, logits, stage)
            else:
                scores[head.name] = self._probability(head, logits, stage)
                flags[head.name] = scores[head.name] >= head.threshold
        return Scored(
            version=self._version,
            scores=scores,
            hazards=_hazards(classes.get(HAZARD, {}), scores.get(RISK[role])),
            topics=classes.get(TOPIC, {}),
            flags=flags,
            embedding=embedding,
        )

    def _columns_of(self, head: Head) -> Head:
        """The head whose columns a head reads: its own, or those of the one that it sums over."""
        return self._of_name[head.of] if head.kind is Kind.SUM else head

    def _probability(self, head: Head, logits: Logits, stage: Stage) -> float:
        z1, z0 = self._sum(head, logits, stage) if head.kind is Kind.SUM else _columns(head, logits)
        calibrated = fusion.calibrated(z1, z0, fusion.weights(head, stage))
        return fusion.sigmoid(float(pooled(calibrated, head.pool)))

    def _sum(self, head: Head, logits: Logits, stage: Stage) -> tuple[Floats, Floats]:
        """The log odds that the softmax head gives a sum's labels in each window, at this stage; and no other input."""
        of = self._of_name[head.of]
        classes = fusion.calibrated(*_columns(of, logits), fusion.weights(of, stage))
        chosen = [of.labels.index(label) for label in head.labels]
        return fusion.log_odds_of(classes, 1.0, chosen), np.zeros((), dtype=np.float32)


def _columns(head: Head, logits: Logits) -> tuple[Floats, Floats]:
    """(float32 [windows] or [windows, labels], float32 [] or [labels]); z0 is 0 where stage 0 has no such head."""
    z1 = logits.windows[:, head.column : head.column + head.width]
    begin = head.column0
    z0 = np.zeros(head.width, dtype=np.float32) if begin is None else logits.ngrams[begin : begin + head.width]
    return (z1, z0) if head.kind is Kind.SOFTMAX else (z1[:, 0], z0[0])


def _classes(head: Head, logits: Logits, stage: Stage) -> Mapping[str, float]:
    calibrated = fusion.calibrated(*_columns(head, logits), fusion.weights(head, stage))
    return dict(zip(head.labels, fusion.softmax(pooled(calibrated, head.pool)).tolist(), strict=True))


def _hazards(classes: Mapping[str, float], risk: float | None) -> Mapping[str, float]:
    """The risk, shared out; unknown where the model has no risk for the role."""
    return {} if risk is None else {label: risk * share for label, share in classes.items()}
