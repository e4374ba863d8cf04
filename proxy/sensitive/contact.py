"""E-mail addresses, written plainly or with "[at]" and "[dot]"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proxy.sensitive.patterns import Detector, Pattern
from proxy.sensitive.span import Span

# \xff is a letter outside ASCII (flat.LETTER). Bounds: RFC 5321 has 64 and 255 octets; RE2 repeats by copying states.
_LABEL: Final = rb"[A-Za-z0-9\xff](?:[A-Za-z0-9\xff_-]{0,61}[A-Za-z0-9\xff])?"
_LOCAL: Final = rb"[A-Za-z0-9\xff_](?:[A-Za-z0-9\xff!#$%&'*+/=^_`{|}~.-]{0,62}[A-Za-z0-9\xff!#$%&*+/=^_`{|}~-])?"
_DOTTED: Final = rb"(?:" + _LABEL + rb"\.){1,8}[A-Za-z\xff][A-Za-z0-9\xff-]{1,23}"

_PLAIN = Pattern(rb"(" + _LOCAL + rb"@(?:" + _DOTTED + rb"|\[[0-9.]{7,15}\]|\d{1,3}(?:\.\d{1,3}){3}))")
_SPELLED = Pattern(
    rb"(?i)\b([a-z0-9][a-z0-9._+-]{0,63} ?(?:\[ ?at ?\]|\( ?at ?\)|\{ ?at ?\}| at ) ?"
    rb"(?:[a-z0-9-]{1,63} ?(?:\[ ?dot ?\]|\( ?dot ?\)|\{ ?dot ?\}| dot |\.) ?){1,4}[a-z]{2,12})\b"
)
_OBFUSCATED = Pattern(rb"(?i)[\[({ ] ?(?:at|dot) ?[\])} ]")


def emails(flat: bytes) -> Iterator[Span]:
    """Addresses with an @."""
    for found in _PLAIN.find(flat):
        yield Span("EMAIL_ADDRESS", found.start, found.end, 0.99)


def spelled_emails(flat: bytes) -> Iterator[Span]:
    """Addresses that hide their @ or their dots; "meet at noon.today" is none: one of both must be spelled oddly."""
    for found in _SPELLED.find(flat):
        marks = sum(1 for _ in _OBFUSCATED.find(found.value))
        bracketed = any(bracket in found.value for bracket in b"[({")
        if bracketed or marks > 1:
            yield Span("EMAIL_ADDRESS", found.start, found.end, 0.8)


DETECTORS: Final = (
    Detector(rb"@", emails),
    Detector(rb"(?i)[\[({] ?at ?[\])}]| at \S{1,40} dot ", spelled_emails),
)
