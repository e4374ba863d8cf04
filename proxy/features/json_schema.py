"""Whether an answer is the JSON that was asked for: it parses, and fits the simple part of its schema.

Of JSON Schema (draft 2020-12) these keywords are looked at: type, enum, const, required, properties, items and
additionalProperties: false. Whatever else a schema says is taken as met: an answer is called wrong only where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

DEPTH_MAX: Final = 16
ITEMS_MAX: Final = 1_000  # of one array or object; what lies beyond is taken as right

_IS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: not isinstance(value, bool) and (isinstance(value, int) or _is_whole(value)),
}


def is_json(text: str) -> bool:
    """Whether a text is one JSON value."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def fits(text: str, schema: Mapping[str, Any]) -> bool:
    """Whether a text is JSON, and its value fits the schema as far as this file understands it."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return _fits(value, schema, DEPTH_MAX)


def _fits(value: Any, schema: Any, depth: int) -> bool:
    if not isinstance(schema, dict) or depth <= 0:
        return schema is not False
    if not _is_of(value, schema.get("type")):
        return False
    if isinstance(enum := schema.get("enum"), list) and value not in enum:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if isinstance(value, dict):
        return _object_fits(value, schema, depth - 1)
    if isinstance(value, list):
        return all(_fits(item, schema.get("items", True), depth - 1) for item in value[:ITEMS_MAX])
    return True


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def _is_of(value: Any, kind: Any) -> bool:
    kinds = kind if isinstance(kind, list) else [kind]
    known = [_IS[name] for name in kinds if isinstance(name, str) and name in _IS]
    return not known or any(holds(value) for holds in known)


def _object_fits(value: dict[str, Any], schema: dict[str, Any], depth: int) -> bool:
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    if isinstance(required, list) and any(isinstance(name, str) and name not in value for name in required):
        return False
    if schema.get("additionalProperties") is False and not _is_closed_over(value, schema, properties):
        return False
    named = list(value.items())[:ITEMS_MAX]
    return all(_fits(inner, properties[name], depth) for name, inner in named if name in properties)


def _is_closed_over(value: dict[str, Any], schema: dict[str, Any], properties: dict[str, Any]) -> bool:
    """Patterns of names are beyond this file: where there are some, any name may be right."""
    return "patternProperties" in schema or value.keys() <= properties.keys()
