"""Numbers that states give to persons: US numbers by shape and word, others by a checksum or by their word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.cn import ric
from stdnum.dk import cpr
from stdnum.es import dni, nie
from stdnum.exceptions import ValidationError
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar, pan
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.se import personnummer

from proxy.sensitive.patterns import Detector, Pattern, Words, digits
from proxy.sensitive.span import Span

_SSN = Pattern(rb"(?:^|[^\w.-])(\d{3} ?[-./ ] ?\d{2} ?[-./ ] ?\d{4})(?:$|[^\w-])")
_SSN_BY_WORD = Pattern(rb"(?:^|[^\w.])(\d{3}[-./ ]{0,2}\d{2}[-./ ]{0,2}\d{4})\b")
_SSN_SAID = Pattern(
    rb"(?i)\b(?:ssn|social security)(?: (?:number|num|no\.?|#))?[\"']?(?: is)?[ :#=\"']{0,4}(\d(?:[-. ]?\d){8})\b"
)
_SSN_WORDS = Words(
    before=r"ssn|s\.s\.n|social[ _-]*(?:security|sec|insurance)?|ss ?(?:#|no|num)|socials?\b|tax(?:payer)?[ _-]*id"
    r"|\btin\b|last four"
    r"|itin\b",
    after=r"ssn|social",
)
_ITIN_WORDS = Words(before=r"itin\b|individual taxpayer")


def ssns(flat: bytes) -> Iterator[Span]:
    """3-2-4 digits: surest by their word, else by dashes, else where the number could have been issued."""
    for found in _SSN.find(flat):
        number = digits(found.value)
        if _ITIN_WORDS.speak_for(flat, found) and _itin(number):
            yield Span("US_ITIN", found.start, found.end, 0.97)
        elif _SSN_WORDS.speak_for(flat, found):
            yield Span("US_SSN", found.start, found.end, 0.96)
        elif number.strip(b"0") and (b"-" in found.value or _issued(number)):
            yield Span("US_SSN", found.start, found.end, 0.8 if _issued(number) else 0.62)
    for found in _SSN_SAID.find(flat):
        yield Span("US_SSN", found.start, found.end, 0.92)
    for found in _SSN_BY_WORD.find(flat):
        if _SSN_WORDS.speak_for(flat, found):
            yield Span("US_SSN", found.start, found.end, 0.9)


def _issued(number: bytes) -> bool:
    """Areas 000, 666 and 9xx, group 00 and serial 0000 never are (SSA)."""
    return number[:3] not in {b"000", b"666"} and number[:1] != b"9" and number[3:5] != b"00" and number[5:] != b"0000"


def _itin(number: bytes) -> bool:
    """Individual taxpayer numbers: 9xx with a group of 50-65, 70-88, 90-92 or 94-99 (IRS)."""
    group = int(number[3:5])
    return number[:1] == b"9" and group >= 50 and group not in {66, 67, 68, 69, 89, 93}


@dataclass(frozen=True, slots=True)
class _Number:
    """A country's number: its shape, its checksum, and, where the shape is common, the words it needs beside it."""

    shape: Pattern
    validate: Callable[[str], object]
    words: Words | None = None


_NUMBERS: Final = (
    _Number(Pattern(rb"\b(\d{3}\.\d{3}\.\d{3}-\d{2})\b"), cpf.validate),
    _Number(Pattern(rb"\b(756\.?\d{4}\.?\d{4}\.?\d{2})\b"), ahv.validate),
    _Number(Pattern(rb"(?i)\b(\d{8}-?[a-z])\b"), dni.validate),
    _Number(Pattern(rb"(?i)\b([xyz]-?\d{7}-?[a-z])\b"), nie.validate),
    _Number(Pattern(rb"(?i)\b([a-z]{6}\d{2}[a-z]\d{2}[a-z]\d{3}[a-z])\b"), codicefiscale.validate),
    _Number(Pattern(rb"\b([A-Z]{3}[ABCFGHLJPTK][A-Z]\d{4}[A-Z])\b"), pan.validate),
    _Number(Pattern(rb"(?i)\b(\d{6}[-+a-fu-y]\d{3}[0-9a-z])\b"), hetu.validate),
    _Number(Pattern(rb"\b(\d{17}[0-9Xx])\b"), ric.validate),
    _Number(Pattern(rb"\b([12] ?\d\d ?[0-9]{2} ?\d[0-9AB] ?\d{3} ?\d{3} ?\d{2})\b"), nir.validate),
    _Number(Pattern(rb"\b(\d{3}[ -]?\d{3}[ -]?\d{4})\b"), nhs.validate, Words(r"nhs|health|patient")),
    _Number(Pattern(rb"\b(\d{3}[ -]?\d{3}[ -]?\d{3})\b"), sin.validate, Words(r"sin\b|social insurance")),
    _Number(Pattern(rb"\b(\d{4}[ -]?\d{4}[ -]?\d{4})\b"), aadhaar.validate, Words(r"aadhaa?r|uidai?")),
    _Number(Pattern(rb"\b(\d{9})\b"), bsn.validate, Words(r"bsn\b|burger ?service|sofi")),
    _Number(Pattern(rb"\b(\d{11})\b"), pesel.validate, Words(r"pesel")),
    _Number(Pattern(rb"\b(\d{6}-\d{4})\b"), cpr.validate, Words(r"cpr")),
    _Number(
        Pattern(rb"\b((?:19|20)?\d{6}[-+]\d{4})\b"), personnummer.validate, Words(r"person(?:al )?n(?:ummer|umber)")
    ),
)
# UK national insurance: letters that HMRC never gives are left out.
_NINO = Pattern(rb"(?i)\b([a-ceghj-prstw-z][a-ceghj-nprstw-z] ?\d{2} ?\d{2} ?\d{2} ?[a-d])\b")


def national_ids(flat: bytes) -> Iterator[Span]:
    """Numbers whose checksum holds."""
    for kind in _NUMBERS:
        for found in kind.shape.find(flat):
            if (kind.words is None or kind.words.speak_for(flat, found)) and _valid(kind, found.value):
                yield Span("NATIONAL_ID", found.start, found.end, 0.87)
    for found in _NINO.find(flat):
        yield Span("NATIONAL_ID", found.start, found.end, 0.82)


def _valid(kind: _Number, value: bytes) -> bool:
    try:
        kind.validate(value.decode("ascii"))
    except ValidationError:
        return False
    return True


_IS: Final = rb"(?:(?: ?(?:number|num|no\.?|nr\.?|id|#))|(?: is| of))*[ :#=]{0,3}"
_CODE: Final = rb"((?:[A-Za-z]{0,3}[ -]?\d[A-Za-z0-9]*(?:-[A-Za-z0-9]+){0,4}))\b"
_PASSPORT = Pattern(rb"(?i:\bpassport)" + _IS + _CODE)
_LICENCE = Pattern(rb"(?i:\bdriv(?:er'?s?|ing)[ -]?licen[cs]e|\bdl)" + _IS + _CODE)
_RECORD = Pattern(rb"(?i:\b(?:medical record|mrn|patient|health plan|member|policy holder))" + _IS + _CODE)
_BY_NAME = Pattern(
    rb"(?i:\b(?:national (?:id|identity|insurance)|identity card|id card|nino|aadhaar|tax file))" + _IS + _CODE
)
_LEAST_DIGITS: Final = 5


def documents(flat: bytes) -> Iterator[Span]:
    """Documents that only their name tells: "passport number", "driver's license", "medical record"."""
    for kind, pattern in (
        ("PASSPORT", _PASSPORT),
        ("DRIVER_LICENSE", _LICENCE),
        ("MEDICAL_RECORD", _RECORD),
        ("NATIONAL_ID", _BY_NAME),
    ):
        for found in pattern.find(flat):
            if len(digits(found.value)) >= _LEAST_DIGITS and len(found.value) <= 24:
                yield Span(kind, found.start, found.end, 0.74)


DETECTORS: Final = (
    Detector(rb"\d{3}[-./ ]{0,3}\d{2}[-./ ]{0,3}\d{4}|(?i:ssn|social security)", ssns),
    Detector(rb"\d{6}|\d{3}[. -]\d{3}|[0-9A-Za-z]\d{4}[ .-]\d{4}|\d\d \d\d \d\d|756\.", national_ids),
    Detector(
        rb"(?i)passport|licen[cs]e|\bdl\b|record|\bmrn|patient|health plan|member|national|identity|id card|nino"
        rb"|aadhaar|tax file|policy holder",
        documents,
    ),
)
