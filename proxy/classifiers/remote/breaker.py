"""A circuit breaker: a server that keeps failing is left alone for a while. Pure.

    closed     calls go out; FAILURES_MAX failures in a row, or the server's own Retry-After, open it
    open       no call until a time
    half-open  that time has come: one call is let through. Success closes; failure opens for twice as long

Source: Nygard, "Release It!", 2nd ed., section 5.2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

FAILURES_MAX: Final = 5
WAIT_MIN_S: Final = 15.0
WAIT_MAX_S: Final = 600.0
RETRY_AFTER_MAX_S: Final = 3_600.0  # a server may ask for an hour; a broken one may not ask for ever


class State(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """One server's breaker; every change gives a new one. `now_s` is a clock that never goes back."""

    failures: int = 0  # in a row, while closed
    openings: int = 0  # in a row, without a success between
    open_until_s: float | None = None
    probing: bool = False

    def state(self, now_s: float) -> State:
        """Where it stands at this moment."""
        if self.open_until_s is None:
            return State.CLOSED
        return State.OPEN if now_s < self.open_until_s else State.HALF_OPEN

    def allows(self, now_s: float) -> bool:
        """Whether a call may go out now. Whoever makes it says `begun` first."""
        state = self.state(now_s)
        return state is State.CLOSED or (state is State.HALF_OPEN and not self.probing)

    def begun(self, now_s: float) -> Breaker:
        """A call goes out; while half-open it is the only one."""
        return replace(self, probing=True) if self.state(now_s) is State.HALF_OPEN else self

    def abandoned(self) -> Breaker:
        """A call ended without saying anything of the server: it was cancelled, or never sent."""
        return replace(self, probing=False)

    def succeeded(self, now_s: float) -> Breaker:
        """The server answered. An answer to a call from before it opened closes nothing."""
        return self if self.state(now_s) is State.OPEN else Breaker()

    def failed(self, now_s: float, retry_after_s: float | None = None) -> Breaker:
        """The server failed; `retry_after_s` is what it asked for itself."""
        state = self.state(now_s)
        if state is State.OPEN:
            return self._longer(now_s, retry_after_s)
        if state is State.CLOSED and retry_after_s is None and self.failures + 1 < FAILURES_MAX:
            return replace(self, failures=self.failures + 1)
        wait_s = min(WAIT_MAX_S, WAIT_MIN_S * 2.0 ** min(self.openings, 16))
        opened = Breaker(openings=self.openings + 1, open_until_s=now_s + wait_s)
        return opened._longer(now_s, retry_after_s)

    def _longer(self, now_s: float, retry_after_s: float | None) -> Breaker:
        """Open at least for as long as the server asked."""
        asked_s = min(max(retry_after_s or 0.0, 0.0), RETRY_AFTER_MAX_S)
        assert self.open_until_s is not None
        return replace(self, open_until_s=max(self.open_until_s, now_s + asked_s), probing=False)
