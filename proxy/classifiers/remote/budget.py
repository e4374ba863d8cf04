"""A budget of requests: at most so many in any minute, and in any day. Pure.

Two token buckets. A bucket of capacity c that fills with (n + 1 - c) tokens a window never gives more than n in any
window, so no clock edge lets twice the budget through. Whole numbers only: a budget has no rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

MINUTE_S: Final = 60
DAY_S: Final = 86_400
BURST_SHARE: Final = 10  # a tenth of a window's requests may come at once; the rest is spread over it
_MICRO: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Bucket:
    """At most `most` tokens in any `window_s` seconds. `held` is in tokens times the window's microseconds."""

    most: int
    window_s: int
    held: int
    at_us: int

    @classmethod
    def full(cls, most: int, window_s: int, now_s: float) -> Bucket:
        """A bucket that nobody has taken from. `most` >= 1."""
        bucket = cls(most, window_s, 0, int(now_s * _MICRO))
        return replace(bucket, held=bucket.capacity * bucket.one)

    @property
    def capacity(self) -> int:
        """Tokens that can be taken at once."""
        return max(1, self.most // BURST_SHARE)

    @property
    def one(self) -> int:
        """A token, in the unit of `held`."""
        return self.window_s * _MICRO

    def at(self, now_s: float) -> Bucket:
        """The bucket as it is now; a clock that went back fills nothing."""
        now_us = int(now_s * _MICRO)
        grown = max(now_us - self.at_us, 0) * (self.most + 1 - self.capacity)
        return replace(self, held=min(self.held + grown, self.capacity * self.one), at_us=max(now_us, self.at_us))

    @property
    def left(self) -> int:
        """Tokens that can be taken now."""
        return self.held // self.one

    def less_one(self) -> Bucket:
        """The bucket after one token was taken; ask `left` first."""
        return replace(self, held=self.held - self.one)


@dataclass(frozen=True, slots=True)
class Budget:
    """What may still be asked."""

    minute: Bucket
    day: Bucket

    @classmethod
    def fresh(cls, a_minute: int, a_day: int, now_s: float) -> Budget:
        """Nothing spent. Both numbers >= 1."""
        return cls(Bucket.full(a_minute, MINUTE_S, now_s), Bucket.full(a_day, DAY_S, now_s))

    def at(self, now_s: float) -> Budget:
        """The budget as it is now."""
        return Budget(self.minute.at(now_s), self.day.at(now_s))

    @property
    def left(self) -> int:
        """Requests that may be made at this moment."""
        return min(self.minute.left, self.day.left)

    def take(self, now_s: float) -> Budget | None:
        """The budget after one request; None where there is none left, and then nothing is taken."""
        now = self.at(now_s)
        return Budget(now.minute.less_one(), now.day.less_one()) if now.left else None
