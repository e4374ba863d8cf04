"""Prompts that counted lately: a keyed hash counts once in ten minutes on a route (detection section 2)."""

from __future__ import annotations

from typing import Any, Final

PROMPTS_MAX: Final = 1_048_576  # remembered of one route; over it the oldest are forgotten


class Prompts:
    """Hash -> when it counted (seconds), oldest first. `seen` and `memory_s` are read in the hot loop."""

    __slots__ = ("memory_s", "seen")

    def __init__(self, memory_s: float = 600.0) -> None:
        self.memory_s = memory_s
        self.seen: dict[Any, float] = {}

    def repeats(self, prompt_hash: Any, t: float | None) -> bool:
        """Test and set. Without a hash, or without a time, nothing repeats."""
        if prompt_hash is None or t is None:
            return False
        at = self.seen.get(prompt_hash)
        if at is not None and -self.memory_s < t - at < self.memory_s:
            return True
        self.seen.pop(prompt_hash, None)  # so that the order of the dict is the order of time
        self.seen[prompt_hash] = t
        return False

    def tidy(self, now: float) -> None:
        """Forget what is too old, from the oldest on, and what is too much."""
        surplus = len(self.seen) - PROMPTS_MAX
        gone = []
        for place, (name, at) in enumerate(self.seen.items()):
            if now - at < self.memory_s and place >= surplus:
                break
            gone.append(name)
        for name in gone:
            del self.seen[name]
