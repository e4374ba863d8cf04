"""How settings and policies are declared: plain dataclass fields that carry their meaning and their reason."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final

FORBID_UNKNOWN: Final = {"extra": "forbid"}  # the validator's rule, as `__pydantic_config__` of a dataclass


def setting(default: Any, doc: str, why: str = "") -> Any:
    """A field with its meaning and the reason for its default. A callable default is called for each object."""
    meta = {"doc": doc, "why": why}
    if callable(default):
        return field(default_factory=default, metadata=meta)
    return field(default=default, metadata=meta)
