"""Errors that name their source, say what is wrong and where, and carry the mend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class GroundwireError(Exception):
    """Base of every error that is raised on purpose. The message says what, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file: line is 1-based, key is dotted ("routes.support.pin")."""

    file: str
    line: int | None = None
    key: str = ""

    def __str__(self) -> str:
        line = f":{self.line}" if self.line is not None else ""
        key = f" ({self.key})" if self.key else ""
        return f"{self.file}{line}{key}"


class ConfigError(GroundwireError):
    """A settings or policy file that cannot be used; `problems` holds one (place, text) for each thing to mend."""

    def __init__(self, problems: list[tuple[Place, str]]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{place}: {text}" for place, text in problems))


class WireError(GroundwireError):
    """A frame on the local wire that cannot be read; the connection is closed and made anew."""


class StateError(GroundwireError):
    """A state file that cannot be read or written."""


class FramingError(GroundwireError):
    """A message whose bounds are not certain. `status` is what a client is told when its request is at fault."""

    status: ClassVar[int] = 400


class Unreadable(GroundwireError):  # noqa: N818 - it is a finding about traffic, not a fault of ours
    """A body that a dialect cannot read; `reason` is one of `observation.REASONS`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        super().__init__(f"{reason}: {detail}" if detail else reason)
