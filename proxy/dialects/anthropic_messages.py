"""Anthropic Messages: `POST .../v1/messages` (Anthropic, vLLM, llama.cpp, gateways). One answer, made of blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from proxy.core.errors import Unreadable
from proxy.dialects import bodies
from proxy.dialects.asking import schema_of, user_of
from proxy.dialects.contract import LENGTH, STOP, TOOL_CALLS, Message, Request, Response, Usage
from proxy.dialects.fields import Json, a_content, a_count, a_list, a_text, an_int, an_object, healed, parse_object
from proxy.dialects.gathering import Draft, Gathered
from proxy.dialects.marks import sampling_text, tools_text
from proxy.dialects.paths import posts_to

_PATH: Final = re.compile(r"/v\d+/messages/?$")
_REFUSAL: Final = "refusal"
_FINISH: Final[Mapping[str, str]] = {
    "end_turn": STOP,
    "stop_sequence": STOP,
    _REFUSAL: STOP,
    "max_tokens": LENGTH,
    "model_context_window_exceeded": LENGTH,
    "pause_turn": LENGTH,  # a long turn of the server's own tools: the client asks for the rest
    "tool_use": TOOL_CALLS,
}
_CACHE_READ: Final = "cache_read_input_tokens"
_CACHE_WRITTEN: Final = "cache_creation_input_tokens"
_PROMPT_TOKENS: Final = ("input_tokens", _CACHE_READ, _CACHE_WRITTEN)


class AnthropicMessages:
    """Unary and streamed; blocks of text, thinking and tool use; a refusal is a stop reason; the API has no n."""

    name = "anthropic_messages"

    def matches(self, method: str, path: str) -> bool:
        """POST to a path that ends with /v1/messages."""
        return posts_to(method, path, _PATH)

    def request(self, body: bytes) -> Request:
        """Raises Unreadable("malformed") where there is no list of messages."""
        document = parse_object(body)
        if not isinstance(document.get("messages"), list):
            raise Unreadable("malformed", "a messages request without a list of messages")
        turns = map(an_object, document["messages"])
        return Request(
            model=healed(a_text(document.get("model"))),
            messages=tuple(message for turn in turns for message in _messages(turn)),
            system=healed(a_content(document.get("system"))),
            stream=document.get("stream") is True,
            tools=bool(document.get("tools")),
            offered=tools_text(document),
            sampling=sampling_text(document),
            user=user_of(document),
            schema=schema_of(document),
        )

    def response(self, content_type: str, body: bytes, truncated: bool) -> Response:
        """Raises Unreadable("malformed" or "truncated")."""
        answer = _Answer()
        return bodies.read(content_type, body, truncated, whole=answer.whole, event=answer.event)


def _messages(turn: Json) -> Iterator[Message]:
    """A turn as messages: what tools gave stands in turns of the user, who did not say it."""
    content = turn.get("content")
    results = [part for part in map(an_object, a_list(content)) if part.get("type") == "tool_result"]
    for result in results:
        yield Message("tool", healed(a_content(result.get("content"))))
    text = healed(a_content(content))
    if text or not results:
        yield Message(a_text(turn.get("role")), text)


class _Answer:
    """One message as it comes, block by block.

    Neighbouring blocks of text belong together (citations cut sentences into blocks); a block of another kind between
    two of text makes them paragraphs.
    """

    __slots__ = ("_apart", "_counts")

    def __init__(self) -> None:
        self._apart = False
        self._counts: dict[str, Any] = {}

    def whole(self, document: Json, draft: Draft) -> None:
        if not isinstance(document.get("content"), list):
            raise Unreadable("malformed", "a message without content")
        gathered = draft.answers.at(0)
        draft.name(document)
        for index, block in enumerate(map(an_object, document["content"])):
            self._block(index, block, gathered)
        _end(document, gathered)
        self._count(document, draft)

    def event(self, document: Json, draft: Draft) -> None:
        kind, delta = document.get("type"), an_object(document.get("delta"))
        if kind == "message_start":
            draft.answers.at(0)
            draft.name(an_object(document.get("message")))
            self._count(an_object(document.get("message")), draft)
        elif kind == "content_block_start":
            block = an_object(document.get("content_block"))
            self._block(an_int(document.get("index")), block, draft.answers.at(0))
        elif kind == "content_block_delta":
            draft.answers.at(0).text.append(a_text(delta.get("text")))
            draft.answers.at(0).reasoning.append(a_text(delta.get("thinking")))
            if partial := a_text(delta.get("partial_json")):
                draft.answers.at(0).call(an_int(document.get("index")), partial)
        elif kind == "message_delta":
            _end(delta, draft.answers.at(0))
            self._count(document, draft)
        draft.done = kind == "message_stop"

    def _block(self, index: int, block: Json, gathered: Gathered) -> None:
        kind = a_text(block.get("type"))
        if kind == "text":
            if self._apart:
                gathered.paragraph()
            gathered.text.append(a_text(block.get("text")))
        elif kind.endswith("tool_use"):  # the client's tools, the server's, and those over MCP
            gathered.call(index, block.get("input") or "")
        gathered.reasoning.append(a_text(block.get("thinking")))
        self._apart = kind != "text"

    def _count(self, document: Json, draft: Draft) -> None:
        """Counts come in two parts of a stream; the later one replaces what it names."""
        counts = an_object(document.get("usage"))
        self._counts |= {name: count for name, count in counts.items() if count is not None}
        if self._counts:
            prompt = sum(a_count(self._counts.get(name)) or 0 for name in _PROMPT_TOKENS)
            draft.usage = Usage(
                prompt,
                a_count(self._counts.get("output_tokens")) or 0,
                cached_tokens=a_count(self._counts.get(_CACHE_READ)),
                cache_written_tokens=a_count(self._counts.get(_CACHE_WRITTEN)),
            )


def _end(message: Json, gathered: Gathered) -> None:
    """The stop reason. One that says refusal is the API's own refusal field, with a reason at times."""
    reason = a_text(message.get("stop_reason"))
    gathered.finish_reason = _FINISH.get(reason, reason) or gathered.finish_reason
    if reason == _REFUSAL:
        details = an_object(message.get("stop_details"))
        gathered.refusal.append(a_text(details.get("explanation")) or _REFUSAL)
