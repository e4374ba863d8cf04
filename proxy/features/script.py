"""In which script a text is written, and whether the English cue lists can judge it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from typing import Final

LETTERS_MAX: Final = 2_000  # looked at: the main script of a text shows in its beginning
FOREIGN_SHARE_MIN: Final = 1.25  # characters to ASCII characters, from which the others are looked at one by one
LATIN: Final = "latin"
GUESSED_CHARS: Final = 1_000
GUESS_WORDS_MIN: Final = 5  # fewer words are no evidence of another language
ENGLISH_EVERY: Final = 6  # a text in which every sixth word is an English function word is English
GUESS_EVERY: Final = 12  # of its words, at least one in so many must be a function word of the other language
GUESS_LEAD: Final = 2  # function words that another language must have more than English

# (first code point, script of the letters from there on); from the Unicode block list, coarse on purpose.
_BLOCKS: Final = (
    (0x0000, LATIN), (0x0370, "greek"), (0x0400, "cyrillic"), (0x0530, "armenian"), (0x0590, "hebrew"),
    (0x0600, "arabic"), (0x0700, "other"), (0x0750, "arabic"), (0x0780, "other"), (0x08A0, "arabic"),
    (0x0900, "devanagari"), (0x0980, "bengali"), (0x0A00, "gurmukhi"), (0x0A80, "gujarati"), (0x0B00, "other"),
    (0x0B80, "tamil"), (0x0C00, "telugu"), (0x0C80, "kannada"), (0x0D00, "malayalam"), (0x0D80, "other"),
    (0x0E00, "thai"), (0x0E80, "other"), (0x10A0, "georgian"), (0x1100, "hangul"), (0x1200, "ethiopic"),
    (0x1380, "other"), (0x1E00, LATIN), (0x1F00, "greek"), (0x2000, "other"), (0x2C60, LATIN), (0x2C80, "other"),
    (0x3040, "kana"), (0x3100, "other"), (0x3130, "hangul"), (0x3190, "other"), (0x31F0, "kana"), (0x3200, "other"),
    (0x3400, "han"), (0xA000, "other"), (0xA720, LATIN), (0xA800, "other"), (0xAC00, "hangul"), (0xD7B0, "other"),
    (0xF900, "han"), (0xFB00, LATIN), (0xFB13, "other"), (0xFB50, "arabic"), (0xFE00, "other"), (0xFF21, LATIN),
    (0xFF66, "kana"), (0xFFA0, "other"), (0x20000, "han"), (0x33480, "other"),
)  # fmt: skip
_STARTS: Final = tuple(start for start, _ in _BLOCKS)

_ENGLISH: Final = frozenset(
    "the and of to is that it you for are with this be have not can your will from they or by as at what which how "
    "we an if do would there their about should but could these those was were has been its my".split()
)
# Common words that the other lists do not have: a shared word is no evidence.
_FUNCTION_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "spanish": frozenset(
        "el los las que en una por con para es del se como pero su lo está más puedo puedes usted esto ser hay muy "
        "también porque cuando sobre sin y".split()
    ),
    "french": frozenset(
        "le les des une est et que dans pour pas vous je il nous sur avec ce qui mais cette sont au aux ne être votre "
        "comme peut plus elle".split()
    ),
    "german": frozenset(
        "der das und ist nicht ein eine zu mit den von sie ich auf für es dem sich auch wie wir werden oder aber kann "
        "bei nach sind einen zum über".split()
    ),
    "portuguese": frozenset(
        "o os uma não que para com em você é do da dos das por mais como mas seu sua isso ser muito também pode está "
        "ao pelo são".split()
    ),
    "italian": frozenset(
        "il gli di che è per non una con sono del della come anche più ma questo si puoi nel dei alla essere ho lei "
        "delle cosa".split()
    ),
    "dutch": frozenset(
        "het een en van niet ik je dat zijn op te met voor aan maar ook bij naar kunnen wordt deze als dit hoe wat "
        "geen nog".split()
    ),
    "polish": frozenset(
        "nie się na jest że jak ale czy dla przez po od który jego może są być tak oraz lub".split()
    ),
    "turkish": frozenset("bir ve bu için çok ama ile olarak daha gibi değil mi ne ya da kadar sonra her".split()),
    "indonesian": frozenset(
        "yang dan di untuk dengan tidak ini itu dari dalam adalah anda saya pada akan bisa atau juga ke".split()
    ),
}  # fmt: skip
_WORD: Final = re.compile(r"[^\W\d_]{2,}")


def main_script(text: str) -> str:
    """The script of most letters ("latin", "cyrillic", "han", ...), "" for a text without letters."""
    ascii_text = text.encode("ascii", "ignore").decode("ascii")
    if len(text) <= len(ascii_text) * FOREIGN_SHARE_MIN and any(map(str.isalpha, ascii_text)):
        return LATIN
    letters = [letter for letter in text[: LETTERS_MAX * 4] if letter.isalpha()][:LETTERS_MAX]
    if not letters:
        return ""
    counts = Counter(_BLOCKS[bisect_right(_STARTS, ord(letter)) - 1][1] for letter in letters)
    return counts.most_common(1)[0][0]


def other_language(text: str) -> str:
    """The Latin-script language that a text is in where that is plainly not English, else "".

    A guess by function words; short texts, code and lists of names are "": the English judge may look at them.
    """
    words = _WORD.findall(text[:GUESSED_CHARS].lower())
    english = sum(word in _ENGLISH for word in words)
    if len(words) < GUESS_WORDS_MIN or english * ENGLISH_EVERY >= len(words):
        return ""
    counts = Counter(words)
    hits = {name: sum(counts[word] for word in known) for name, known in _FUNCTION_WORDS.items()}
    best = max(hits, key=lambda name: hits[name])
    enough = max(english + GUESS_LEAD, len(words) / GUESS_EVERY)
    return best if hits[best] >= enough and len(counts.keys() & _FUNCTION_WORDS[best]) >= GUESS_LEAD else ""


def is_judgeable(text: str) -> bool:
    """Whether the English cue lists may be asked: Latin script (or no letters at all), and no other language plain."""
    return main_script(text) in (LATIN, "") and not other_language(text)
