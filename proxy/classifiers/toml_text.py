"""Writes the TOML that this program itself reads back: texts, numbers, lists, tables, arrays of tables."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any


def toml_text(values: Mapping[str, Any]) -> str:
    """A document. Raises ValueError for a value that TOML, or a model, has no use for."""
    plain = [f"{_key(key)} = {_value(value)}" for key, value in values.items() if not _is_table(value)]
    parts = ["\n".join(plain)] if plain else []
    for key, value in values.items():
        if isinstance(value, Mapping):
            parts.append(f"[{_key(key)}]\n{_entries(value)}")
        elif _is_table(value):
            parts.extend(f"[[{_key(key)}]]\n{_entries(one)}" for one in value)
    return "\n\n".join(parts) + "\n"


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, Sequence) and bool(value) and all(isinstance(one, Mapping) for one in value)
    )


def _entries(values: Mapping[str, Any]) -> str:
    return "\n".join(f"{_key(key)} = {_value(value)}" for key, value in values.items())


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else _text(key)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_value, value))}]"
    raise ValueError(f"{value!r} has no place in a model's TOML")


def _text(text: str) -> str:
    """A TOML basic string escapes as JSON does, and DEL besides."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
