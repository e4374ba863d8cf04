"""A single harmful output, where the classifier's manifest names no strict threshold of its own.

The threshold is the largest probability of harm among the first FIRST answers of a model: the next one lies above it
with a probability of 1 / (FIRST + 1), one in 100,000, while answers are exchangeable (a conformal p-value; Vovk,
Gammerman and Shafer, Algorithmic Learning in a Random World, 2005). Until then nothing is flagged. Each process learns
it by itself, and goes on after a restart (`strict_kept`): what a crash loses is time, never a false flag more.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace
from typing import Final

from proxy.core.evidence.signals import RESPONSE_HARMFUL
from proxy.core.observation import Observation

FIRST: Final = 99_999

Key = tuple[str, str]  # route, served model


@dataclass(slots=True)
class Largest:
    """Of the answers of one model as one classifier scored them: how many, and the largest probability of harm."""

    version: str
    n: int = 0
    largest: float = 0.0


class StrictThresholds:
    """One for the process. `known`: what was learnt so far."""

    def __init__(self, first: int = FIRST) -> None:
        self._first = first
        self.known: dict[Key, Largest] = {}

    def marked(self, key: Key, one: Observation) -> Observation:
        """The observation with its verdict, where it has none yet and enough is known; else learnt from."""
        score = one.scores.get(RESPONSE_HARMFUL)
        if score is None or one.harmful_output is not None or one.unassessed is not None:
            return one
        known = self.known.get(key)
        if known is None or known.version != one.classifier:
            known = self.known[key] = Largest(one.classifier)
        if known.n >= self._first:
            return replace(one, harmful_output=int(score > known.largest))
        known.n += 1
        known.largest = max(known.largest, score)
        return one

    def keep(self, routes: Container[str]) -> None:
        """Forget those of other routes."""
        for key in [key for key in self.known if key[0] not in routes]:
            del self.known[key]
