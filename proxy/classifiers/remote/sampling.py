"""Which exchanges are sent: by a hash of the exchange's id, so that every replica picks the same. Pure."""

from __future__ import annotations

import hashlib
from typing import Final

_BYTES: Final = 8


def chosen(exchange_id: str, name: str, share: float) -> bool:
    """Whether this exchange is among the `share` (0 to 1) that goes to classifier `name`.

    The name is part of the hash: two classifiers of a tenth each see two different tenths.
    """
    digest = hashlib.blake2b(f"{name}\0{exchange_id}".encode("utf-8", "replace"), digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big") < share * 2.0 ** (8 * _BYTES)
