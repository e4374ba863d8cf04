"""Secrets: keys and tokens by their issuers' marks, private keys, passwords, assignments of much entropy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import log2
from typing import Final

from proxy.sensitive.patterns import Detector, Found, Pattern
from proxy.sensitive.span import Span

_CLOUD = Pattern(
    rb"\b((?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{35}|ya29\.[0-9A-Za-z_-]{20,}"
    rb"|GOCSPX-[0-9A-Za-z_-]{28}"
    rb"|do[opr]_v1_[0-9a-f]{64}|LTAI[0-9A-Za-z]{12,20}|AccountKey=[0-9A-Za-z+/]{40,}={0,2}"
    rb"|SharedAccessKey=[0-9A-Za-z+/]{40,}={0,2})"
)
_API = Pattern(
    rb"\b(gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{22,}|gl(?:pat|dt|rt|ptt|ft|soat)-[0-9A-Za-z_-]{20,60}"
    rb"|xox[abeoprs]-[0-9A-Za-z-]{10,}|xapp-[0-9A-Za-z-]{20,}|(?:sk|rk|pk|whsec)_(?:live_|test_)?[0-9A-Za-z]{20,}"
    rb"|sk-(?:ant-|proj-|svcacct-|or-)?[0-9A-Za-z_-]{20,}|hf_[0-9A-Za-z]{30,60}"
    rb"|SG\.[0-9A-Za-z_-]{16,32}\.[0-9A-Za-z_-]{32,64}"
    rb"|npm_[0-9A-Za-z]{36}|pypi-[0-9A-Za-z_-]{50,}|dckr_pat_[0-9A-Za-z_-]{20,40}|\d{8,10}:AA[0-9A-Za-z_-]{33}"
    rb"|SK[0-9a-f]{32}|AC[0-9a-f]{32}"
    rb"|key-[0-9a-f]{32}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|sq0[a-z]{3}-[0-9A-Za-z_-]{22,43}|EAAC[0-9A-Za-z]{30,}"
    rb"|glsa_[0-9A-Za-z]{32}_[0-9a-f]{8}"
    rb"|hvs\.[0-9A-Za-z_-]{24,120}|lin_api_[0-9A-Za-z]{32,48}|dapi[0-9a-f]{32}|NRAK-[0-9A-Z]{27}"
    rb"|gsk_[0-9A-Za-z]{40,60}|nvapi-[0-9A-Za-z_-]{50,80}"
    rb"|r8_[0-9A-Za-z]{37}|ntn_[0-9A-Za-z]{40,50}|secret_[0-9A-Za-z]{43}"
    rb"|[MNO][0-9A-Za-z_-]{23,25}\.[0-9A-Za-z_-]{6}\.[0-9A-Za-z_-]{27,38})"
)
_WEBHOOK = Pattern(
    rb"(https://(?:hooks\.slack\.com/(?:services|workflows)|(?:ptb\."
    rb"|canary\.)?discord(?:app)?\.com/api/webhooks)/[0-9A-Za-z_/-]{20,})"
)
_JWT = Pattern(rb"\b(ey[JK][0-9A-Za-z_-]{10,}\.ey[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]*)")
_KEY_BEGINS = Pattern(rb"-----BEGIN (?:[A-Z0-9 ]{0,40})PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-[23]:")
_KEY_ENDS = Pattern(rb"-----END (?:[A-Z0-9 ]{0,40})PRIVATE KEY(?: BLOCK)?-----|Private-MAC: [0-9a-f]{40,64}")
_KEY_CHARS_MAX: Final = 16_384

_CONNECTION = Pattern(rb"(?i)\b([a-z][a-z0-9+.-]{1,30}://[^\s:/@<>\"']{0,128}:[^\s@/<>\"']+@[^\s<>\"',;]+)")
_SETTINGS = Pattern(
    rb"(?i)((?:(?:server|data source|host|user id|uid|database|initial catalog"
    rb"|username)=[^;\n]+;\s?){1,8}(?:password|pwd)=[^;\s\"']+)"
)
_BEARER = Pattern(
    rb"(?i)(?:authorization|proxy-authorization)[\"']?\s?[:=]\s?[\"']?(?:bearer|basic|token"
    rb"|apikey) ([0-9A-Za-z._~+/=-]{8,})"
)

_NAMES: Final = (
    rb"(?:[a-z0-9]{1,20}[_.-]){0,4}(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_. -]?key|access[_. -]?key"
    rb"|auth[_. -]?key|private[_. -]?key"
    rb"|client[_. -]?secret|encryption[_. -]?key|credentials?)(?:[_-][a-z0-9]{1,20}){0,3}"
)
_ASSIGNED = Pattern(rb"(?i)\b" + _NAMES + rb"[\"']?\s{0,3}(?::=|=>|=|:)\s{0,3}[\"'`]?([^\s\"'`,;<>]{4,})")
_SAID = Pattern(
    rb"(?i)\b(?:password|passcode|passphrase|pass word|pwd|pin(?: code)?|login code|security code|one[- ]time code"
    rb"|otp)(?: (?:for|to|of) [a-z0-9 ]{1,30})? (?:is|was|=|changed to|set to"
    rb"|reset to):? {0,2}[\"'`]?([^\s\"'`,<>]{4,64})"
)
_PASSWORD_NAME = Pattern(rb"(?i)passw|pwd|passphrase|passcode")
# What stands where a secret would: masks, templates, expressions of a program, and words of a sentence.
_PLACEHOLDER = Pattern(
    rb"(?i)^(?:[x*.\-_]+|<.*|\$\{?.*|\{\{?.*|%.*|\[.*|(?:your|my|some|example|change)[_-]?.*"
    rb"|(?:os|process|self|env|input|request|config|settings|args|params|user|data|getenv|this)\b.*"
    rb"|none|null|true|false|undefined|str|string|required|optional|incorrect|wrong|invalid|correct|expired|not|the"
    rb"|an?|too?|in|for"
    rb"|stored|hashed|encrypted|never|always|very|weak|strong|secure|case|hidden|sent|reset|changed|unique)$"
)
_CALL = Pattern(rb"[()\[\]]|^[a-z_]+\.[a-z_.]+$")


def marked(flat: bytes) -> Iterator[Span]:
    """Tokens that say whose they are."""
    for kind, pattern, score in (("CLOUD_KEY", _CLOUD, 0.97), ("API_KEY", _API, 0.95), ("API_KEY", _WEBHOOK, 0.95)):
        for found in pattern.find(flat):
            if entropy(found.value) > 2.5:
                yield Span(kind, found.start, found.end, score)


def jwts(flat: bytes) -> Iterator[Span]:
    """JSON web tokens: two base64 objects and a signature."""
    for found in _JWT.find(flat):
        yield Span("JWT", found.start, found.end, 0.96)


def private_keys(flat: bytes) -> Iterator[Span]:
    """From the line that begins a private key to the one that ends it, or as far as a key can go."""
    for begin in _KEY_BEGINS.find(flat):
        body = flat[begin.end : begin.end + _KEY_CHARS_MAX]
        end = next((found.end for found in _KEY_ENDS.find(body)), len(body))
        yield Span("PRIVATE_KEY", begin.start, begin.end + end, 0.99)


def connections(flat: bytes) -> Iterator[Span]:
    """URLs and settings that carry a password, and authorization headers."""
    for pattern in (_CONNECTION, _SETTINGS):
        for found in pattern.find(flat):
            yield Span("CONNECTION_STRING", found.start, found.end, 0.995)
    for found in _BEARER.find(flat):
        yield Span("SECRET", found.start, found.end, 0.9)


def assigned(flat: bytes) -> Iterator[Span]:
    """name = value, where the name is a secret's: passwords as they are, others by their entropy."""
    for found in _ASSIGNED.find(flat):
        name = flat[max(0, found.start - 64) : found.start]
        if _holds_secret(found, _PASSWORD_NAME.within(name)):
            yield Span("PASSWORD" if _PASSWORD_NAME.within(name) else "SECRET", found.start, found.end, 0.83)


def said(flat: bytes) -> Iterator[Span]:
    """ "the password is ...": a value that is no plain word."""
    for found in _SAID.find(flat):
        kept = Found(found.start, found.end, found.value.rstrip(b".!?:;)"))
        plain = kept.value.isalpha() and kept.value.islower()
        if not plain and len(kept.value) >= 4 and not _PLACEHOLDER.within(kept.value):
            yield Span("PASSWORD", kept.start, kept.start + len(kept.value), 0.72)


def _holds_secret(found: Found, password: bool) -> bool:
    value = found.value
    if _PLACEHOLDER.within(value) or _CALL.within(value):
        return False
    if password:
        return len(value) >= 6 or not value.isalpha()
    return len(value) >= 12 and entropy(value) >= 3.0 and not value.isalpha()


def entropy(value: bytes) -> float:
    """Shannon's, in bits a character."""
    if not value:
        return 0.0
    total = len(value)
    return -sum(count / total * log2(count / total) for count in Counter(value).values())


DETECTORS: Final = (
    Detector(
        rb"AKIA|ASIA|A[GIRN][PDO]A[0-9A-Z]|AIza|ya29|GOCSPX|_v1_|LTAI|AccountKey|SharedAccessKey|gh[pousr]_"
        rb"|github_pat|gl[a-z]{2,4}-|xox[a-z]-|xapp-"
        rb"|(?:sk|rk|pk|whsec)[_-]|hf_|SG\.|npm_|pypi-|_pat_|:AA|SK[0-9a-f]{8}|AC[0-9a-f]{8}|key-|shp[a-z]{2}_|sq0"
        rb"|EAAC|glsa_|hvs\.|lin_api|dapi|NRAK|gsk_|nvapi"
        rb"|r8_|ntn_|secret_|hooks\.slack|/webhooks/|\.[0-9A-Za-z_-]{6}\.",
        marked,
    ),
    Detector(rb"ey[JK]", jwts),
    Detector(rb"-----BEGIN|PuTTY-User", private_keys),
    Detector(rb"(?i)://[^\s/@]{0,300}@|pwd=|password=|authorization", connections),
    Detector(rb"(?i)passw|passphrase|pwd|secret|token|[a-z_. -]key|credential", assigned),
    Detector(rb"(?i)passw|passcode|passphrase|pass word|pwd|\bpin\b|code|\botp\b", said),
)
