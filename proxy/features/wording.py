"""One plain form of a text for cue lists: lower case, straight quotes, single spaces. Offsets are not kept."""

from __future__ import annotations

import re
from typing import Final

_STRAIGHT: Final = (
    ("\u2018", "'"),
    ("\u2019", "'"),
    ("\u02bc", "'"),
    ("\u201c", '"'),
    ("\u201d", '"'),
    ("\u2013", "-"),
    ("\u2014", " - "),
)
_QUOTED: Final = re.compile(r'"[^"]{1,400}"')


def plain(text: str) -> str:
    """Lower case, typographic quotes and dashes made straight, all white space one blank."""
    if not text.isascii():  # one replace a mark is several times as quick as str.translate
        for mark, straight in _STRAIGHT:
            text = text.replace(mark, straight)
    return " ".join(text.lower().split())


def unquoted(text: str) -> str:
    """The text without what stands in double quotes: said by another voice. A text that is all quote stays."""
    rest = _QUOTED.sub(" ", text) if '"' in text else text
    return rest if len(rest) * 2 > len(text) else text
