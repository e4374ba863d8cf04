"""Chat completions, which all guard models speak: one question, one verdict, and how sure the model was. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import exp
from typing import Any, Final

from proxy.classifiers.contract import Item, Role
from proxy.classifiers.remote.kinds.provider import UnparsedError, at, text_at

PATH: Final = "/v1/chat/completions"
TOKENS_MAX: Final = 64  # of a verdict; the longest that is documented takes some 50
ALTERNATIVES: Final = 5
UNKNOWN_PROMPT: Final = "(not known)"  # guards judge an answer only after a request

# What could end a guard's prompt early or stand for its verdict: a judged text must not speak for the judge.
_MARKS: Final = re.compile(
    r"(?i)<\||\[/?INST\]|</?s>|<(?:BEGIN|END) |</?guardian>|</?(?:no-)?think>|</?score>|<(?:start|end)_of_"
)


def unmarked(text: str) -> str:
    """The text with a space inside every mark of a prompt format, so that it is text to the guard as well."""
    return _MARKS.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)


def conversation(item: Item) -> list[dict[str, str]]:
    """The item as turns: a request or a comment is a user's; a response follows its prompt."""
    if item.role is not Role.RESPONSE:
        return [{"role": "user", "content": unmarked(item.text)}]
    return [
        {"role": "user", "content": unmarked(item.prompt) if item.prompt.strip() else UNKNOWN_PROMPT},
        {"role": "assistant", "content": unmarked(item.text)},
    ]


def question(model: str, messages: list[dict[str, str]], logprobs: bool, **more: object) -> dict[str, Any]:
    """The JSON of one question: the likeliest verdict, briefly; `logprobs` asks for the runners-up as well."""
    asked = {"model": model, "messages": messages, "temperature": 0, "max_tokens": TOKENS_MAX, "stream": False}
    return {**asked, **({"logprobs": True, "top_logprobs": ALTERNATIVES} if logprobs else {}), **more}


def verdict(answer: object) -> str:
    """What the model said, trimmed. Raises UnparsedError where it did not say it to the end."""
    if at(answer, "choices", 0, "finish_reason") == "length":
        raise UnparsedError("the verdict did not end: the model talks instead of judging; is it a guard model?")
    return text_at(answer, "choices", 0, "message", "content").strip()


def probabilities(answer: object, positive: str, negative: str, verdicts: Sequence[bool]) -> list[float]:
    """P(positive) / (P(positive) + P(negative)) for each verdict that the model gave, in order.

    Read from the last tokens that are one of the two words. Where the server gave no probabilities, or they are not
    those of these verdicts (a word of several tokens), a verdict is 0 or 1.
    """
    try:
        steps = at(answer, "choices", 0, "logprobs", "content")
        said = [step for step in _listed(steps) if _word(text_at(step, "token")) in (positive, negative)]
        last = said[-len(verdicts) :]
        if [_word(text_at(step, "token")) == positive for step in last] == list(verdicts):
            return [_share(step, positive, negative) for step in last]
    except UnparsedError:
        pass  # the verdict stands without them
    return [float(verdict) for verdict in verdicts]


def _share(step: object, positive: str, negative: str) -> float:
    mass = {positive: 0.0, negative: 0.0}
    for one in _listed(at(step, "top_logprobs")):
        word, weight = _word(text_at(one, "token")), at(one, "logprob")
        if word in mass and isinstance(weight, int | float) and weight <= 0:
            mass[word] += exp(weight)
    total = sum(mass.values())
    if total <= 0:
        raise UnparsedError("no probability of a verdict")
    return mass[positive] / total


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _word(token: str) -> str:
    return token.strip(" \t\r\n\u2581\u0120").lower()
