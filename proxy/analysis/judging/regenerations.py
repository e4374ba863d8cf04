"""Whether somebody asked the very same again at once: the answer before did not please.

The same is: route, end user as the client names them, prompt, depth and length of the conversation. Only keyed hashes
are remembered, at most ENTRIES_MAX, for MEMORY_S; each process knows what it saw itself.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

MEMORY_S: Final = 120.0
ENTRIES_MAX: Final = 50_000

Question = tuple[str, str, str, int, int]  # route, user, prompt hash, turns, characters


class Regenerations:
    """One for the process; called from one thread at a time."""

    def __init__(self) -> None:
        self._asked: OrderedDict[Question, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._asked)

    def is_again(self, question: Question, time_s: float) -> bool:
        """Whether this was asked within MEMORY_S before `time_s` (Unix seconds); remembered from now on."""
        before = self._asked.pop(question, None)
        self._asked[question] = time_s
        while len(self._asked) > ENTRIES_MAX or self._is_over(time_s):
            self._asked.popitem(last=False)
        return before is not None and 0.0 <= time_s - before <= MEMORY_S

    def _is_over(self, time_s: float) -> bool:
        oldest = next(iter(self._asked.values()), time_s)
        return time_s - oldest > MEMORY_S
