"""The prompts that this process counted lately. Pure; times are arguments."""

from __future__ import annotations

from typing import Final

SEEN_MAX: Final = 65_536  # of one route; over it the oldest is forgotten: 100 a second for ten minutes


class RecentPrompts:
    """Marks of prompts by route, each with when it counted."""

    def __init__(self) -> None:
        self._held: dict[str, dict[str, float]] = {}

    def seen(self, route: str, mark: str, now_s: float, memory_s: float) -> bool:
        """Test and set, as `contract.Store.seen` has it."""
        held = self._held.setdefault(route, {})
        at_s = held.get(mark)
        if at_s is not None and abs(now_s - at_s) < memory_s:  # a time far ahead: the clock was set back
            return True
        held.pop(mark, None)  # so that the order of the dict is the order of time
        held[mark] = now_s
        while len(held) > SEEN_MAX or abs(now_s - held[next(iter(held))]) >= memory_s:
            del held[next(iter(held))]
        return False

    def forget(self, route: str) -> None:
        """Forget a route."""
        self._held.pop(route, None)
