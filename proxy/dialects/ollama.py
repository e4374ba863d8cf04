"""Ollama's native API: `POST /api/chat` and `/api/generate`. Frames of newline-delimited JSON; unary is one frame."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from proxy.core.errors import Unreadable
from proxy.dialects import bodies, ndjson
from proxy.dialects.asking import schema_of
from proxy.dialects.contract import STOP, Message, Request, Response, system_of
from proxy.dialects.fields import Json, a_list, a_text, an_object, healed, parse_object
from proxy.dialects.gathering import Draft
from proxy.dialects.marks import sampling_text, tools_text
from proxy.dialects.paths import posts_to

_PATH: Final = re.compile(r"/api/(?:chat|generate)/?$")
_FINISH: Final[Mapping[str, str]] = {"load": STOP, "unload": STOP}  # a call without a prompt, which answers nothing
_FRAME: Final = ("message", "response", "done")  # a frame has one of these, or an error


class Ollama:
    """Streamed unless the client says no; thinking and tool calls; the API has no n."""

    name = "ollama"

    def matches(self, method: str, path: str) -> bool:
        """POST to /api/chat or /api/generate."""
        return posts_to(method, path, _PATH)

    def request(self, body: bytes) -> Request:
        """Raises Unreadable("malformed") where messages or prompt are of another kind."""
        document = parse_object(body)
        turns = _of_kind(document, "messages", list) or []
        messages = tuple(_message(turn) for turn in map(an_object, turns))
        prompt = _of_kind(document, "prompt", str)
        return Request(
            model=healed(a_text(document.get("model"))),
            messages=messages,
            prompts=() if prompt is None else (healed(prompt),),
            system=healed(a_text(document.get("system"))) or system_of(messages),
            stream=document.get("stream") is not False,
            tools=bool(document.get("tools")),
            offered=tools_text(document),
            sampling=sampling_text(document),
            schema=schema_of(document),
        )

    def response(self, content_type: str, body: bytes, truncated: bool) -> Response:  # noqa: ARG002 - frames tell all
        """Raises Unreadable("malformed")."""
        draft = Draft()
        for frame in ndjson.documents(body):
            _take(frame, draft)
            if draft.done or draft.error:
                break
        return draft.response()


def _of_kind(document: Json, name: str, kind: type) -> Any:
    value = document.get(name)
    if value is not None and not isinstance(value, kind):
        raise Unreadable("malformed", f"`{name}` is a {type(value).__name__}")
    return value


def _message(turn: Json) -> Message:
    return Message(a_text(turn.get("role")), healed(a_text(turn.get("content"))))


def _take(frame: Json, draft: Draft) -> None:
    draft.error = bodies.error_of(frame)
    if draft.error:
        return
    if not any(name in frame for name in _FRAME):
        raise Unreadable("malformed", "a frame without message, response or done")
    draft.name(frame)
    gathered, message = draft.answers.at(0), an_object(frame.get("message"))
    gathered.text.append(a_text(message.get("content")) or a_text(frame.get("response")))
    gathered.reasoning.append(a_text(message.get("thinking")) or a_text(frame.get("thinking")))
    for call in map(an_object, a_list(message.get("tool_calls"))):  # each comes whole, in one frame
        gathered.call(len(gathered.tool_calls), an_object(call.get("function")).get("arguments"))
    if frame.get("done") is True:
        reason = a_text(frame.get("done_reason")) or STOP
        gathered.finish_reason = _FINISH.get(reason, reason)
        draft.usage = bodies.usage_of(frame, "prompt_eval_count", "eval_count")
        draft.done = True
