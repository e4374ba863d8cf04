"""Policies that a named person put in the place of those in the files. Kept in the store, so that they outlive a
restart and hold on every replica. Pure data and its JSON.

A promotion holds until somebody withdraws it or promotes another, or until the file that it replaced says something
else: a file that was edited afterwards is the newer word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias

import orjson

from proxy.core.errors import StateError

EVERYWHERE: Final = ""  # the scope of all routes that name no policy of their own
SCOPES_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Promotion:
    """`name` and `text` of the policy; `replaced` is the SHA-256 of the file's text in whose place it stands."""

    name: str
    text: str
    replaced: str
    who: str
    why: str
    at_s: float


Promotions: TypeAlias = Mapping[str, Promotion]  # by scope: EVERYWHERE, or a route's name


def sha256(text: str) -> str:
    """Names a policy's text, as in evidence records: 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def to_bytes(promotions: Promotions) -> bytes:
    """JSON; `from_bytes` is its inverse."""
    return orjson.dumps({scope: asdict(one) for scope, one in sorted(promotions.items())})


def from_bytes(value: bytes) -> Promotions:
    """Read promotions. Raises StateError."""
    try:
        data: dict[str, Any] = orjson.loads(value)
        return {str(scope): Promotion(**one) for scope, one in data.items()}
    except (ValueError, TypeError, AttributeError) as wrong:
        raise StateError(f"promoted policies cannot be read: {wrong!r}") from wrong
