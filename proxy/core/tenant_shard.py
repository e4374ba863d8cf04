"""In which of four shards a tenant is, by a keyed hash. Pure, and light: the traffic process uses it.

A tenant is who a header names that the operator configured, else whom the body names as its end user, else who holds
the credential. Traffic reads the headers, and of what stands there only a number leaves it: nothing (-1), the shard of
the credential (0 to 3), or that of the configured header (4 to 7). No credential, and no hash that could be tried out,
ever comes to analysis.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Final

SHARDS: Final = 4
NOBODY: Final = -1
NAMED: Final = SHARDS  # from here on: the shard that the configured header gives, plus this
CREDENTIALS: Final = ("authorization", "x-api-key", "api-key")  # OpenAI's and TGI's, Anthropic's, Azure's
KEY_BYTES_MAX: Final = 64  # of BLAKE2b

Mark = Callable[[bytes], int]


def shard_of(name: bytes, salt: bytes) -> int:
    """0 to 3: two bits of a keyed BLAKE2b (RFC 7693)."""
    return hashlib.blake2b(name, digest_size=1, key=salt[:KEY_BYTES_MAX]).digest()[0] % SHARDS


def mark_of(header: str, salt: str) -> Mark:
    """What to make of a request's head (its bytes, with the empty line). `header`: "" where none is configured."""
    key = salt.encode()
    named = _values((header,)) if header else None
    credentials = _values(CREDENTIALS)

    def mark(head: bytes) -> int:
        if named is not None and (found := named(head)):
            return NAMED + shard_of(found[-1], key)  # the last: the nearest proxy wrote it
        found = credentials(head)
        return shard_of(b"\n".join(found), key) if found else NOBODY

    return mark


def _values(names: tuple[str, ...]) -> Callable[[bytes], list[bytes]]:
    """Finds the values, not empty, of the fields with these names in a head."""
    spelled = b"|".join(re.escape(name.encode()) for name in names)
    return re.compile(rb"\r\n(?i:" + spelled + rb"):[ \t]*([^\r\n]+)").findall


def shard(mark: int, user: str, keyed_hash: Callable[[str], str]) -> int:
    """The shard of an exchange: `mark` as traffic sent it, `user` as the body names them ("": not).

    keyed_hash: text to hexadecimal digits, the same on all replicas
    """
    if mark >= NAMED:
        return (mark - NAMED) % SHARDS
    if user:
        return int(keyed_hash(user)[:2], 16) % SHARDS
    return max(0, mark) % SHARDS
