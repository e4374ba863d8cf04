"""Telephone numbers: by an international prefix, by a national shape, or by a word that says what the digits are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import phonenumbers

from proxy.sensitive.patterns import OTHER_NUMBERS, Detector, Found, Pattern, Words, digits
from proxy.sensitive.span import Span

_EXTENSION: Final = rb"(?:,? ?(?:x|ext\.?|extension|#) ?\d{1,6})?"
_GAP: Final = rb"(?: ?[-./] ?| |\) ?| ?\(|\)-)?"

_INTERNATIONAL = Pattern(rb"(\+ ?\(?\d(?:[ .\-/()]{0,2}\d){6,14}" + rb"(?i:" + _EXTENSION + rb"))\b")
_DIALLED_ABROAD = Pattern(rb"(?i)\b((?:00|011)[ .-]?[1-9]\d{0,2}(?:[ .\-/()]{1,2}\d{1,7}){2,5}" + _EXTENSION + rb")\b")
# (212) 555-0147, 212-555-0147, 1.212.555.0147 x12
_NORTH_AMERICAN = Pattern(
    rb"(?i)(?:^|[^\w.+-])((?:1[-. ]?)?(?:\(\d{3}\) ?-?|\d{3}[-. ])\d{3}[-. ]\d{4}" + _EXTENSION + rb")\b"
)
# 020 7946 0958, (08) 8747 6301, 03.93.92.16.85, 0393 1144137, 0961-7596216
_NATIONAL = Pattern(rb"(?i)(?:^|[^\w.+-])(\(?0\d{1,4}\)?(?:" + _GAP + rb"\d{2,8}){1,5}" + _EXTENSION + rb")\b")
_AREA_IN_BRACKETS = Pattern(
    rb"(?i)(?:^|[^\w+-])(\(\d{2,5}\)[ /-]{0,2}\d{2,9}(?:[ -]\d{2,5}){0,3}" + _EXTENSION + rb")\b"
)
_ANY = Pattern(rb"(?i)(?:^|[^\w.,$+-]|\D,)(\(?\d(?:" + _GAP + rb"\d){5,14}" + _EXTENSION + rb")\b")

# 28 60 12 90, 01-23-45-67-89, 22 289 67 02, 86 9666-9725
_PAIRS = Pattern(
    rb"(?:^|[^\w.,$+-])(\d{2}(?: \d{2}){3,4}|\d{2}(?:\.\d{2}){3,4}|\d{2}(?:-\d{2}){3,4}|\d{2,3} \d{3} \d{2} \d{2}"
    rb"|\d{2} \d{4,5}-\d{4})(?:$|[^\w.-]|[.](?:\s|$))"
)
_BARE = Pattern(rb"(?:^|[^\w.,$+-])(0[1-9]\d{8,9})\b")
_OTHER = Words(before=OTHER_NUMBERS + r"|account|acct")
_WEAK_WORDS = Words(before=r"(?:my|his|her|your|their|our|new) number|number is|at\b ?$|under\b ?$")

_WORDS = Words(
    before=r"phone|telephone|tel\b|mobile|cell\b|cell ?phone|call(?:ing|ed)?\b|fax\b|whats ?app|sms\b|text (?:me"
    r"|him|her|us|them)|contact (?:number|no)"
    r"|desk\b|hotline|dial|ring\b|reach|office\b|landline|handset|pager|voicemail|registered",
    after=r"office|fax|mobile|cell|home|work|desk|phone|tel\b",
)
_DATE = Pattern(rb"^(?:(?:19|20)\d\d[-./ ]\d\d?[-./ ]\d\d?|\d\d?[-./]\d\d?[-./](?:19|20)?\d\d)(?:[ T,]|$)")


def international(flat: bytes) -> Iterator[Span]:
    """+CC ...: the library knows each country's lengths."""
    for found in _INTERNATIONAL.find(flat):
        yield _span(found, 0.95 if _possible(found.value) else 0.6)
    for found in _DIALLED_ABROAD.find(flat):
        if 9 <= len(digits(found.value)) <= 20:
            yield _span(found, 0.75)


def national(flat: bytes) -> Iterator[Span]:
    """Shapes that are telling without a word beside them."""
    for found in _NORTH_AMERICAN.find(flat):
        yield _span(found, 0.85)
    for found in _NATIONAL.find(flat):
        grouped = len(found.value) > len(digits(found.value))
        if 9 <= _own_digits(found.value) <= 12 and grouped and not _DATE.within(found.value):
            yield _span(found, 0.65)
    for found in _AREA_IN_BRACKETS.find(flat):
        if 7 <= _own_digits(found.value) <= 12:
            yield _span(found, 0.65)


def plain(flat: bytes) -> Iterator[Span]:
    """Shapes that numbers of other kinds have too: where no word says that they are one."""
    for pattern in (_PAIRS, _BARE):
        for found in pattern.find(flat):
            if not _OTHER.speak_for(flat, found, reach=32):
                yield _span(found, 0.5)


def by_word(flat: bytes) -> Iterator[Span]:
    """Any digits in a number's dress, where a word says that they are one."""
    for found in _ANY.find(flat):
        if 7 <= _own_digits(found.value) <= 14 and not _DATE.within(found.value):
            if _WORDS.speak_for(flat, found):
                yield _span(found, 0.7)
            elif _WEAK_WORDS.speak_for(flat, found, reach=16):
                yield _span(found, 0.5)


def _own_digits(value: bytes) -> int:
    """How many digits, without those of an extension."""
    lower = value.lower()
    for mark in (b"x", b"e", b"#"):
        lower = lower.split(mark, 1)[0]
    return len(digits(lower))


def _possible(value: bytes) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(value.decode("latin-1"), None))
    except phonenumbers.NumberParseException:
        return False


def _span(found: Found, score: float) -> Span:
    return Span("PHONE_NUMBER", found.start, found.end, score)


_SOME_DIGITS: Final = rb"\d(?:[^0-9A-Za-z]{0,3}\d){5}"

DETECTORS: Final = (
    Detector(rb"\+ ?\(?\d|\b0(?:0|11)[ .-]?[1-9]", international),
    Detector(rb"\d{3}[-. ]\d{4}|\(\d{2,5}\)|\b0\d{1,4}[-./ )]", national),
    Detector(rb"\b0[1-9]\d{8}|\d{2}[ .-]\d{2}[ .-]\d{2}|\d\d \d{4,5}-\d{4}", plain),
    Detector(_SOME_DIGITS, by_word),
)
