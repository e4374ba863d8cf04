"""What must hold between the settings of classifiers, beyond their types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

from proxy.config.sections.judging import Classifiers, RemoteClassifier

Problem = tuple[tuple[str, ...], str]

HOSTED: Final = ("openai_moderation", "perspective")  # services of others: always redacted, always TLS
TIMEOUT_S_MAX: Final = 60.0
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
OWN_PATHS: Final = ("/v1", "/v1/moderations", "/v1/chat/completions", "/v1alpha1", "/v1alpha1/comments:analyze")
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def classifier_checks(section: Classifiers) -> Iterator[Problem]:
    """Each problem as (key, what to mend)."""
    names: set[str] = set()
    for place, one in enumerate(section.remote):
        for key, text in (*_identity(one, names), *_address(one), *_secrets(one), *_bounds(one)):
            yield ("classifiers", "remote", str(place), key), text
        names.add(one.name)


def _identity(one: RemoteClassifier, names: set[str]) -> Iterator[tuple[str, str]]:
    if not NAME.fullmatch(one.name):
        yield "name", "a name is needed: 1 to 32 of a-z, 0-9, _ and -, the first a letter or digit"
    elif one.name in names:
        yield "name", f"{one.name!r} stands twice; counts are kept by name"
    if not one.kind:
        yield "kind", "say what it is: openai_moderation, perspective, llama_guard, wildguard or granite_guardian"
    if not one.model and one.kind != "perspective":
        yield "model", "the name of the model is needed: scores of different models do not compare"


def _address(one: RemoteClassifier) -> Iterator[tuple[str, str]]:
    try:
        url = urlsplit(one.url)
        host, _ = url.hostname, url.port
    except ValueError:
        yield "url", "say http://HOST:PORT or https://HOST:PORT"
        return
    if url.scheme not in ("http", "https") or not host:
        yield "url", "say http://HOST:PORT or https://HOST:PORT"
    elif "@" in url.netloc or url.query or url.fragment:
        yield "url", "no user, password, query or fragment here: it is logged; a key belongs in key_env or key_file"
    elif url.path.rstrip("/").endswith(OWN_PATHS):
        yield "url", f"the API's own path is put after it: say {_without_path(url)}"
    elif one.kind in HOSTED and url.scheme == "http" and host not in LOOPBACK:
        yield "url", "texts for a hosted service travel over https only"


def _without_path(url: SplitResult) -> str:
    path = url.path.rstrip("/")
    own = max((own for own in OWN_PATHS if path.endswith(own)), key=len)
    return f"{url.scheme}://{url.netloc}{path.removesuffix(own)}"


def _secrets(one: RemoteClassifier) -> Iterator[tuple[str, str]]:
    if one.key_env and one.key_file:
        yield "key_file", "give key_env or key_file, not both"
    if one.kind in HOSTED and not (one.key_env or one.key_file):
        yield "key_env", f"{one.kind} needs a key: name its environment variable, or a key_file"
    if one.kind in HOSTED and not one.redact:
        yield (
            "redact",
            "what goes to a hosted service is always redacted; only a guard model of your own may do without",
        )


def _bounds(one: RemoteClassifier) -> Iterator[tuple[str, str]]:
    if not 0 <= one.share <= 1:
        yield "share", "a share is from 0 to 1"
    if not 0 < one.timeout_s <= TIMEOUT_S_MAX:
        yield "timeout_s", f"must be above 0 and at most {TIMEOUT_S_MAX:g}"
    for key in ("requests_per_minute_max", "requests_per_day_max"):
        if getattr(one, key) < 1:
            yield key, "must be at least 1"
