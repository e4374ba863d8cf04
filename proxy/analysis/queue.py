"""What waits to be read: bounded in bytes and in number. A full queue takes nothing more; it never grows. Pure."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class BoundedQueue(Generic[T]):
    """First in, first out, of at most `items_max` items and `bytes_max` bytes."""

    def __init__(self, items_max: int, bytes_max: int) -> None:
        self._items_max = items_max
        self._bytes_max = bytes_max
        self._held: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self._fill_max = 0.0

    def __len__(self) -> int:
        return len(self._held)

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait."""
        return self._bytes

    @property
    def fill_ratio(self) -> float:
        """How full it is, 0 to 1, by the tighter of its two bounds."""
        return max(len(self._held) / self._items_max, self._bytes / self._bytes_max)

    def put(self, item: T, size_bytes: int, *, always: bool = False) -> bool:
        """Take the item if there is room, or `always`. An item over the whole bound is taken by an empty queue only."""
        if (
            not always
            and self._held
            and (len(self._held) >= self._items_max or self._bytes + size_bytes > self._bytes_max)
        ):
            self._fill_max = 1.0
            return False
        self._held.append((item, size_bytes))
        self._bytes += size_bytes
        self._fill_max = max(self._fill_max, self.fill_ratio)
        return True

    def take(self) -> tuple[T, int]:
        """The oldest item and its size. Raises IndexError where nothing waits."""
        item, size_bytes = self._held.popleft()
        self._bytes -= size_bytes
        return item, size_bytes

    def highest_fill(self) -> float:
        """How full it was at its fullest since the last time this was asked."""
        highest, self._fill_max = self._fill_max, self.fill_ratio
        return min(1.0, highest)
