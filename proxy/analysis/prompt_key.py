"""Keyed hashes: who reads the state file cannot try out which prompts were asked. When keys change: `hash_keys`."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from proxy.core.errors import StateError

KEY_BYTES: Final = 32
HASH_BYTES: Final = 16


def read_or_make_key(path: Path) -> bytes:
    """The key in this file; made on first use, readable by its owner only. Raises StateError."""
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = secrets.token_bytes(KEY_BYTES)
        write_key(path, key)
    except OSError as wrong:
        raise StateError(f"{path}: {wrong.strerror}; may I read and write the state folder?") from wrong
    if len(key) != KEY_BYTES:
        raise StateError(f"{path}: {len(key)} bytes, {KEY_BYTES} are needed; remove the file and a new one is made")
    return key


def write_key(path: Path, key: bytes) -> None:
    """Put a key into the place of the one before, whole, readable by its owner only. Raises StateError."""
    beside = path.with_suffix(".new")
    try:
        beside.unlink(missing_ok=True)
        beside.touch(0o600)
        beside.write_bytes(key)
        beside.replace(path)
    except OSError as wrong:
        raise StateError(f"{path}: {wrong.strerror}; may I read and write the state folder?") from wrong


def prompt_hasher(key: bytes) -> Callable[[str], str]:
    """Prompt text to 32 hexadecimal digits: HMAC-SHA256, cut to 128 bits. No text has no hash: it repeats nothing."""
    begun = hmac.new(key, digestmod=hashlib.sha256)

    def prompt_hash(text: str) -> str:
        if not text:
            return ""
        mac = begun.copy()
        mac.update(text.encode("utf-8", "surrogatepass"))
        return mac.digest()[:HASH_BYTES].hex()

    return prompt_hash
