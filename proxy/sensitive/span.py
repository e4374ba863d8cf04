"""What was found in a text, and which of two findings that overlap stands."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

# Type -> family. A consumer that counts leaks takes the families it cares for; a domain name is seldom one.
FAMILIES: Final[Mapping[str, str]] = {
    "EMAIL_ADDRESS": "contact",
    "PHONE_NUMBER": "contact",
    "PERSON": "name",
    "GPE": "place",
    "STREET_ADDRESS": "place",
    "ZIP_CODE": "place",
    "AGE": "attribute",
    "DATE_OF_BIRTH": "attribute",
    "CREDIT_CARD": "payment",
    "IBAN_CODE": "payment",
    "BANK_ACCOUNT": "payment",
    "SWIFT_CODE": "payment",
    "CRYPTO": "payment",
    "US_SSN": "identity",
    "US_ITIN": "identity",
    "PASSPORT": "identity",
    "DRIVER_LICENSE": "identity",
    "NATIONAL_ID": "identity",
    "MEDICAL_RECORD": "identity",
    "IP_ADDRESS": "network",
    "MAC_ADDRESS": "network",
    "URL": "network",
    "DOMAIN_NAME": "network",
    "PRIVATE_KEY": "secret",
    "CLOUD_KEY": "secret",
    "API_KEY": "secret",
    "JWT": "secret",
    "CONNECTION_STRING": "secret",
    "PASSWORD": "secret",
    "SECRET": "secret",
}


@dataclass(frozen=True, slots=True)
class Span:
    """Characters start..end (end not included) of the Python string; score 0 to 1 says how sure."""

    type: str
    start: int
    end: int
    score: float


def resolve(found: Iterable[Span]) -> tuple[Span, ...]:
    """The findings that stand, by start, without overlap: the higher score wins, then the longer, then the earlier."""
    starts: list[int] = []
    kept: dict[int, Span] = {}
    for span in sorted(found, key=lambda s: (-s.score, s.start - s.end, s.start, s.type)):
        at = bisect_left(starts, span.end)  # the last kept span that starts before this one ends
        if at and kept[starts[at - 1]].end > span.start:
            continue
        insort(starts, span.start)
        kept[span.start] = span
    return tuple(kept[start] for start in starts)


def summary(spans: Iterable[Span]) -> Mapping[str, int]:
    """How many of each type."""
    return dict(Counter(span.type for span in spans))
