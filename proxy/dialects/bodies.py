"""How an answer comes, in every API: one JSON document, or a stream of events. Errors may stand in both, under a 200.

A dialect says what one document means; this file finds the documents, the errors among them, and the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from proxy.core.errors import Unreadable
from proxy.dialects import sse
from proxy.dialects.contract import Response, Usage
from proxy.dialects.fields import Json, a_count, a_text, an_object, parse_object
from proxy.dialects.gathering import Draft

DONE: Final = "[DONE]"
EVENT_STREAM: Final = "text/event-stream"

Take = Callable[[Json, Draft], None]  # takes one document into the draft; sets `done` where it is the last


def read(content_type: str, body: bytes, truncated: bool, *, whole: Take, event: Take) -> Response:
    """A unary answer, taken by `whole`, or a streamed one, taken by `event`. Raises Unreadable."""
    return streamed(body, event) if is_stream(content_type, body) else unary(body, truncated, whole)


def is_stream(content_type: str, body: bytes) -> bool:
    """Whether it is an event stream; the bytes tell where a server labels it wrongly."""
    if EVENT_STREAM in content_type.lower():
        return True
    head = body[:64].removeprefix(sse.BOM).lstrip()
    return head.startswith((b"data:", b"event:", b":"))


def unary(body: bytes, truncated: bool, take: Take, load: Callable[[bytes], Json] = parse_object) -> Response:
    """One document. Raises Unreadable("truncated"), or what `load` and `take` raise.

    No beginning of an object is itself one: a body that loads is whole, whatever became of the bytes after it.
    """
    try:
        document = load(body)
    except Unreadable as finding:
        if truncated and finding.reason == "malformed":
            raise Unreadable("truncated", "a unary body of which the end is missing") from None
        raise
    if error := error_of(document):
        return Response(error=error, done=True)
    draft = Draft()
    take(document, draft)
    draft.done = True
    return draft.response()


def streamed(body: bytes, take: Take) -> Response:
    """The events up to the end mark: [DONE], or the one with which `take` sets `done`. What follows is not read."""
    draft = Draft()
    for event in sse.events(body):
        if event.data.strip() == DONE:
            draft.done = True
            break
        document = parse_object(event.data)
        draft.error = draft.error or error_of(document) or (event.data[:200] if event.type == "error" else "")
        take(document, draft)
        if draft.done:
            break
    return draft.response()


def error_of(document: Json) -> str:
    """The message of an error, in any API's shape; "" where the document is none."""
    error = document.get("error")
    if text := a_text(error) or a_text(an_object(error).get("message")):
        return text
    if error or "error" in (document.get("object"), document.get("type")):
        return a_text(document.get("message")) or "error"
    return ""


def usage_of(counts: object, prompt: str, completion: str) -> Usage | None:
    """Token counts under these two names, where there are any; OpenAI keeps the shares in `NAME_details`."""
    if not isinstance(counts, dict):
        return None
    return Usage(
        a_count(counts.get(prompt)) or 0,
        a_count(counts.get(completion)) or 0,
        cached_tokens=a_count(an_object(counts.get(f"{prompt}_details")).get("cached_tokens")),
        reasoning_tokens=a_count(an_object(counts.get(f"{completion}_details")).get("reasoning_tokens")),
    )
