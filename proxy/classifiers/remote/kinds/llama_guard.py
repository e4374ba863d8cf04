"""Llama Guard 3 and 4. Pure. The server's own chat template writes the prompt with its categories around the turns.

Answer: `safe`; or `unsafe`, and in a second line the codes of the categories, parted by commas. Source: the model cards
of Llama Guard 3 (8B, 1B) and 4 (12B).
"""

from __future__ import annotations

import re
from typing import Any, Final

from proxy.classifiers.contract import Item
from proxy.classifiers.remote.kinds import chat
from proxy.classifiers.remote.kinds.provider import RISK, Reading, UnparsedError, divided

# Code -> our hazard. MLCommons' names, which ours are too; S14 is abuse of a code interpreter.
HAZARD_OF: Final = {
    "S1": "violent_crime",
    "S2": "nonviolent_crime",
    "S3": "sex_crime",
    "S4": "sex_crime",
    "S5": "defamation",
    "S6": "specialized_advice",
    "S7": "privacy",
    "S8": "intellectual_property",
    "S9": "weapons",
    "S10": "hate",
    "S11": "self_harm",
    "S12": "sexual_content",
    "S13": "elections",
    "S14": "cybercrime",
}
_VERDICT: Final = re.compile(r"(?i)(safe|unsafe(?:\s*\n\s*(S\d{1,2}(?:\s*,\s*S\d{1,2})*))?)")


class LlamaGuard:
    """Judges the last turn."""

    path = chat.PATH
    key_parameter = ""

    def __init__(self, model: str, logprobs: bool) -> None:
        self._model, self._logprobs = model, logprobs

    def body(self, item: Item) -> dict[str, Any]:
        """The turns alone."""
        return chat.question(self._model, chat.conversation(item), self._logprobs)

    def read(self, answer: object, item: Item) -> Reading:
        """The score is P(unsafe) at the verdict's token, as the model card has it; 0 or 1 without probabilities."""
        said = _VERDICT.fullmatch(chat.verdict(answer))
        if said is None:
            raise UnparsedError("the verdict is neither `safe` nor `unsafe` with codes; is it Llama Guard?")
        unsafe = said[1].lower() != "safe"
        (score,) = chat.probabilities(answer, "unsafe", "safe", [unsafe])
        codes = [code.strip().upper() for code in (said[2] or "").split(",")]
        hazards = divided(score, {HAZARD_OF[code]: 1.0 for code in codes if code in HAZARD_OF})
        return Reading({RISK[item.role]: score}, {RISK[item.role]: unsafe}, hazards)
