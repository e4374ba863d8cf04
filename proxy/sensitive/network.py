"""Addresses of machines and places on the net: IP, MAC, URL, domain."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final

from proxy.sensitive.patterns import Detector, Pattern
from proxy.sensitive.span import Span

_IPV4 = Pattern(rb"(?:^|[^\w.-])(\d{1,3}(?:\.\d{1,3}){3})(?:$|\.?[^\w.]|\.$)")
_IPV6 = Pattern(rb"(?i)(?:^|[^\w:.])((?:[0-9a-f]{1,4}|:)(?::[0-9a-f]{0,4}){2,7}(?:\.\d{1,3}){0,3})(?:$|[^\w:])")
_MAC = Pattern(
    rb"(?i)(?:^|[^\w:-])([0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5}"
    rb"|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2})\b"
)
_VERSION = Pattern(rb"(?i)(?:\bv|version|release|build|section|chapter|clause) ?$")

_URL = Pattern(rb"(?i)\b((?:https?|ftp|wss?|ssh|git|s3)://[^\s<>\"'`\\^{}|]{3,})")
_WWW = Pattern(rb"(?i)\b(www\.[a-z0-9-]{1,63}\.[^\s<>\"'`\\^{}|]{2,})")
# Top-level domains that are no English words and no file endings on their own.
_TLD: Final = (
    rb"com|org|net|edu|gov|mil|int|info|biz|io|ai|app|dev|cloud|online|shop|site|store|tech|xyz|co|uk|de|fr|es|pt"
    rb"|nl|be|ch"
    rb"|se|dk|fi|pl|cz|sk|hu|ro|bg|gr|ru|ua|tr|il|ae|sa|za|ng|ke|eg|cn|jp|kr|tw|hk|sg|th|vn|id|au|nz|ca|mx|br|ar|cl"
    rb"|eu|ie"
    rb"|lt|lv|ee|hr|si|rs|cy|lu|mt|is"
)
_DOMAIN = Pattern(
    rb"(?i)(?:^|[^\w@./\\-])((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,5}(?:"
    + _TLD
    + rb"))(?:$|[^\w@.(-]|\.?$|\.[^\w])"
)


def ips(flat: bytes) -> Iterator[Span]:
    """IP addresses that the standard library accepts; four numbers after "version" are none."""
    for pattern in (_IPV4, _IPV6):
        for found in pattern.find(flat):
            if _is_ip(found.value) and not _VERSION.within(flat[max(0, found.start - 12) : found.start]):
                yield Span("IP_ADDRESS", found.start, found.end, 0.9)


def _is_ip(value: bytes) -> bool:
    if value == b"::":
        return False
    try:
        ipaddress.ip_address(value.decode("ascii"))
    except ValueError:
        return False
    return True


def macs(flat: bytes) -> Iterator[Span]:
    """Hardware addresses."""
    for found in _MAC.find(flat):
        yield Span("MAC_ADDRESS", found.start, found.end, 0.88)


def urls(flat: bytes) -> Iterator[Span]:
    """With a scheme or "www."; punctuation that ends the sentence is not part of them."""
    for pattern in (_URL, _WWW):
        for found in pattern.find(flat):
            kept = found.value.rstrip(b".,;:!?)]*_")
            yield Span("URL", found.start, found.start + len(kept), 0.7)


def domains(flat: bytes) -> Iterator[Span]:
    """Bare host names under a well-known top-level domain."""
    for found in _DOMAIN.find(flat):
        yield Span("DOMAIN_NAME", found.start, found.end, 0.5)


DETECTORS: Final = (
    Detector(rb"\d\.\d{1,3}\.\d|[0-9A-Fa-f]?::?[0-9A-Fa-f]{0,4}:", ips),
    Detector(rb"[0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-]|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.", macs),
    Detector(rb"://|(?i:www\.)", urls),
    Detector(rb"[A-Za-z0-9]\.[A-Za-z]{2}", domains),
)
