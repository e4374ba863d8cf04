"""The evidence record: all from which a decision can be computed again. JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Record:
    """`id` is made from the content; `at_s` is Unix time; `body` is plain JSON (keys: `inputs`, `decision`)."""

    id: str
    at_s: float
    route: str
    body: Mapping[str, Any]


def to_bytes(record: Record) -> bytes:
    """Canonical JSON."""
    raise NotImplementedError


def from_bytes(data: bytes) -> Record:
    """Read a record. Raises StateError."""
    raise NotImplementedError
