"""What a check says. Pure data."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

_CREDENTIALS: Final = re.compile(r"://[^/@\s]*@")


class Level(StrEnum):
    """OK: as it should be. NOTE: worth knowing. WARN: it will hurt one day. FAIL: mend it, or it does not work."""

    OK = "ok"
    NOTE = "note"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence on one thing. `where`: a setting, a file or an address. `mend`: what to do, in one sentence; WARN
    and FAIL always have it.
    """

    level: Level
    what: str
    where: str = ""
    mend: str = ""

    def __post_init__(self) -> None:
        if self.level in (Level.WARN, Level.FAIL) and not self.mend:
            raise ValueError(f"a {self.level} needs a mend: {self.what}")


def ok(what: str, where: str = "") -> Finding:
    """As it should be."""
    return Finding(Level.OK, what, where)


def note(what: str, where: str = "", mend: str = "") -> Finding:
    """Worth knowing."""
    return Finding(Level.NOTE, what, where, mend)


def warn(what: str, where: str, mend: str) -> Finding:
    """It works, and will hurt one day."""
    return Finding(Level.WARN, what, where, mend)


def fail(what: str, where: str, mend: str) -> Finding:
    """It does not work so."""
    return Finding(Level.FAIL, what, where, mend)


def redacted(finding: Finding) -> Finding:
    """Without the user and password of any URL in it."""
    what, where, mend = (_CREDENTIALS.sub("://***@", text) for text in (finding.what, finding.where, finding.mend))
    return replace(finding, what=what, where=where, mend=mend)
