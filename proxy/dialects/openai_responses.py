"""OpenAI Responses: `POST .../responses` (OpenAI, Azure, vLLM, llama.cpp). One answer, made of several output items."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from proxy.core.errors import Unreadable
from proxy.dialects import bodies
from proxy.dialects.asking import schema_of, user_of
from proxy.dialects.contract import FILTERED, LENGTH, STOP, TOOL_CALLS, Message, Request, Response, system_of
from proxy.dialects.fields import Json, a_content, a_list, a_text, an_object, healed, parse_object
from proxy.dialects.gathering import Draft, Gathered
from proxy.dialects.marks import sampling_text, tools_text
from proxy.dialects.paths import posts_to

_PATH: Final = re.compile(r"/responses/?$")
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_DELTAS: Final[Mapping[str, str]] = {  # event: the field of the answer that its delta belongs to
    "response.output_text.delta": "text",
    "response.audio.transcript.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "reasoning",
}
_INCOMPLETE: Final[Mapping[str, str]] = {"content_filter": FILTERED}  # every other reason is a limit


class OpenAIResponses:
    """Unary and streamed; items of text, refusal, reasoning and tool calls; the API has no n."""

    name = "openai_responses"

    def matches(self, method: str, path: str) -> bool:
        """POST to a path that ends with /responses."""
        return posts_to(method, path, _PATH)

    def request(self, body: bytes) -> Request:
        """Raises Unreadable("malformed"), or Unreadable("opaque") where the prompt is stored at the server."""
        document = parse_object(body)
        messages = tuple(_messages(document))
        instructions = healed(a_content(document.get("instructions")))
        return Request(
            model=healed(a_text(document.get("model"))),
            messages=messages,
            system="\n".join(filter(None, (instructions, system_of(messages)))),
            stream=document.get("stream") is True,
            tools=bool(document.get("tools")),
            offered=tools_text(document),
            sampling=sampling_text(document),
            user=user_of(document),
            schema=schema_of(document),
        )

    def response(self, content_type: str, body: bytes, truncated: bool) -> Response:
        """Raises Unreadable("malformed" or "truncated")."""
        return bodies.read(content_type, body, truncated, whole=_whole, event=_Events())


def _messages(document: Json) -> Iterator[Message]:
    said = document.get("input")
    if isinstance(said, str):
        yield Message("user", healed(said))
    elif isinstance(said, list):
        yield from (message for item in map(an_object, said) if (message := _message(item)))
    elif document.get("prompt"):
        raise Unreadable("opaque", "the prompt is a template that the server keeps")
    else:
        raise Unreadable("malformed", "a request without input")


def _message(item: Json) -> Message | None:
    """A turn, or what a tool gave; other items (calls, reasoning, references) say nothing to the model that is text."""
    if role := a_text(item.get("role")):
        return Message(role, healed(a_content(item.get("content"))))
    if a_text(item.get("type")).endswith("_call_output"):
        return Message("tool", healed(a_content(item.get("output"))))
    return None


def _whole(document: Json, draft: Draft) -> None:
    if not isinstance(document.get("output"), list):
        raise Unreadable("malformed", "a response without output")
    if document["output"] or document.get("status") not in ("queued", "in_progress"):
        _end(document, draft)


class _Events:
    """The events of one stream. A new output item begins a paragraph."""

    __slots__ = ("_item",)

    def __init__(self) -> None:
        self._item: Any = None

    def __call__(self, document: Json, draft: Draft) -> None:
        kind = a_text(document.get("type"))
        if kind in _DELTAS:
            self._delta(kind, document, draft.answers.at(0))
        elif kind == "response.output_item.added":
            _count_call(an_object(document.get("item")), draft.answers.at(0))
        elif kind in _ENDS:
            _end(an_object(document.get("response")), draft)
            draft.error = draft.error or ("failed" if kind == "response.failed" else "")
            draft.done = True

    def _delta(self, kind: str, document: Json, gathered: Gathered) -> None:
        parts: list[str] = getattr(gathered, _DELTAS[kind])
        if parts is gathered.text and self._item != (item := document.get("output_index", document.get("item_id"))):
            gathered.paragraph()
            self._item = item
        parts.append(a_text(document.get("delta")))


def _end(response: Json, draft: Draft) -> None:
    """The response as a whole: unary, or in a stream's last event."""
    gathered = draft.answers.at(0)
    draft.name(response)
    gathered.fill(_gathered(response))
    status = a_text(response.get("status"))
    if status == "completed":
        gathered.finish_reason = TOOL_CALLS if gathered.tool_calls and not any(gathered.text) else STOP
    elif status in ("incomplete", "cancelled"):
        reason = a_text(an_object(response.get("incomplete_details")).get("reason"))
        gathered.finish_reason = _INCOMPLETE.get(reason, LENGTH)
    draft.error = draft.error or bodies.error_of(response)
    draft.usage = bodies.usage_of(response.get("usage"), "input_tokens", "output_tokens")


def _gathered(response: Json) -> Gathered:
    whole = Gathered()
    for item in map(an_object, a_list(response.get("output"))):
        if item.get("type") == "reasoning":
            parts = (*a_list(item.get("summary")), *a_list(item.get("content")))
            whole.reasoning += [a_text(an_object(part).get("text")) for part in parts]
        elif item.get("role") or item.get("type") == "message":
            whole.paragraph()
            _add_content(item, whole)
        else:
            _count_call(item, whole)
    return whole


def _add_content(item: Json, gathered: Gathered) -> None:
    for part in map(an_object, a_list(item.get("content"))):
        gathered.refusal.append(a_text(part.get("refusal")))
        gathered.text.append(a_text(part.get("text")) or a_text(part.get("transcript")))


def _count_call(item: Json, gathered: Gathered) -> None:
    """Calls of functions and of the server's own tools: function_call, custom_tool_call, web_search_call, ..."""
    if a_text(item.get("type")).endswith("_call"):
        gathered.call(len(gathered.tool_calls), item.get("arguments"))
