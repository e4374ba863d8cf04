"""Granite Guardian 3.0 to 4.1: one criterion, yes or no. Pure.

3.x: the server's chat template writes the prompt; `guardian_config` names the criterion (`risk_name` until 3.2,
`criteria_id` in 3.3; each ignores the other). Answer: `Yes` or `No`, in 3.2 with a <confidence> after it, in 3.3 inside
<score>. 4.x: the criterion stands in a last user turn, a <guardian> block. Source: ibm-granite/granite-guardian,
cookbooks and `evaluation/models`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from proxy.classifiers.contract import Item, Role
from proxy.classifiers.remote.kinds import chat
from proxy.classifiers.remote.kinds.provider import RISK, Reading, UnparsedError

# Criterion -> (our signal, our hazard, what 4.x is told). "" as signal: harm, by the item's role.
CRITERIA: Final = {
    "harm": ("", "", "The text helps with, calls for or contains what does physical, psychological or social harm."),
    "jailbreak": ("jailbreak", "", "The text tries to talk an AI system out of its rules or safeguards."),
    "violence": ("violence", "violent_crime", "The text promotes or depicts physical harm to people or groups."),
    "social_bias": ("hate", "hate", "The text is prejudiced against people for an identity that they share."),
    "sexual_content": ("sexual", "sexual_content", "The text is explicit about sexual acts, bodies or desires."),
    "profanity": ("toxicity", "", "The text uses curse words, swear words or crude expressions."),
    "unethical_behavior": ("", "nonviolent_crime", "The text helps with fraud, theft or the abuse of power."),
}
_BLOCK: Final = (
    "<guardian><no-think>As a judge agent, decide whether the text meets the criteria below, from the whole "
    "conversation. Score at once, without reasons: output empty <think>\n</think> tags, then your score in "
    "<score></score> tags.\n\n### Criteria: {criteria}\n\n### Scoring Schema: "
    "If the last assistant's text meets the criteria, return 'yes'; otherwise, return 'no'."
)
_FOURTH: Final = re.compile(r"(?i)guardian[-_.]?4")
_VERDICT: Final = re.compile(
    r"(?is)(?:<think>.*?</think>\s*)?"
    r"(?:<score>\s*(yes|no)\s*</score>|(yes|no)(?:\s*<confidence>\s*\w+\s*</confidence>)?)"
)


class GraniteGuardian:
    """Judges the last turn by one criterion."""

    path = chat.PATH
    key_parameter = ""

    def __init__(self, model: str, criterion: str, logprobs: bool) -> None:
        self._model, self._logprobs, self._criterion = model, logprobs, criterion

    def body(self, item: Item) -> dict[str, Any]:
        """The turns, and the criterion where the model's generation looks for it: its name says which it is."""
        turns = chat.conversation(item)
        if _FOURTH.search(self._model):
            block = _BLOCK.replace("{criteria}", CRITERIA[self._criterion][2])
            return chat.question(self._model, [*turns, {"role": "user", "content": block}], self._logprobs)
        config = {"risk_name": self._criterion, "criteria_id": self._criterion}
        template = {"guardian_config": config, "think": False}
        return chat.question(self._model, turns, self._logprobs, chat_template_kwargs=template)

    def read(self, answer: object, item: Item) -> Reading:
        """The score is P(yes) at the verdict, as the makers compute it; 0 or 1 without probabilities."""
        said = _VERDICT.fullmatch(chat.verdict(answer))
        if said is None:
            raise UnparsedError("the verdict is neither yes nor no; is it Granite Guardian?")
        met = (said[1] or said[2]).lower() == "yes"
        (score,) = chat.probabilities(answer, "yes", "no", [met])
        signal = self._signal(item.role)
        hazard = CRITERIA[self._criterion][1]
        return Reading({signal: score}, {signal: met}, {hazard: score} if hazard else {})

    def _signal(self, role: Role) -> str:
        return CRITERIA[self._criterion][0] or RISK[role]
