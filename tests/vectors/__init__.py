"""Recorded and hand-written bodies, one file each; README.md says where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
CONTENT_TYPES: Final = {
    ".sse": "text/event-stream",
    ".ndjson": "application/x-ndjson",
    ".json": "application/json",
}


def vector(name: str) -> bytes:
    """The bytes of `dialect/file`."""
    return (FOLDER / name).read_bytes()


def content_type(name: str) -> str:
    """What a server says of such a file."""
    return CONTENT_TYPES[Path(name).suffix]


def names(folder: str) -> list[str]:
    """Every vector of a dialect."""
    return sorted(f"{folder}/{path.name}" for path in (FOLDER / folder).iterdir())
