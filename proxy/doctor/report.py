"""The findings for people and for machines. Pure: words, and the style of each piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any, Final, NamedTuple

from proxy import VERSION
from proxy.doctor.finding import Finding, Level
from proxy.doctor.rounds import Diagnosis


class Marks(NamedTuple):
    """How levels and mends are marked."""

    of: Mapping[Level, str]
    mend: str


PLAIN: Final = Marks({Level.OK: "ok  ", Level.NOTE: "note", Level.WARN: "WARN", Level.FAIL: "FAIL"}, "-> ")
SIGNED: Final = Marks({Level.OK: "✓", Level.NOTE: "·", Level.WARN: "!", Level.FAIL: "✗"}, "→ ")
STYLES: Final[Mapping[Level, str]] = {
    Level.OK: "green",
    Level.NOTE: "cyan",
    Level.WARN: "bold yellow",
    Level.FAIL: "bold red",
}
WIDTH_MIN: Final = 40


class Piece(NamedTuple):
    """Some words and their style, in rich's names; "" is plain."""

    text: str
    style: str = ""


Line = Sequence[Piece]


def lines(diagnosis: Diagnosis, width: int, *, signs: bool) -> Iterator[Line]:
    """The report, no line wider than `width` characters where words allow it. `signs`: for a terminal."""
    yield [Piece(f"Groundwire {VERSION}", "bold"), Piece(f"  {diagnosis.source}", "dim")]
    for told in diagnosis.told:
        yield []
        yield [Piece(told.title, "bold")]
        for finding in told.findings:
            yield from _finding(finding, max(width, WIDTH_MIN), SIGNED if signs else PLAIN)
    yield []
    yield [_verdict(diagnosis)]


def _finding(finding: Finding, width: int, marks: Marks) -> Iterator[Line]:
    mark = f"  {marks.of[finding.level]} "
    room, indent = width - len(mark), " " * len(mark)
    first, *rest = wrap(finding.what, room, break_long_words=False) or [""]
    beside = bool(finding.where) and not rest and len(first) + len(finding.where) + 2 <= room
    yield [Piece(mark, STYLES[finding.level]), Piece(first), *([Piece(f"  {finding.where}", "dim")] if beside else [])]
    yield from ([Piece(indent + text)] for text in rest)
    if finding.where and not beside:
        yield [Piece(indent + finding.where, "dim")]
    for at, text in enumerate(wrap(finding.mend, room - len(marks.mend), break_long_words=False)):
        begin = " " * len(marks.mend) if at else marks.mend
        yield [Piece(indent + begin + text, STYLES[finding.level].removeprefix("bold "))]


def _verdict(diagnosis: Diagnosis) -> Piece:
    failed, warned = diagnosis.count(Level.FAIL), diagnosis.count(Level.WARN)
    warnings = f"{warned} warning{'s' if warned > 1 else ''}" if warned else ""
    if failed:
        return Piece(f"{failed} to mend" + (f", {warnings}" if warned else "") + ".", STYLES[Level.FAIL])
    if warned:
        return Piece(f"Nothing is broken; {warnings}.", STYLES[Level.WARN])
    return Piece("All is well.", STYLES[Level.OK])


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """The report for machines; its fields stay as they are within a major version."""
    return {
        "version": VERSION,
        "settings": diagnosis.source,
        "ok": diagnosis.exit_code == 0,
        "counts": {level.value: diagnosis.count(level) for level in Level},
        "findings": [
            {
                "check": told.title,
                "level": one.level.value,
                "what": one.what,
                "where": one.where,
                "mend": one.mend,
            }
            for told in diagnosis.told
            for one in told.findings
        ],
    }
