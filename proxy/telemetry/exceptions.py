"""Exceptions as they may be logged: kind and places. Never the message, which may hold a user's text."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final

PLACES_MAX: Final = 8


def places_of(trace: TracebackType | None, most: int = PLACES_MAX) -> list[str]:
    """The innermost frames as "file:line function", without lines of code and without values."""
    frames = traceback.extract_tb(trace)[-most:]
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]


def told(wrong: BaseException) -> dict[str, Any]:
    """Fields of a log line. `error` is what the system says, where it is a fault of the system."""
    kinds = [type(one).__name__ for one in _chain(wrong)]
    fields: dict[str, Any] = {"kind": " from ".join(kinds), "places": places_of(wrong.__traceback__)}
    if isinstance(wrong, OSError) and wrong.errno is not None and wrong.errno > 0:
        fields["error"] = os.strerror(wrong.errno)
    return fields


def _chain(wrong: BaseException) -> Iterator[BaseException]:
    """It and what it was raised from."""
    found: BaseException | None = wrong
    for _ in range(PLACES_MAX):
        if found is None:
            return
        yield found
        found = found.__cause__
