"""A text as bytes, one for each character: byte offsets are character offsets, and patterns need to know ASCII only.

Dashes, spaces and digits of other scripts become their ASCII likes, so that a number in typographic dress is still
read; every other letter becomes LETTER, anything else a blank. Lone surrogates and NUL pass through as such.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LETTER: Final = "\xff"  # stands for any letter outside ASCII

_OTHER = re.compile(r"[^\x00-\x7f]+")
_ALIKE: Final = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-"),
    **dict.fromkeys("\u2018\u2019\u02bc\u00b4", "'"),
    **dict.fromkeys("\u201c\u201d\u201e", '"'),
    "\uff20": "@",
    "\uff0e": ".",
    "\u2024": ".",
    "\uff1a": ":",
    "\uff0b": "+",
    "\uff08": "(",
    "\uff09": ")",
}


def flatten(text: str) -> bytes:
    """Latin-1 bytes of the same length as the text; never raises."""
    if not text.isascii():
        text = _OTHER.sub(lambda run: "".join(map(_alike, run[0])), text)
    return text.encode("latin-1")


def _alike(char: str) -> str:
    known = _ALIKE.get(char)
    if known is not None:
        return known
    if char.isalpha():
        return LETTER
    digit = unicodedata.decimal(char, None)
    return " " if digit is None else str(digit)
