"""Does an answer hedge? Cues of uncertainty, against its number of sentences."""

from __future__ import annotations

import re
from typing import Final

from proxy.features.wording import plain, unquoted

READ_CHARS_MAX: Final = 16_384
SENTENCES_PER_CUE: Final = 3  # an answer with a cue in every third sentence, or more, is hedged as a whole
_CUES: Final = re.compile(
    r"\b(?:"
    r"i(?:'m| am) (?:not (?:entirely |completely |really |quite |100% |very )?(?:sure|certain|confident)|"
    r"unsure|uncertain)|"
    r"i (?:think|believe|guess|suppose|assume|suspect|would guess)|i (?:don't|do not) (?:really )?know|"
    r"i (?:could|may|might) be (?:wrong|mistaken)|as far as i (?:know|can tell)|to the best of my knowledge|"
    r"if i (?:remember|recall) correctly|not (?:entirely |completely |exactly )?(?:clear|certain|known)|"
    r"(?:it|this|that|there|they|he|she|you|which|answer) (?:may|might|could)(?: well)? (?:be|have|not|also|depend)|"
    r"it (?:seems|appears|looks like)|seems to|appears to|"
    r"perhaps|maybe|possibly|presumably|probably|likely|apparently|supposedly|allegedly|arguably|roughly|more or less|"
    r"it depends|depending on|hard to say|difficult to (?:say|tell|know)|double[- ]check|please verify|"
    r"in some cases|generally speaking|tends? to|can vary|may vary|might vary"
    r")\b"
)
_SENTENCE_END: Final = re.compile(r"[.!?](?:\s|$)")


def hedges(text: str) -> tuple[int, int]:
    """(cues of uncertainty, sentences); a text without a full stop is one sentence."""
    words = unquoted(plain(text[:READ_CHARS_MAX]))
    return len(_CUES.findall(words)), max(len(_SENTENCE_END.findall(words)), 1)


def is_hedged(text: str) -> bool:
    """Whether about every third sentence, or more, is uncertain."""
    cues, sentences = hedges(text)
    return cues * SENTENCES_PER_CUE >= sentences
