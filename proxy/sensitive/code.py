"""How much of a text is program code: fences say so; outside of them each line is judged by a few marks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_FENCE: Final = ("```", "~~~")
_LEAST: Final = 2  # marks that make a line code

# Each is one mark. All are anchored or bounded, so that a line costs linear time.
_STATEMENT = re.compile(
    r"\s*(?:def |class |import |from \w+(?:\.\w+)* import|return\b|if \(|if .{1,200}:$|for \(|for \w+ in |while ?\("
    r"|else:|elif "
    r"|try:|except\b|#include|#define|using |namespace |public |private |static |void |int |const |let |var "
    r"|function\b|fn |func "
    r"|package |struct |enum |impl |match |switch ?\(|case .{1,100}:|print(?:f|ln)?\(|console\.|SELECT "
    r"|INSERT INTO |UPDATE |CREATE TABLE"
    r"|FROM \w|WHERE \w|<\?php|</?\w{1,20}[ >/]|\$ \w|sudo |git |pip |npm |@\w+\b|async |await |lambda )"
)
_ENDING = re.compile(r"[;{}]\s*$|^\s*[\])}]+[;,)]*\s*$")
_CALL = re.compile(r"\b\w+(?:\.\w+)*\([^()\s]*\)|\w\[\w+\]")
_OPERATOR = re.compile(r" (?:=|==|!=|=>|->|\+=|-=|&&|\|\||:=|<=|>=|<<|>>|\+\+|::) ?|::\w|->\w|\w=\w|\w\+\+")
_INDENT = re.compile(r"(?: {4}|\t)\s*\S")
_COMMENT = re.compile(r"\s*(?://|/\*|\*/|#!|# \w|--\s)")
_MARKS: Final = (_STATEMENT, _INDENT, _COMMENT)
_MARKS_ANYWHERE: Final = (_ENDING, _CALL, _OPERATOR)
_PROSE = re.compile(r"[A-Za-z,'-]+(?: [A-Za-z,'-]+){7}")  # eight words in a row
_LINE_CHARS_MAX: Final = 400  # of a line that is looked at


def code_share(text: str) -> float:
    """The share, 0 to 1, of the characters (blanks left out) in fenced blocks or in lines that read as code."""
    total = code = 0
    for line, fenced in _lines(text):
        weight = len(line.replace(" ", ""))
        total += weight
        if fenced or is_code_line(line):
            code += weight
    return code / total if total else 0.0


def is_code_line(line: str) -> bool:
    """Whether a line by itself reads as code: two marks, or one and no prose around it."""
    line = line[:_LINE_CHARS_MAX]
    marks = sum(mark.match(line) is not None for mark in _MARKS)
    marks += sum(mark.search(line) is not None for mark in _MARKS_ANYWHERE)
    return marks >= _LEAST and _PROSE.search(line) is None


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line that is not blank, and whether a fence holds it. A fence that is never closed runs to the end."""
    fenced = False
    for line in text.split("\n"):
        bare = line.strip()
        if bare.startswith(_FENCE):
            fenced = not fenced
        elif bare:
            yield bare if fenced else line, fenced
