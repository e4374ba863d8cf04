"""The shape of Perspective: POST /v1alpha1/comments:analyze?key=. Pure.

Perspective itself ends on 31 December 2026; others sell servers of the same shape, so the address is a setting.
"""

from __future__ import annotations

from typing import Any, Final

from proxy.classifiers.contract import Item
from proxy.classifiers.remote.kinds.provider import Reading, UnparsedError, at, divided, mapping_at, probability

# A score is the share of readers who would see the attribute in the text. The makers advise .7 to .9 for a decision.
THRESHOLD: Final = 0.8

# Their attribute -> (our signal, our hazard). "" has none. Two of theirs in one of ours: the larger counts.
ATTRIBUTES: Final = {
    "TOXICITY": ("toxicity", ""),
    "SEVERE_TOXICITY": ("toxicity", ""),
    "PROFANITY": ("toxicity", ""),
    "IDENTITY_ATTACK": ("hate", "hate"),
    "INSULT": ("harassment", "harassment"),
    "THREAT": ("violence", "violent_crime"),
}


class Perspective:
    """Scores comments; knows no prompt and no role."""

    path = "/v1alpha1/comments:analyze"
    key_parameter = "key"

    def body(self, item: Item) -> dict[str, Any]:
        """The text alone. `doNotStore`: it is not the service's to keep."""
        return {
            "comment": {"text": item.text, "type": "PLAIN_TEXT"},
            "requestedAttributes": {name: {"scoreType": "PROBABILITY"} for name in ATTRIBUTES},
            "languages": ["en"],
            "doNotStore": True,
            "spanAnnotations": False,
        }

    def read(self, answer: object, item: Item) -> Reading:  # noqa: ARG002 - it judges the same whoever speaks
        """Each attribute that was answered. Raises UnparsedError, also where TOXICITY itself is missing."""
        answered = mapping_at(answer, "attributeScores")
        scores: dict[str, float] = {}
        hazards: dict[str, float] = {}
        for name, (signal, hazard) in ATTRIBUTES.items():
            if name in answered:
                score = probability(at(answered, name, "summaryScore", "value"), name)
                scores[signal] = max(score, scores.get(signal, 0.0))
                if hazard:
                    hazards[hazard] = score
        if "TOXICITY" not in answered:
            raise UnparsedError("the answer has no attributeScores.TOXICITY")
        flags = {signal: score >= THRESHOLD for signal, score in scores.items()}
        return Reading(scores, flags, divided(max(hazards.values(), default=0.0), hazards))
