"""What OpenAI's chat completions and completions share: choices, usage, tool calls.

Compatible servers differ in small ways, all met here and in `bodies`: errors inside a 200 (vLLM, gateways), a usage
chunk without choices, a stream without [DONE] (transformers), content as a list of parts, reasoning under two names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proxy.core.errors import Unreadable
from proxy.dialects import bodies
from proxy.dialects.contract import Response
from proxy.dialects.fields import Json, a_list, a_text, an_int, an_object
from proxy.dialects.gathering import Draft, Gathered

Add = Callable[[Gathered, Json], None]  # adds one choice, whole or delta, to what was gathered of its index


def read(content_type: str, body: bytes, truncated: bool, add: Add) -> Response:
    """A unary or streamed answer, each choice taken in by `add`. Raises Unreadable."""

    def event(document: Json, draft: Draft) -> None:
        draft.name(document)
        draft.usage = bodies.usage_of(document.get("usage"), "prompt_tokens", "completion_tokens") or draft.usage
        for position, choice in enumerate(map(an_object, a_list(document.get("choices")))):
            gathered = draft.answers.at(an_int(choice.get("index"), position))
            gathered.finish_reason = a_text(choice.get("finish_reason")) or gathered.finish_reason
            add(gathered, choice)

    def whole(document: Json, draft: Draft) -> None:
        if not isinstance(document.get("choices"), list):
            raise Unreadable("malformed", "an answer without choices")
        event(document, draft)

    return bodies.read(content_type, body, truncated, whole=whole, event=event)


def parts(content: Any, gathered: Gathered) -> None:
    """Adds `content`: a string, a list of typed parts, or null."""
    if isinstance(content, str):
        gathered.text.append(content)
    for part in map(an_object, a_list(content)):
        kind = a_text(part.get("type"))
        if kind == "refusal":
            gathered.refusal.append(a_text(part.get("refusal")))
        elif kind in ("thinking", "reasoning"):
            gathered.reasoning.append(a_text(part.get("text")) or a_text(part.get(kind)))
        else:
            gathered.text.append(a_text(part.get("text")))


def tool_calls(message: Json, gathered: Gathered) -> None:
    """Counts calls once, however many deltas they are spread over."""
    for position, call in enumerate(map(an_object, a_list(message.get("tool_calls")))):
        function = an_object(call.get("function")) or an_object(call.get("custom"))
        gathered.call(an_int(call.get("index"), position), function.get("arguments"))
    if message.get("function_call"):
        gathered.call("function_call", an_object(message.get("function_call")).get("arguments"))
