"""What a request says beside its texts, in the words of every API: who asks, and whether the answer must be JSON."""

from __future__ import annotations

from typing import Final

from proxy.dialects.fields import Json, a_text, an_object

USER_CHARS_MAX: Final = 512
_ANY: Final[Json] = {}  # JSON of any shape


def user_of(document: Json) -> str:
    """The end user as the client names them, by `safety_identifier`, `user` or `metadata.user_id`; else ""."""
    named = a_text(document.get("safety_identifier")) or a_text(document.get("user"))
    return (named or a_text(an_object(document.get("metadata")).get("user_id")))[:USER_CHARS_MAX]


def schema_of(document: Json) -> Json | None:
    """The JSON schema that the answer must fit; empty where any JSON will do, None where none was asked for.

    `response_format` (OpenAI, vLLM, llama.cpp), `text.format` (Responses), `output_config.format` and `output_format`
    (Anthropic), `format` (Ollama), `parameters.grammar` (TGI), `guided_json`, `json_schema` and
    `structured_outputs.json` (vLLM, llama.cpp).
    """
    for found in (
        document.get("response_format"),
        an_object(document.get("text")).get("format"),
        an_object(document.get("output_config")).get("format"),
        document.get("output_format"),
        an_object(document.get("parameters")).get("grammar"),
    ):
        if (schema := _of_format(an_object(found))) is not None:
            return schema
    return _bare(document)


def _of_format(form: Json) -> Json | None:
    """A format is named by its type: {"type": "json_schema", "json_schema": {"schema": ...}}, and shorter ways."""
    kind = a_text(form.get("type"))
    if kind not in ("json_object", "json_schema", "json"):
        return None
    inner = an_object(form.get("json_schema"))
    return an_object(inner.get("schema") or form.get("schema") or form.get("value"))


def _bare(document: Json) -> Json | None:
    """A field that is the schema itself, or Ollama's word "json"."""
    if document.get("format") == "json":
        return _ANY
    structured = an_object(document.get("structured_outputs")).get("json")
    for found in (document.get("format"), document.get("guided_json"), document.get("json_schema"), structured):
        if isinstance(found, dict) and found:
            return found
    return None
