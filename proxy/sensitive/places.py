"""Where a person lives and how old: street addresses, postcodes, ages, dates of birth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proxy.sensitive.patterns import Detector, Pattern
from proxy.sensitive.span import Span

_CAP: Final = rb"[A-Z\xff0-9][\w\xff'.-]*"
_KIND: Final = (
    rb"Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Drive|Dr|Lane|Ln|Court|Ct|Circle|Cir|Place|Pl|Square|Sq|Terrace|Ter"
    rb"|Parkway|Pkwy|Highway|Hwy|Way|Trail|Trl|Crescent|Cres|Close|Alley|Row|Mews|Gardens|Grove|Hill|Heights|Loop|Plaza"
    rb"|Path|Pike|Run|Ridge|Crossing|Bypass|Expressway|Freeway|Turnpike|Walk|Wharf|Quay|Ramp|Route|Track|Parade"
    rb"|Esplanade"
    rb"|Village|View|Creek|Mill|Meadows|Estates|Island|Lodge|Manor|Park|Point|Shores|Springs|Station|Union|Valley|Vista"
)
_UNIT: Final = (
    rb"(?:(?:,|\n| )\s{0,3}(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|Fl|Room|Rm|#)\.? {0,2}#?[A-Za-z0-9-]{1,6})?"
)
_TOWN: Final = rb"(?:,? (?:[A-Z][A-Za-z.'\xff-]+ ?){1,3},? [A-Z]{2} \d{5}(?:-\d{4})?)?"

_ENGLISH = Pattern(
    rb"(?:^|[^\w#-])(\d{1,6}(?:[A-Za-z]|-\d{1,4})?,? (?:(?:[NSEW]|North|South|East|West)\.? )?(?:"
    + _CAP
    + rb" ){1,4}(?:"
    + _KIND
    + rb")\b\.?"
    rb"(?: (?:[NSEW]|[NS][EW]|North|South|East|West)\b)?" + _UNIT + _TOWN + rb")"
)
# "rue de la Paix 7", "Via Roma 131"; and "12 rue Victor Hugo", where the house comes first.
_FOREIGN: Final = (
    rb"(?i:rue|avenue|boulevard|all[e\xff]e|chemin|impasse|quai|via|viale|piazza|corso|calle|avenida|av\.|paseo|plaza"
    rb"|carrer|rua|travessa|ul\.|ulica|ulitsa) (?:(?i:des?|du|della|delle|dei|da|do|la|las|les|los|el)(?: |'))?"
    rb"(?:(?i:la) )?"
)
_KIND_FIRST = Pattern(rb"\b(" + _FOREIGN + rb"(?:" + _CAP + rb"[ ,]{1,2}){1,5}(?:n[o\xff]?\.? )?\d{1,5})\b")
_HOUSE_FIRST = Pattern(rb"\b(\d{1,5}(?: ?(?:bis|ter))?,? " + _FOREIGN + _CAP + rb"(?: " + _CAP + rb"){0,3})")
_SUFFIXED = Pattern(
    rb"(?:^|[^\w])((?:[A-Z\xff][\w\xff.-]* ){0,2}[A-Z\xff][\w\xff-]*(?:stra(?:ss|\xff)e|str\.|strasse|gasse|platz"
    rb"|weg|allee|damm|straat"
    rb"|laan|plein|gracht|gatan|gata|v\xffgen|vej|veien|vegen|gade|katu|kuja|utca|vei) \d{1,4} ?[a-zA-Z]?)\b"
)
_BOX = Pattern(rb"(?i)\b((?:p\.? ?o\.? ?box|post office box|postfach) \d{1,7})\b")
_MILITARY = Pattern(rb"\b((?:PSC|Unit|CMR) \d{1,5},? Box \d{1,5}[,\n ]{1,3}(?:APO|FPO|DPO) A[AEP] \d{5})\b")
_UNIT_ALONE = Pattern(rb"\b((?:Apt|Apartment|Suite|Ste)\.? #?\d{1,5}[A-Z]?)\b")
_LIVES = Pattern(
    rb"(?i:\b(?:address(?: is)?|lives? (?:at|on)|living at|reside[sd]? (?:at|on)|resident of|located at|shipped to"
    rb"|sent to|deliver(?:ed)? to|move[sd]? to)[ :\n]{1,3})"
    rb"((?:\d{1,6} )(?:"
    + _CAP
    + rb"[ ,]{1,2}){0,4}"
    + _CAP
    + rb"(?: \d{1,5})?"
    + _UNIT
    + rb"|(?:[A-Z\xff][\w\xff'.-]* ){1,4}\d{1,5}\b)"
)

_ZIP_BY_WORD = Pattern(
    rb"(?i)\b(?:zip|postal|post ?code|postcode|plz|pin)(?:[ -]?codes?)?(?: (?:is|of|number))?[ :=#\"']{0,4}"
    rb"(\d{3,6}(?:-\d{3,4})?(?: ?[A-Z]{2}\b| \d{2}\b)?|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d)\b"
)
# States that are also words ("ID 88213", "IN 20240") need the comma of a town before them.
_ZIP_BY_STATE = Pattern(
    rb"(?:\b(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|I[AL]|K[SY]|LA|M[ADINOST]|N[CDEHJMVY]|OH|P[AR]|RI|S[CD]|T[NX]|UT|V[AIT]|W[AIVY])"
    rb"|, ?(?:HI|I[DN]|ME|O[KR])),? (\d{5}(?:-\d{4})?)\b"
)
_ZIP_BY_SHAPE = Pattern(
    rb"\b([A-PR-UWYZ][A-HK-Y]?\d[A-Z\d]? \d[ABD-HJLN-UW-Z]{2}|[ABCEGHJ-NPRSTVXY]\d[A-Z] \d[A-Z]\d)\b"
)

_AGE = Pattern(
    rb"(?i)\b(?:aged?|age is|age of|turn(?:s|ed|ing)?|when (?:i|s?he|they) (?:was|is|were"
    rb"|am))[ :]{1,2}(\d{1,3})\b(?:$|[^%\w:])"
)
_YEARS_OLD = Pattern(rb"(?i)\b(\d{1,3})(?:[ -](?:years?|yrs?|months?)[ -](?:old|of age)| ?y/?o\b)")
_BORN = Pattern(
    rb"(?i)\b(?:date of birth|birth ?date|birth ?day|d\.?o\.?b\.?|born(?: on| in)?)(?: is|'s)?[ :=\"']{0,4}(?:on "
    rb"|it'?s )?"
    rb"(\d{1,4}[-/. ]\d{1,2}[-/. ]\d{2,4}|(?:\d{1,2}(?:st|nd|rd|th)?(?: of)? )?(?:jan|feb|mar|apr|may|jun|jul|aug"
    rb"|sep|oct|nov|dec)[a-z]{0,6}\.?"
    rb"(?: \d{1,2}(?:st|nd|rd|th)?)?,? \d{2,4})\b"
)


def addresses(flat: bytes) -> Iterator[Span]:
    """House and street, in either order; post boxes; what follows "lives at"."""
    for pattern, score in (
        (_ENGLISH, 0.78),
        (_SUFFIXED, 0.7),
        (_BOX, 0.78),
        (_MILITARY, 0.8),
        (_UNIT_ALONE, 0.55),
        (_LIVES, 0.62),
    ):
        for found in pattern.find(flat):
            yield Span("STREET_ADDRESS", found.start, found.end, score)


def _foreign(flat: bytes) -> Iterator[Span]:
    for pattern in (_KIND_FIRST, _HOUSE_FIRST):
        for found in pattern.find(flat):
            yield Span("STREET_ADDRESS", found.start, found.end, 0.7)


def postcodes(flat: bytes) -> Iterator[Span]:
    """By a word, a US state, or the British and Canadian shapes."""
    for pattern, score in ((_ZIP_BY_WORD, 0.74), (_ZIP_BY_STATE, 0.67), (_ZIP_BY_SHAPE, 0.58)):
        for found in pattern.find(flat):
            yield Span("ZIP_CODE", found.start, found.end, score)


def ages(flat: bytes) -> Iterator[Span]:
    """Only ages that people have."""
    for pattern in (_AGE, _YEARS_OLD):
        for found in pattern.find(flat):
            if 0 < int(found.value) <= 120:
                yield Span("AGE", found.start, found.end, 0.7)


def births(flat: bytes) -> Iterator[Span]:
    """A date that is said to be a birth's."""
    for found in _BORN.find(flat):
        yield Span("DATE_OF_BIRTH", found.start, found.end, 0.78)


DETECTORS: Final = (
    Detector(rb"\d[A-Za-z]?,? [A-Z\xff0-9]|[a-z\xff]\.? \d|(?i:box \d)|(?:Apt|Suite|Ste)", addresses),
    Detector(
        rb"(?i)\b(?:rue|avenue|boulevard|all.e|chemin|impasse|quai|vial?e?|piazza|corso|calle|avenida|av\.|paseo|plaza|carrer"
        rb"|rua|travessa|ul\.|ulica|ulitsa) ",
        _foreign,
    ),
    Detector(rb"(?i)\bzip|postal|post ?code|\bplz|\bpin\b|[A-Z]{2},? \d{5}|[A-Z]\d[A-Z\d]? \d[A-Z]", postcodes),
    Detector(rb"(?i)\bage|turn|\bwhen |years?[ -]o|yrs?[ -]o|months?[ -]o|\dy/?o\b| y/?o\b", ages),
    Detector(rb"(?i)\bborn|birth|d\.?o\.?b", births),
)
