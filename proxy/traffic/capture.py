"""The tee: references to the bytes that pass, up to a bound. Nothing is copied until the exchange ends."""

from __future__ import annotations

from proxy.core.exchange import Body, Framing


class Capture:
    """One body. Counts everything, keeps the first `bytes_max` bytes."""

    __slots__ = ("_bytes_max", "_kept", "_parts", "total_bytes")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._parts: list[bytes] = []
        self._kept = 0
        self.total_bytes = 0

    def add(self, data: bytes) -> None:
        """Bytes that passed."""
        size = len(data)
        self.total_bytes += size
        if self._kept < self._bytes_max:
            self._kept += size
            self._parts.append(data)

    def body(self, framing: Framing, content_type: bytes, content_encoding: bytes) -> Body:
        """What was kept, as the link sends it."""
        parts = self._parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        if len(data) > self._bytes_max:
            data = data[: self._bytes_max]
        return Body(
            data,
            framing,
            content_type.decode("latin-1"),
            content_encoding.decode("latin-1"),
            self.total_bytes,
            self.total_bytes > len(data),
        )
