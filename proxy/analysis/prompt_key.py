"""The key of prompt hashes: who reads the state file cannot try out which prompts were asked.

A hash lives for the ten minutes of the duplicate memory, so a key may be replaced at any start: remove the file
`prompt.key` and restart analysis. The cost is that prompts of the last ten minutes may count a second time.
"""

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
    """The key of this state folder; made on first use, readable by its owner only. Raises StateError."""
    try:
        if not path.exists():
            beside = path.with_suffix(".new")
            beside.unlink(missing_ok=True)
            beside.touch(0o600)
            beside.write_bytes(secrets.token_bytes(KEY_BYTES))
            beside.replace(path)
        key = path.read_bytes()
    except OSError as wrong:
        raise StateError(f"{path}: {wrong.strerror}; may I read and write the state folder?") from wrong
    if len(key) != KEY_BYTES:
        raise StateError(f"{path}: {len(key)} bytes, {KEY_BYTES} are needed; remove the file and a new one is made")
    return key


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
