"""Whether a text is in a language that a model was trained on. Cheap, and generous: what is not plainly foreign is in.

A script other than Latin is foreign. In Latin script function words tell (features/script.py for the large languages,
some more here), and letters that English does not have. A short text ("ok"), code, names and numbers stay in scope.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from proxy.features.script import LATIN, main_script, other_language

ENGLISH: Final = "en"
OTHER: Final = "other"  # a language that has no code here
ANY: Final = "*"  # in a model's `languages`: it reads all

GLANCED_CHARS: Final = 200  # most texts are plainly English from their first line on
GLANCED_WORDS_MIN: Final = 12
PLAINLY_ENGLISH_EVERY: Final = 4
GUESSED_CHARS: Final = 1_000
ENGLISH_EVERY: Final = 6  # a text in which every sixth word is a common English one is English
FOREIGN_EVERY: Final = 6  # of its words, one in so many must be a function word of one other language
FOREIGN_WORDS_MIN: Final = 3  # of them different, and none shared with English
ACCENTED_EVERY: Final = 20  # letters: one in so many beyond ASCII, in words that are not English
ACCENTED_WORDS_MIN: Final = 2  # of them different, and one more word: a name alone is no language

_CODES: Final[Mapping[str, str]] = {
    "spanish": "es",
    "french": "fr",
    "german": "de",
    "portuguese": "pt",
    "italian": "it",
    "dutch": "nl",
    "polish": "pl",
    "turkish": "tr",
    "indonesian": "id",
}
# Words of English and of no other language here. Dialect and chat English too: "dat", "da" and "hoe" are Dutch or
# Turkish to a list that knows only the standard, and whoever writes so would go unread.
_ENGLISH_ALONE: Final = frozenset(
    "the and to is that it you for are with this be have not can your will from they by at what which how if would "
    "there their about should but could these those were has been its my she please just like get don all more when "
    "who why make some one out up write give tell her him his them let put really ll ve re im dont cant gonna wanna "
    "gotta ain aint yall u ur lol bro got know want need think see say go going because after before into over than "
    "then too any".split()
)
_SHARED: Final = frozenset("a of in on or an as do we he me no so was i".split())  # English, and others' too
_MORE: Final[Mapping[str, frozenset[str]]] = {
    "sv": frozenset("och det att som är jag inte på med för av ett den kan du vi till har om hur vad var".split()),
    "da": frozenset("og det er jeg ikke på med af et den kan du vi til har hvordan hvad var som der".split()),
    "fi": frozenset("ja on ei se että en ole mutta kun niin mitä miten voi olen hän tämä myös kuin ovat sinä".split()),
    "cs": frozenset("je se že na to jsem jak není ale pro jsou tak jako nebo když jen od ve co který byl".split()),
    "ro": frozenset("este nu și că în pe cu mai sunt pentru din sau cum ce care dar ai fi acest poate".split()),
    "hu": frozenset("az nem hogy és egy van de meg ez csak már mint vagy kell lehet hogyan azt ha mi".split()),
    "tl": frozenset("ang ng mga sa na ay hindi ko mo ako siya kung para ito ka naman lang paano ba po".split()),
    "sw": frozenset("na ya wa kwa ni katika la za hii kama hiyo lakini pia au yako wewe mimi jinsi cha kuwa".split()),
    "vi": frozenset("không là của và có cho một tôi bạn được người này trong những khi với như để làm thế".split()),
}
_WORD: Final = re.compile(r"[^\W\d_]+")


def is_in_scope(text: str, languages: Collection[str]) -> bool:
    """Whether a model for these languages (ISO 639-1 codes, or "*") should be asked about a text."""
    return ANY in languages or language(text) in languages


def language(text: str) -> str:
    """ISO 639-1 code of a text's language where it is plain, OTHER where it is plainly not English, else "en"."""
    if main_script(text) not in (LATIN, ""):
        return OTHER
    begin = _WORD.findall(text[:GLANCED_CHARS].lower())
    if sum(word in _ENGLISH_ALONE for word in begin) * PLAINLY_ENGLISH_EVERY >= max(len(begin), GLANCED_WORDS_MIN):
        return ENGLISH
    words = _WORD.findall(text[:GUESSED_CHARS].lower())
    if sum(word in _ENGLISH_ALONE for word in words) * ENGLISH_EVERY >= len(words):
        return ENGLISH
    known = other_language(text)
    return _CODES.get(known, OTHER) if known else _smaller(words)


def _smaller(words: list[str]) -> str:
    distinct = set(words)
    for code, known in _MORE.items():
        found = (distinct & known) - _SHARED - _ENGLISH_ALONE
        if len(found) >= FOREIGN_WORDS_MIN and sum(word in found for word in words) * FOREIGN_EVERY >= len(words):
            return code
    return OTHER if _is_accented(words) else ENGLISH


def _is_accented(words: list[str]) -> bool:
    letters = sum(map(len, words))
    accented = [word for word in words if not word.isascii()]
    beyond = sum(not letter.isascii() for word in accented for letter in word)
    enough = len(words) > ACCENTED_WORDS_MIN <= len(set(accented))
    return enough and beyond * ACCENTED_EVERY >= letters
