"""The Open Inference Protocol (KServe v2) and Triton's generate extension: text in tensors, or in plain fields.

`POST .../v2/models/NAME[/versions/V]/infer`, `/generate` or `/generate_stream`. Neither says which tensor holds the
prompt and which the answer: models name them. A well-known name is taken first, else the only text there is; where
neither tells, the exchange is opaque, as are tensors of numbers and binary tensors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from proxy.core.errors import Unreadable
from proxy.dialects import bodies
from proxy.dialects.contract import Request, Response
from proxy.dialects.fields import Json, a_text, an_int, an_object, healed, parse_object
from proxy.dialects.gathering import Draft
from proxy.dialects.paths import posts_to
from proxy.dialects.tgi import FINISH

_PATH: Final = re.compile(r"/v2/models/.+/(?:infer|generate|generate_stream)/?$")
_PROMPTS: Final = ("text_input", "prompt", "prompts", "inputs", "input", "input_text", "text_inputs", "text", "query")
_ANSWERS: Final = ("text_output", "generated_text", "output_text", "completion", "outputs", "output", "text")
_NO_TEXT: Final = frozenset({"id", "model", "model_name", "model_version", "finish_reason", "error"})
_BINARY: Final = b'"binary_data_size"'
_STREAM_ENDS: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")

Texts = Mapping[str, Sequence[str]]  # by lower-case name


class KServe:
    """Batches of prompts, several outputs, streams without an end mark. Triton's LLM backends repeat the prompt."""

    name = "kserve"

    def matches(self, method: str, path: str) -> bool:
        """POST to a model's infer, generate or generate_stream."""
        return posts_to(method, path, _PATH)

    def request(self, body: bytes) -> Request:
        """Raises Unreadable("malformed"), or Unreadable("opaque") where no text is certain to be the prompt."""
        document = _document(body)
        prompts = _chosen(_texts(document, "inputs"), _PROMPTS)
        if prompts is None:
            raise Unreadable("opaque", "no tensor or field is certain to be the prompt")
        parameters = an_object(document.get("parameters"))
        return Request(
            prompts=tuple(map(healed, prompts)),
            n=max(an_int(parameters.get("n"), 1), 1),
            stream=True in (parameters.get("stream"), document.get("stream")),
            echo=True,
        )

    def response(self, content_type: str, body: bytes, truncated: bool) -> Response:
        """Raises Unreadable("malformed" or "truncated"), or Unreadable("opaque") where no text is certain."""
        if not bodies.is_stream(content_type, body):
            return bodies.unary(body, truncated, _whole, _document)
        response = bodies.streamed(body, _event)
        ended = not truncated and not response.error and body.endswith(_STREAM_ENDS)
        return replace(response, done=response.done or ended)


def _document(body: bytes) -> Json:
    try:
        return parse_object(body)
    except Unreadable:
        if _BINARY in body:
            raise Unreadable("opaque", "binary tensors") from None
        raise


def _whole(document: Json, draft: Draft) -> None:
    if _chosen(_texts(document, "outputs"), _ANSWERS) is None:
        raise Unreadable("opaque", "no tensor or field is certain to be the answer")
    _event(document, draft)


def _event(document: Json, draft: Draft) -> None:
    reason = a_text(an_object(document.get("details")).get("finish_reason")) or a_text(document.get("finish_reason"))
    for index, text in enumerate(_chosen(_texts(document, "outputs"), _ANSWERS) or ()):
        gathered = draft.answers.at(index)
        gathered.text.append(text)
        gathered.finish_reason = FINISH.get(reason, reason) or gathered.finish_reason


def _texts(document: Json, tensors: str) -> Texts:
    """The texts by name: of the tensors where there are any, else of the fields."""
    if isinstance(document.get(tensors), list) and all(isinstance(one, dict) for one in document[tensors]):
        return dict(_of_tensors(document[tensors]))
    fields = ((name.lower(), _flat(value)) for name, value in document.items() if name not in _NO_TEXT)
    return {name: texts for name, texts in fields if texts}


def _of_tensors(tensors: Sequence[Json]) -> Iterator[tuple[str, Sequence[str]]]:
    for tensor in tensors:
        if tensor.get("datatype") == "BYTES" and (texts := _flat(tensor.get("data"))):
            yield a_text(tensor.get("name")).lower(), texts


def _flat(value: Any) -> list[str]:
    """The strings of a nested list, or the one string; empty where anything else is among them."""
    found: list[str] = []
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, list):
            rest.extend(reversed(one))
        else:
            return []
    return found


def _chosen(texts: Texts, names: Sequence[str]) -> Sequence[str] | None:
    known = next((texts[name] for name in names if name in texts), None)
    return next(iter(texts.values())) if known is None and len(texts) == 1 else known
