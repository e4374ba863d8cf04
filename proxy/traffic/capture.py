"""What the tee kept of a body, as the link sends it. While bytes pass, only references to them are kept."""

from __future__ import annotations

from typing import Final

from proxy.core.exchange import Body
from proxy.core.http.heads import Head

PART_BYTES: Final = 48  # what a kept piece takes beside its bytes: its object, and its place in a list


def captured(head: Head, parts: list[bytes], total_bytes: int, bytes_max: int) -> Body:
    """The body of this head from its first parts, cut at the bound; `total_bytes` is all that passed."""
    data = parts[0] if len(parts) == 1 else b"".join(parts)
    if len(data) > bytes_max:
        data = data[:bytes_max]
    return Body(
        data, head.framing, head.content_type_text, head.content_encoding_text, total_bytes, total_bytes > len(data)
    )
