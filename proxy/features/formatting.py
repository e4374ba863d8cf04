"""How an answer is laid out: the marks of Markdown, counted."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_LIST_ITEM: Final = re.compile(r"^[ \t]*(?:[-*+\u2022]|\d{1,3}[.)])[ \t]+\S", re.MULTILINE)
_HEADING: Final = re.compile(r"^#{1,6}[ \t]+\S", re.MULTILINE)
_FENCE: Final = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_TABLE_ROW: Final = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.MULTILINE)
_EMOJI: Final = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")


class Formatting(NamedTuple):
    """Counts. A code block is two fences; `bold` is pairs of ** or __; a link is [text](address) or a bare address."""

    list_items: int
    headings: int
    code_blocks: int
    bold: int
    table_rows: int
    links: int
    emoji: int


def formatting(text: str) -> Formatting:
    """The counts of a text. Each pattern runs only where its mark occurs at all."""
    return Formatting(
        list_items=len(_LIST_ITEM.findall(text)),
        headings=len(_HEADING.findall(text)) if "#" in text else 0,
        code_blocks=(len(_FENCE.findall(text)) + 1) // 2 if "```" in text or "~~~" in text else 0,
        bold=(text.count("**") + text.count("__")) // 2,
        table_rows=len(_TABLE_ROW.findall(text)) if "|" in text else 0,
        links=text.count("](") + text.count("http://") + text.count("https://") - text.count("](http"),
        emoji=0 if text.isascii() else len(_EMOJI.findall(text)),
    )
