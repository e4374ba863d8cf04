"""What a classifier is: texts in, calibrated probabilities out. Every classifier stands behind this, whatever runs it.

A score is a probability of one signal, 0 to 1. A signal that does not apply to an item's role is absent: unknown is
never called safe. An item that cannot be scored has a reason instead of scores, and nothing raises for a text's sake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Embedding = NDArray[np.float32]

HAZARDS: Final = (
    "violent_crime",
    "weapons",
    "nonviolent_crime",
    "fraud",
    "cybercrime",
    "sex_crime",
    "sexual_content",
    "hate",
    "harassment",
    "self_harm",
    "privacy",
    "intellectual_property",
    "defamation",
    "misinformation",
    "elections",
    "specialized_advice",
)


class Role(StrEnum):
    """Who says a text."""

    REQUEST = "request"  # said to an assistant
    RESPONSE = "response"  # said by one
    OTHER = "other"  # a comment, a post, a sentence


class Stage(StrEnum):
    """Which of a model's halves score: hashed n-grams, the encoder, or both."""

    STAGE0 = "0"
    STAGE1 = "1"
    FUSED = "fused"


class OutOfScope(StrEnum):
    """Why an item has no scores."""

    EMPTY = "empty"
    LANGUAGE = "language"  # not the language that the classifier was trained on
    UNAVAILABLE = "unavailable"  # a remote classifier that did not answer, or whose budget is spent


@dataclass(frozen=True, slots=True)
class Item:
    """A text to score; `prompt` is what it answers, "" where unknown."""

    text: str
    role: Role
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a classifier says of one item.

    scores:     signal -> probability
    hazards:    hazard category -> probability that the text is unsafe in this way (they sum to the text's risk)
    topics:     topic -> probability; they sum to 1, or none
    flags:      signal -> whether its score reached the threshold that was chosen for its false-positive rate
    embedding:  float32 [dim], length 1; None from a classifier that has none
    version:    name and version of what scored; scores of different versions are never compared
    """

    version: str
    scores: Mapping[str, float] = field(default_factory=dict)
    hazards: Mapping[str, float] = field(default_factory=dict)
    topics: Mapping[str, float] = field(default_factory=dict)
    flags: Mapping[str, bool] = field(default_factory=dict)
    embedding: Embedding | None = None
    out_of_scope: OutOfScope | None = None


class Classifier(Protocol):
    """Anything that scores. `score` is called from one thread at a time, blocks, and never raises for a text."""

    @property
    def version(self) -> str:
        """Name and version, for baselines and traces: "guard-small@1"."""
        ...

    def score(self, items: Sequence[Item]) -> list[Scored]:
        """One result for each item, in order."""
        ...


@runtime_checkable
class Looks(Protocol):
    """A classifier with a stage 0 for what is looked at before it is sampled."""

    def look(self, items: Sequence[Item]) -> list[Scored]:
        """One result for each item, in order, in a fraction of the time of `score`; no scores: nothing is known."""
        ...
