"""What OpenAI's chat completions and completions share: framing of the answer, errors, usage, tool calls.

Compatible servers differ in small ways, all met here: errors inside a 200 (vLLM, gateways), a usage chunk without
choices, a stream without [DONE] (transformers), content as a list of parts, reasoning under two names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from proxy.core.errors import Unreadable
from proxy.dialects import sse
from proxy.dialects.contract import Response, Usage
from proxy.dialects.fields import Json, a_list, a_text, an_int, an_object, parse_object
from proxy.dialects.gathering import Gathered, Gathering

DONE: Final = "[DONE]"
EVENT_STREAM: Final = "text/event-stream"

Add = Callable[[Gathered, Json], None]  # adds one choice, whole or delta, to what was gathered of its index


def path_of(target: str) -> str:
    """A request target's path: no query, percent-escapes undone."""
    return unquote(target.partition("?")[0])


def read(content_type: str, body: bytes, truncated: bool, add: Add) -> Response:
    """A unary or streamed answer, each choice taken in by `add`. Raises Unreadable."""
    if _is_stream(content_type, body):
        return _streamed(body, add)
    if truncated:
        raise Unreadable("truncated", "a unary body longer than the capture bound")
    return _unary(body, add)


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
        gathered.tool_calls.add(an_int(call.get("index"), position))
    if message.get("function_call"):
        gathered.tool_calls.add("function_call")


def _is_stream(content_type: str, body: bytes) -> bool:
    if EVENT_STREAM in content_type.lower():
        return True
    head = body[:64].removeprefix(sse.BOM).lstrip()
    return head.startswith((b"data:", b"event:", b":"))


def _unary(body: bytes, add: Add) -> Response:
    document = parse_object(body)
    if error := _error(document):
        return Response(error=error, done=True)
    if not isinstance(document.get("choices"), list):
        raise Unreadable("malformed", "an answer without choices")
    gathering = Gathering()
    _take(document, gathering, add)
    return Response(gathering.completions(), _usage(document), done=True)


def _streamed(body: bytes, add: Add) -> Response:
    gathering, usage, error = Gathering(), None, ""
    done = False
    for event in sse.events(body):
        if event.data.strip() == DONE:
            done = True
            break
        document = parse_object(event.data)
        error = error or _error(document) or (event.data[:200] if event.type == "error" else "")
        usage = _usage(document) or usage
        _take(document, gathering, add)
    return Response(gathering.completions(), usage, error, done)


def _take(document: Json, gathering: Gathering, add: Add) -> None:
    for position, choice in enumerate(map(an_object, a_list(document.get("choices")))):
        gathered = gathering.at(an_int(choice.get("index"), position))
        gathered.finish_reason = a_text(choice.get("finish_reason")) or gathered.finish_reason
        add(gathered, choice)


def _error(document: Json) -> str:
    """The message of an error object; OpenAI's, vLLM's older shape, or a bare string."""
    if document.get("object") == "error":
        return a_text(document.get("message")) or "error"
    error = document.get("error")
    if not error:
        return ""
    return a_text(error) or a_text(an_object(error).get("message")) or "error"


def _usage(document: Json) -> Usage | None:
    usage = document.get("usage")
    if not isinstance(usage, dict):
        return None
    return Usage(an_int(usage.get("prompt_tokens")), an_int(usage.get("completion_tokens")))
