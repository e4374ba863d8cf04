"""Text Generation Inference, its native API: `POST /generate`, `/generate_stream`, and `/`, which does either.

Servers of other kinds have a /generate too (SGLang, vLLM's tokens in and out): their bodies are opaque here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from proxy.core.errors import Unreadable
from proxy.dialects import bodies
from proxy.dialects.asking import schema_of
from proxy.dialects.contract import LENGTH, STOP, Request, Response, Usage
from proxy.dialects.fields import Json, a_count, a_list, a_text, an_int, an_object, healed, parse, parse_object
from proxy.dialects.gathering import Draft, Gathered
from proxy.dialects.paths import posts_to

_PATH: Final = re.compile(r"/generate(?:_stream)?/?$|^(?:https?://[^/]*)?/$")
FINISH: Final[Mapping[str, str]] = {"eos_token": STOP, "stop_sequence": STOP, "length": LENGTH}


class TGI:
    """Unary and streamed; `best_of` with details gives the other candidates too."""

    name = "tgi"

    def matches(self, method: str, path: str) -> bool:
        """POST to /generate or /generate_stream, with any prefix, or to /."""
        return posts_to(method, path, _PATH)

    def request(self, body: bytes) -> Request:
        """Raises Unreadable("malformed"), or Unreadable("opaque") where `inputs` is no text."""
        document = parse_object(body)
        inputs, parameters = document.get("inputs"), an_object(document.get("parameters"))
        if not isinstance(inputs, str):
            raise Unreadable("opaque", "no text in `inputs`: another server's generate")
        return Request(
            model=healed(a_text(parameters.get("adapter_id"))),
            prompts=(healed(inputs),),
            n=max(an_int(parameters.get("best_of"), 1), 1),
            stream=document.get("stream") is True,
            echo=parameters.get("return_full_text") is True,
            schema=schema_of(document),
        )

    def response(self, content_type: str, body: bytes, truncated: bool) -> Response:
        """Raises Unreadable("malformed" or "truncated")."""
        if bodies.is_stream(content_type, body):
            return bodies.streamed(body, _event)
        return bodies.unary(body, truncated, _whole, _only)


def _only(body: bytes) -> Json:
    """The answer; at `/` it stands in a list by itself."""
    value = parse(body)
    inner = value[0] if isinstance(value, list) and len(value) == 1 else value
    if not isinstance(inner, dict):
        raise Unreadable("malformed", "an answer that is no object")
    return inner


def _whole(document: Json, draft: Draft) -> None:
    if not isinstance(document.get("generated_text"), str):
        raise Unreadable("malformed", "an answer without generated_text")
    details = an_object(document.get("details"))
    others = map(an_object, a_list(details.get("best_of_sequences")))
    _add(document, details, draft.answers.at(0))
    for index, other in enumerate(others, start=1):
        _add(other, other, draft.answers.at(index))
    _count(details, draft)


def _event(document: Json, draft: Draft) -> None:
    """A token, and with the last one the details and the text again."""
    token = document.get("token")
    if not isinstance(token, dict):
        return
    gathered = draft.answers.at(0)
    if token.get("special") is not True:
        gathered.text.append(a_text(token.get("text")))
    draft.done = isinstance(document.get("generated_text"), str) or isinstance(document.get("details"), dict)
    if draft.done:
        details, last = an_object(document.get("details")), Gathered()
        _add(document, details, last)
        gathered.fill(last)
        gathered.finish_reason = last.finish_reason
        _count(details, draft)


def _add(answer: Json, details: Json, gathered: Gathered) -> None:
    reason = a_text(details.get("finish_reason"))
    gathered.text.append(a_text(answer.get("generated_text")))
    gathered.finish_reason = FINISH.get(reason, reason)


def _count(details: Json, draft: Draft) -> None:
    if details:
        prompt = a_count(details.get("input_length")) or len(a_list(details.get("prefill")))
        draft.usage = Usage(prompt, a_count(details.get("generated_tokens")) or 0)
