"""Dataclasses from plain JSON values and back, for data that `load.py` has already validated."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """The dataclass as JSON values."""
    return asdict(value)


def from_plain(cls: type[T], data: Any) -> T:
    """Build `cls` from what `to_plain` gave. Raises KeyError or TypeError on other data."""
    hints = get_type_hints(cls)
    return cls(**{f.name: _build(hints[f.name], data[f.name]) for f in fields(cls) if f.name in data})  # type: ignore[arg-type]


def _build(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        return from_plain(kind, value)
    if origin is tuple:
        return tuple(_build(get_args(kind)[0], item) for item in value)
    if origin is dict:
        return {key: _build(get_args(kind)[1], item) for key, item in value.items()}
    return value
