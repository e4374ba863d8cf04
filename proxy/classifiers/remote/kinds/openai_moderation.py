"""OpenAI Moderation: POST /v1/moderations. Pure. Shape: the API reference of `omni-moderation`."""

from __future__ import annotations

from typing import Any, Final

from proxy.classifiers.contract import Item
from proxy.classifiers.remote.kinds.provider import (
    Reading,
    UnparsedError,
    at,
    decision,
    divided,
    mapping_at,
    probability,
)

# Their category -> (our signal, our hazard). "" has none. Two of theirs in one of ours: the larger counts.
CATEGORIES: Final = {
    "harassment": ("harassment", "harassment"),
    "harassment/threatening": ("harassment", "violent_crime"),
    "hate": ("hate", "hate"),
    "hate/threatening": ("hate", "hate"),
    "illicit": ("", "nonviolent_crime"),
    "illicit/violent": ("", "weapons"),
    "self-harm": ("self_harm", "self_harm"),
    "self-harm/intent": ("self_harm", "self_harm"),
    "self-harm/instructions": ("self_harm", "self_harm"),
    "sexual": ("sexual", "sexual_content"),
    "sexual/minors": ("sexual", "sex_crime"),
    "violence": ("violence", "violent_crime"),
    "violence/graphic": ("violence", "violent_crime"),
}


class OpenAIModeration:
    """Scores are the service's own and are not calibrated; flags are its own decisions."""

    path = "/v1/moderations"
    key_parameter = ""

    def __init__(self, model: str) -> None:
        self._model = model

    def body(self, item: Item) -> dict[str, Any]:
        """The text alone: the service knows no prompt."""
        return {"model": self._model, "input": item.text}

    def read(self, answer: object, item: Item) -> Reading:  # noqa: ARG002 - it judges the same whoever speaks
        """`unsafe` is the service's `flagged`. Raises UnparsedError."""
        results = at(answer, "results")
        if not isinstance(results, list) or len(results) != 1:
            raise UnparsedError("one text was sent, and there is not one result")
        theirs = _categories(results[0])
        risk = max(score for score, _ in theirs.values())
        scores, flags = {"unsafe": risk}, {"unsafe": decision(at(results[0], "flagged"), "flagged")}
        hazards: dict[str, float] = {}
        for name, (score, flagged) in theirs.items():
            signal, hazard = CATEGORIES[name]
            hazards[hazard] = max(score, hazards.get(hazard, 0.0))
            if signal:
                scores[signal] = max(score, scores.get(signal, 0.0))
                flags[signal] = flagged or flags.get(signal, False)
        model = at(answer, "model")
        return Reading(scores, flags, divided(risk, hazards), model if isinstance(model, str) else "")


def _categories(result: object) -> dict[str, tuple[float, bool]]:
    """Score and decision of each category that is known here; older models lack some, newer ones may have more."""
    scores, flags = mapping_at(result, "category_scores"), mapping_at(result, "categories")
    known = {
        name: (probability(scores[name], name), decision(flags.get(name), name))
        for name in CATEGORIES
        if scores.get(name) is not None
    }
    if not known:
        raise UnparsedError("the answer has no category that is known here")
    return known
