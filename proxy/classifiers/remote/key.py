"""The API key of a remote classifier: read for each request, so that a new key is taken up; never logged."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from proxy.classifiers.remote.failures import Failure, UnansweredError
from proxy.config.sections.judging import RemoteClassifier

KEY_CHARS_MAX: Final = 4_096


def read_key(spec: RemoteClassifier, environment: Mapping[str, str] | None = None) -> str:
    """The key; "" where none is configured. Raises UnansweredError where one is and cannot be used."""
    if not (spec.key_env or spec.key_file):
        return ""
    held = _from_file(spec.key_file) if spec.key_file else _environment(environment).get(spec.key_env, "")
    key = held.strip()
    if not key or len(key) > KEY_CHARS_MAX or not (key.isascii() and key.isprintable()) or " " in key:
        raise UnansweredError(Failure.KEY)
    return key


def _environment(given: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if given is None else given


def _from_file(path: str) -> str:
    try:
        with Path(path).open(encoding="ascii") as file:
            return file.read(KEY_CHARS_MAX + 2)
    except (OSError, ValueError):
        raise UnansweredError(Failure.KEY) from None
