"""Payment cards, IBANs, bank accounts, wallets: prefixes, lengths and checksums; a word may stand in for a checksum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from proxy.sensitive.patterns import OTHER_NUMBERS, Detector, Found, Pattern, Words, digits
from proxy.sensitive.span import Span

_LENGTHS: Final[Mapping[int, str]] = {  # ISO 13616: characters of an IBAN, by country
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
IBAN_CHARS: Final[Mapping[str, int]] = {
    country: chars for chars, countries in _LENGTHS.items() for country in countries.split()
}

_GROUPED_CARD = Pattern(
    rb"(?:^|[^\w.-])(\d{4}(?:[ -]{1,3}\d{4}){2}[ -]{1,3}\d{1,4}(?:[ -]\d{3})?|\d{4}[ -]{1,3}\d{6}[ -]{1,3}\d{4,5})\b"
)
_BARE_CARD = Pattern(rb"(?:^|[^\w.])(\d{12,19})\b")
_LOOSE_CARD = Pattern(rb"(?:^|[^\w.])(\d(?:[ .-]?\d){11,18})\b")
_CARD_WORDS = Words(
    before=r"card|visa\b|master ?card|amex|american express|credit|debit|cc\b|maestro|diners|discover\b|jcb\b"
    r"|union ?pay"
    r"|ccn\b|pan\b|charge|pay(?:ment|ing)?\b|paid|billing|purchase|refund|checkout",
    after=r"cvv|cvc|exp\b|expir|card|security code|valid",
)

_OTHER = Words(before=OTHER_NUMBERS)

_IBAN_START = Pattern(rb"(?i)(?:^|[^0-9a-z])([a-z]{2} ?\d{2}[ -]?[0-9a-z]{2})")
_IBAN_WORDS = Words(before=r"iban|account|bank|transfer|sepa\b|swift|bic\b|wire|payee|deposit|pay", after=r"iban|bic")

_IBAN_RUN = Pattern(rb"[A-Za-z]{2}\d{2}[A-Za-z0-9]{11,30}\b")
_IBAN_SAID = Words(before=r"iban\b")

_ACCOUNT = Pattern(
    rb"(?i)\b(?:account|acct\.?|a/c|routing|aba|sort code|bsb)(?: ?(?:number|num|no\.?|nr\.?|#))?(?: is"
    rb"| of)?[ :#=]{0,3}"
    rb"(\d(?:[ -]?\d){5,17})\b"
)
_SWIFT = Pattern(
    rb"(?i:\b(?:swift|bic)(?:[ /-]?(?:bic|code|number"
    rb"|no))?(?: is)?)[ :#=]{0,3}([A-Za-z]{6}[A-Za-z0-9]{2}(?:[A-Za-z0-9]{3})?)\b"
)
_WALLET = Pattern(rb"\b(bc1[02-9ac-hj-np-z]{25,62}|0x[0-9a-fA-F]{40}|[13][1-9A-HJ-NP-Za-km-z]{25,34})\b")


def luhn(number: bytes) -> bool:
    """ISO/IEC 7812-1: every second digit from the right doubled, digits summed, divisible by ten."""
    doubled = number[-2::-2].translate(_DOUBLED)
    return (sum(number[::-2]) - 48 * len(number[::-2]) + sum(doubled)) % 10 == 0


# Digit -> the digit sum of its double.
_DOUBLED: Final = bytes(sum(divmod(2 * (byte - 48), 10)) if 48 <= byte <= 57 else 0 for byte in range(256))


def branded(number: bytes) -> bool:
    """Whether an issuer has cards of this prefix and length."""
    head, length = int(number[:4]), len(number)
    if number[:1] == b"4":
        return length in {13, 16, 19}
    if 5100 <= head <= 5599 or 2221 <= head <= 2720:
        return length == 16
    if number[:2] in {b"34", b"37"}:
        return length == 15
    if number[:2] in {b"36", b"38", b"39"} or 3000 <= head <= 3059 or head == 3095:
        return 14 <= length <= 19
    if 3500 <= head <= 3599 or number[:2] == b"62" or number[:2] == b"65" or 6440 <= head <= 6499 or head == 6011:
        return 16 <= length <= 19
    if head in {1800, 2131}:
        return length == 15
    return number[:2] == b"50" or 5600 <= head <= 6999  # Maestro, 12 to 19


def cards(flat: bytes) -> Iterator[Span]:
    """Digits that are a card number by checksum, by dress, or by a word."""
    for found in _GROUPED_CARD.find(flat):
        yield from _card(flat, found, dressed=True)
    for found in _BARE_CARD.find(flat):
        yield from _card(flat, found, dressed=False)
    for found in _LOOSE_CARD.find(flat):
        if len(found.value) > len(digits(found.value)) and luhn(digits(found.value)):
            yield from _card(flat, found, dressed=False)


def _card(flat: bytes, found: Found, *, dressed: bool) -> Iterator[Span]:
    number = digits(found.value)
    if not 12 <= len(number) <= 19 or number == number[:1] * len(number):
        return
    known, sums = branded(number), luhn(number)
    said = _CARD_WORDS.speak_for(flat, found)
    score = 0.0
    if known and sums and (said or dressed or len(number) > 12):
        score = 0.97 if said or dressed else 0.85
    elif said:
        score = 0.8 if known or dressed else 0.72
    elif dressed and (known or sums):
        score = 0.66
    elif known and len(number) == 16 and not _OTHER.speak_for(flat, found, reach=32):
        score = 0.52  # test data often has no valid checksum; an identifier mostly says that it is one
    if score:
        yield Span("CREDIT_CARD", found.start, found.end, score)


def ibans(flat: bytes) -> Iterator[Span]:
    """A country's code and length; the checksum, the word or the dress confirms it."""
    for found in _IBAN_START.find(flat):
        if found.value[:2].upper().decode() not in IBAN_CHARS:
            continue
        end, value = _whole_iban(flat, found.start)
        if not value:
            yield from _odd_iban(flat, found)
        elif mod97(value):
            yield Span("IBAN_CODE", found.start, end, 0.98)
        elif _IBAN_WORDS.speak_for(flat, found):
            yield Span("IBAN_CODE", found.start, end, 0.85)
        elif 2 * len(digits(value)) > len(value) and flat[found.start : found.start + 2].isupper():
            yield Span("IBAN_CODE", found.start, end, 0.66)


def _odd_iban(flat: bytes, found: Found) -> Iterator[Span]:
    """One whose length is not its country's, as some generators make: the checksum, or the very word, must hold."""
    run = _IBAN_RUN.match(flat[found.start : found.start + 34])
    if run is not None and (mod97(run.value.upper()) or _IBAN_SAID.speak_for(flat, found, reach=24)):
        yield Span("IBAN_CODE", found.start, found.start + run.end, 0.84)


def _whole_iban(flat: bytes, start: int) -> tuple[int, bytes]:
    """End and characters of the IBAN that starts here, as long as its country says; (start, b"") where none does."""
    chars = IBAN_CHARS.get(flat[start : start + 2].decode("latin-1").upper(), 0)
    value = bytearray()
    at = start
    while at < len(flat) and len(value) < chars:
        byte = flat[at : at + 1]
        if byte.isalnum() and byte < b"\x80":
            value += byte
        elif byte not in b" -" or not flat[at - 1 : at].isalnum():
            return start, b""
        at += 1
    if not chars or len(value) < chars or flat[at : at + 1].isalnum():
        return start, b""
    return at, bytes(value).upper()


def mod97(iban: bytes) -> bool:
    """ISO 7064 mod 97-10 over the IBAN with its first four characters put last; upper-case letters count from 10."""
    turned = (iban[4:] + iban[:4]).decode("ascii")
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


def accounts(flat: bytes) -> Iterator[Span]:
    """Bank accounts and codes, which only their word tells from other numbers."""
    for found in _ACCOUNT.find(flat):
        yield Span("BANK_ACCOUNT", found.start, found.end, 0.68)
    for found in _SWIFT.find(flat):
        yield Span("SWIFT_CODE", found.start, found.end, 0.75)


def wallets(flat: bytes) -> Iterator[Span]:
    """Bitcoin and Ethereum addresses by their shape; one without digits of both cases is a word."""
    for found in _WALLET.find(flat):
        mixed = found.value.lower() != found.value and digits(found.value)
        if found.value[:3] == b"bc1" or found.value[:2] == b"0x" or mixed:
            yield Span("CRYPTO", found.start, found.end, 0.8)


DETECTORS: Final = (
    Detector(rb"\d(?:[ .-]{0,3}\d){11}", cards),
    Detector(rb"(?i)\b[a-z]{2} ?\d{2}[ -]?[0-9a-z]{2}", ibans),
    Detector(rb"(?i)account|acct|a/c|routing|aba\b|sort code|bsb|swift|\bbic\b", accounts),
    Detector(rb"\bbc1|\b0x[0-9a-fA-F]{8}|\b[13][1-9A-HJ-NP-Za-km-z]{24}", wallets),
)
