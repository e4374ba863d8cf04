"""What the name tagger looks at: words that could be names, each with its neighbours, as a row of hashes.

A candidate is a capitalised word; where a text has no capitals, a word that the lexicon knows as a name. A run is
candidates with only a blank, an initial's dot or a particle ("van", "de") between them. Everything here is one pass
over the text; the rows are joined into features by array arithmetic (`names_model`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple
from zlib import crc32

_UPPER: Final = (
    "A-Z\u00c0-\u00d6\u00d8-\u00de\u0391-\u03a9\u0386-\u038f\u0400-\u042f"
    + "".join(chr(c) for c in range(0x100, 0x180) if chr(c).isupper())
    + "\u0218\u021a\u01c4-\u01cd\u1e80-\u1e85"
)
# The look behind comes second: the search for a first character then runs in one tight loop.
_CAPITALISED = re.compile(rf"[{_UPPER}](?<!\w[{_UPPER}])[\w'\u2019\u2011-]*")
_WORD = re.compile(r"[^\W\d_]{3,24}(?!\w)")
_TRIM: Final = ".,;:!?\"'()[]<>*_`\u2019\u201c\u201d"
_LINK = re.compile(
    r"(?: (?:van|de|der|den|del|della|di|da|dos|du|von|zu|zur|bin|ibn|al|el|la|le|ten|ter|y|e|af|av)){0,3} |-"
)
_LINK_CHARS_MAX: Final = 20
AROUND_CHARS: Final = 40
KEPT_WORDS: Final = 4096  # whose hashes are kept: most of a text's words are the same few

_SHORTENED: Final = frozenset(
    "Mr Mrs Ms Dr Prof St Jr Sr Fr Rev Hon Gen Col Sgt Capt Lt Sen Rep Gov Wm Chas Geo".split()
)

# Capitalised at the start of so many sentences, and names of nobody: not worth a look.
_NO_NAMES: Final = frozenset(
    "I I'm I've I'll I'd A An The This That These Those There Their They They're Then Than It It's Its If In Is "
    "Into As At And Are All Also Any After Although Another Be Because Been Before But By Can Could Do Does Did "
    "Don't Each Even Every For From Get Give Go Had Has Have He He's She She's Her His Here How However Just "
    "Let Let's Like Many Me More Most My No Not Now Of On Once One Only Or Other Our Out Over Please Same See "
    "Should Since So Some Such Sure Thank Thanks To Too Under Until Up Us Use Very Was We We're Were What "
    "What's When Where Whether Which While Who Why With Would Yes You You're Your".split()
)


class Candidate(NamedTuple):
    """A word that could be part of a name; `joined`: only a link stands between the candidate before and this one."""

    start: int
    end: int
    word: str
    joined: bool


def candidates(text: str) -> list[Candidate]:
    """The capitalised words that are worth a look, from left to right."""
    found: list[Candidate] = []
    for match in _CAPITALISED.finditer(text):
        word = match[0]
        if word in _NO_NAMES:
            continue
        word = _own(word)
        start = match.start()
        joined = bool(found) and start - found[-1].end <= _LINK_CHARS_MAX and _linked(text, found[-1], start)
        found.append(Candidate(start, start + len(word), word, joined))
    return found


def _linked(text: str, before: Candidate, start: int) -> bool:
    """Whether a word that starts here goes on with the name before it; a dot ends a sentence, but for an initial's."""
    end = before.end
    if text[end : end + 1] == ".":
        if len(before.word) > 1 and before.word not in _SHORTENED:
            return False
        end += 1
    return end == start or _LINK.fullmatch(text, end, start) is not None


def lower_words(text: str, most: int) -> list[re.Match[str]]:
    """The words of a text without capitals; the lexicon chooses among them (`chained`)."""
    return list(islice(_WORD.finditer(text), most))


def chained(text: str, matches: Iterable[re.Match[str]]) -> list[Candidate]:
    """Chosen words as candidates; two are joined where one blank stands between them."""
    found: list[Candidate] = []
    for match in matches:
        start, end = match.span()
        joined = bool(found) and found[-1].end == start - 1 and text[start - 1] == " "
        found.append(Candidate(start, end, match[0], joined))
    return found


def _own(word: str) -> str:
    """Without a possessive ending or a trailing mark."""
    for ending in ("'s", "\u2019s", "'", "\u2019", "-"):
        if word.endswith(ending):
            return word[: -len(ending)]
    return word


@lru_cache(maxsize=KEPT_WORDS)
def word_hash(word: str) -> int:
    """32 bits that stand for a word, whatever its case. Kept for the words that come again and again."""
    return crc32(word.lower().encode("utf-8", "surrogatepass"))


# The columns of a row. Those of the lexicon are filled in by the model.
COLUMNS: Final = (
    "word", "shape", "ending", "before", "before2", "after", "after2", "mark_before", "mark_after", "first", "last",
    "place_in_run",
)  # fmt: skip


def rows(text: str, found: Sequence[Candidate]) -> list[list[int]]:
    """One row of COLUMNS for each candidate."""
    made: list[list[int]] = []
    for run in _runs(found):
        first, last = word_hash(run[0].word), word_hash(run[-1].word)
        for at, candidate in enumerate(run):
            place = min(at, 3) * 4 + min(len(run) - 1 - at, 3)
            made.append([*_own_columns(candidate.word), *_around(text, candidate), first, last, place])
    return made


def _runs(found: Sequence[Candidate]) -> Iterator[Sequence[Candidate]]:
    begin = 0
    for at in range(1, len(found) + 1):
        if at == len(found) or not found[at].joined:
            yield found[begin:at]
            begin = at


@lru_cache(maxsize=KEPT_WORDS)
def _own_columns(word: str) -> tuple[int, int, int]:
    return word_hash(word), _shape(word), word_hash(word[-3:])


def _shape(word: str) -> int:
    """Bits: all capitals, initial, hyphen, digit, inner capital, lower case; and the length up to 7."""
    rest = word[1:]
    bits = (
        (len(word) > 1 and word.isupper()) << 0
        | (len(word) == 1) << 1
        | ("-" in word) << 2
        | (not word.isalpha()) << 3
        | (not (rest.islower() or word.isupper())) << 4
        | word.islower() << 5
    )
    return bits * 8 + min(len(word), 7)


def _around(text: str, candidate: Candidate) -> list[int]:
    """Two words on each side, and the characters that touch the candidate."""
    start, end = candidate.start, candidate.end
    before = text[max(0, start - AROUND_CHARS) : start].split()[-2:]
    after = text[end : end + AROUND_CHARS].split()[:2]
    one = before[-1] if before else ""
    two = before[0] if len(before) > 1 else ""
    three = after[0] if after else ""
    four = after[1] if len(after) > 1 else ""
    return [
        _neighbour(one),
        _neighbour(two),
        _neighbour(three),
        _neighbour(four),
        _marks(text[max(0, start - 2) : start]),
        _marks(text[end : end + 2]),
    ]


@lru_cache(maxsize=KEPT_WORDS)
def _neighbour(word: str) -> int:
    """Without the marks around it, unless it is nothing else."""
    return word_hash(word.strip(_TRIM) or word)


@lru_cache(maxsize=KEPT_WORDS)
def _marks(touching: str) -> int:
    """The characters beside a word: letters count as one, blanks as they are."""
    return word_hash("".join("a" if char.isalnum() else char for char in touching))
