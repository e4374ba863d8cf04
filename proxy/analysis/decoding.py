"""From the bytes of the network to the bytes of the API: chunks joined, content-encodings undone, within a bound."""

from __future__ import annotations

from typing import Final

from proxy.core.exchange import Body
from proxy.dialects.contract import Plain

DECODED_BYTES_MAX: Final = 8 * 1024 * 1024


def decode(body: Body, decoded_bytes_max: int = DECODED_BYTES_MAX) -> Plain:
    """The plain bytes of a captured body, at most `decoded_bytes_max` of them.

    A truncated capture is decoded as far as it goes and marked. Raises Unreadable("encoding") where the
    content-encoding is unknown or the bytes are not of it, and Unreadable("malformed") for broken chunks.
    """
    raise NotImplementedError
