"""Prompts that counted lately: a keyed hash counts once in ten minutes on a route (detection section 2)."""

from __future__ import annotations

from typing import Any, Final

PROMPTS_MAX: Final = 1_048_576  # remembered of one route; over it the older half is forgotten


class Prompts:
    """Hash -> when it counted (seconds), oldest first. `seen` and `memory_s` are read in the hot loop."""

    __slots__ = ("memory_s", "seen", "tidy_at")

    def __init__(self, memory_s: float = 600.0) -> None:
        self.memory_s = memory_s
        self.seen: dict[Any, float] = {}
        self.tidy_at = 16_384

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
        """Forget what is too old, now and then: when as much is held as twice what was left the last time."""
        if len(self.seen) < self.tidy_at:
            return
        held = {name: at for name, at in self.seen.items() if now - at < self.memory_s}
        for name in list(held)[: len(held) // 2] if len(held) > PROMPTS_MAX else ():
            del held[name]
        self.seen.clear()
        self.seen.update(held)
        self.tidy_at = max(16_384, 2 * len(held))
