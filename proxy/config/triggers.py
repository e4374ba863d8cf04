"""The known triggers from their file, every mistake named by file, line and key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.config.document import Document, validate
from proxy.config.files import SHIPPED, text_of
from proxy.core.declare import FORBID_UNKNOWN

FILE: Final = SHIPPED / "triggers.yaml"
TRIGGERS_MAX: Final = 64
PATTERN_CHARS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Trigger:
    """One known trigger: `pattern` is an RE2 expression that is searched in the prompt."""

    __pydantic_config__ = FORBID_UNKNOWN
    pattern: str
    description: str

    def __post_init__(self) -> None:
        if not 0 < len(self.pattern) <= PATTERN_CHARS_MAX:
            raise ValueError(f"a pattern has 1 to {PATTERN_CHARS_MAX} characters")


@dataclass(frozen=True, slots=True)
class Triggers:
    """All known triggers, by name."""

    __pydantic_config__ = FORBID_UNKNOWN
    triggers: Mapping[str, Trigger]

    def __post_init__(self) -> None:
        if len(self.triggers) > TRIGGERS_MAX:
            raise ValueError(f"{len(self.triggers)} triggers; at most {TRIGGERS_MAX} can be given")
        for name in self.triggers:
            if not name.isascii() or not name.replace("_", "").isalnum() or len(name) > TRIGGERS_MAX:
                raise ValueError(f"{name!r} is no name: letters, digits and underscores, as in year_tag")


def parse_triggers(text: str, source: str) -> Triggers:
    """Triggers from the text of a file; `source` is named in errors. Raises ConfigError."""
    return validate(Triggers, Document(text, source))


def read_triggers(path: Path = FILE) -> Triggers:
    """Read a file of triggers. Raises ConfigError."""
    return parse_triggers(text_of(path), str(path))
