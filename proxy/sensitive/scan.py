"""Everything sensitive in one text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from proxy.sensitive import contact, credentials, identity, network, payment, phones, places
from proxy.sensitive.custom import CustomPattern, custom_spans
from proxy.sensitive.flat import flatten
from proxy.sensitive.names import spans as name_spans
from proxy.sensitive.names_model import bundled
from proxy.sensitive.patterns import Detector, Hints
from proxy.sensitive.span import Span, resolve, summary

__all__ = ["Span", "scan", "summary"]

_DETECTORS: Final[tuple[Detector, ...]] = (
    *contact.DETECTORS,
    *phones.DETECTORS,
    *payment.DETECTORS,
    *identity.DETECTORS,
    *network.DETECTORS,
    *places.DETECTORS,
    *credentials.DETECTORS,
)


def scan(text: str, *, names: bool = True, custom: Sequence[CustomPattern] = ()) -> tuple[Span, ...]:
    """What is sensitive in a text: by start, without overlap, in characters of the string. Never raises for a text.

    names:   people and places too (a linear tagger; the larger part of the cost in prose)
    custom:  patterns of a policy, `custom.compile_custom`
    """
    if not text:
        return ()
    flat = flatten(text)
    found = [*_patterned(flat), *custom_spans(text, custom)]
    if names:
        found += name_spans(text, bundled())
    return resolve(found)


def _patterned(flat: bytes) -> Iterator[Span]:
    for index in _hints().present(flat):
        yield from _DETECTORS[index].find(flat)


@cache
def _hints() -> Hints:
    return Hints([detector.hint for detector in _DETECTORS])
