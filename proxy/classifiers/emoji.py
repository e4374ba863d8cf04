"""Emoji in words: the encoder's vocabulary has none, and to it they would all be one unknown token.

A character's Unicode name says what it shows ("pouting face"), in words that the encoder knows. Pure; character by
character, so that a text's words can still be read one by one.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_EMOJI: Final = re.compile("[\u2600-\u27bf\u2b50\u2b55\U0001f000-\U0001faff\ufe0f\u200d]")
_FLAG_LETTER: Final = "REGIONAL INDICATOR SYMBOL LETTER "
_TONE: Final = "EMOJI MODIFIER"


def spelt_out(text: str) -> str:
    """The text with each emoji as its name between blanks; skin tones, joiners and unnamed ones are blanks."""
    return text if text.isascii() else _EMOJI.sub(_name, text)


def _name(found: re.Match[str]) -> str:
    name = unicodedata.name(found[0], "")
    if name.startswith(_TONE) or not name or name.startswith(("VARIATION", "ZERO WIDTH")):
        return " "
    return f" {name.removeprefix(_FLAG_LETTER).lower()} "
