"""The time of a stream: it passes with its records, and closes panes. Pure.

A pane closes at its end, or later by as much as records of this stream come out of order (a proxy may write them down
when answers end, and panes are of request start), and at most two minutes later, as with live traffic.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

LAG_MAX_S: Final = 120  # detection section 3


class Clock:
    """`lag_s` is how far behind the newest record one has come so far, in whole seconds."""

    def __init__(self, pane_s: int) -> None:
        self.lag_s = 0
        self._pane_s = pane_s
        self._second = -1  # of the newest record; -1 before the first
        self._open: list[int] = []  # panes that hold something, oldest first
        self._closed_to = -1

    def tick(self, second: int) -> float | None:
        """The end of the seconds before, where a record of a later second has come and no pane closes by it.

        Else None, and nothing is done: `advance` says what is to be done.
        """
        if not self._second < second < (self._closed_to + 2) * self._pane_s + self.lag_s:
            return None
        ended, self._second = self._second + 1, second
        return float(ended)

    def advance(self, second: int) -> Iterator[tuple[float, list[int], bool]]:
        """A record of this second has come. What is to be done first: (time, panes to close, whether to look).

        The second of the records before has ended: open panes are looked at once; after it only panes close.
        """
        if second <= self._second:
            self._note_disorder(self._second - second)
            return
        ended = self._second + 1
        self._second = second
        yield float(ended), self._due(ended), True
        while self._open and (at := self._closes(self._open[0])) <= second:
            yield float(at), self._due(at), False
        self._closed_to = max(self._closed_to, (second - self.lag_s) // self._pane_s - 1)

    def open_pane(self, second: int) -> int | None:
        """The pane of a second, now one that holds something; None where it is closed."""
        pane = second // self._pane_s
        if pane <= self._closed_to:
            return None
        if pane not in self._open:
            self._open = sorted((*self._open, pane))
        return pane

    def rest(self) -> list[int]:
        """All that is open, oldest first: the stream has ended."""
        left, self._open = self._open, []
        return left

    def _due(self, second: int) -> list[int]:
        """The panes that close by this second, taken from the open ones."""
        due = [pane for pane in self._open if self._closes(pane) <= second]
        self._open = self._open[len(due) :]
        self._closed_to = max([self._closed_to, *due])
        return due

    def _closes(self, pane: int) -> int:
        return (pane + 1) * self._pane_s + self.lag_s

    def _note_disorder(self, behind_s: int) -> None:
        self.lag_s = max(self.lag_s, min(LAG_MAX_S, behind_s + 1)) if behind_s else self.lag_s
