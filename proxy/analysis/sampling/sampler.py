"""Which exchanges are analysed: the coins of a process, and whether a route's traffic is unlike that of before.

Copies of a prompt that count once share their coin: it is a keyed hash of route, served model, prompt and the time in
units of the duplicate memory. So what a retry loop repeats is drawn as often as anything else, once.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from typing import Final

from proxy.core.exchange import Exchange
from proxy.core.observation import Observation
from proxy.core.sampling import ALWAYS, FULL_RATES, Draw, Glance, Rates, coin, draw

KEPT_SHARE: Final = 0.98  # of what is usual, from pane to pane: it forgets half in 34 panes
USUAL_MIN: Final = 200.0  # exchanges, before anything is unusual
SIGMAS: Final = 4.0
LEAST: Final = 5.0  # harmful prompts beyond what is usual


@dataclass(frozen=True, slots=True)
class Usual:
    """Exchanges and harmful prompts: `n`, `harmful` of panes before, fading; `n_now`, `harmful_now` of `pane`.

    `looked`: stage 0 says what is harmful, else the judge; the two are never compared.
    """

    n: float = 0.0
    harmful: float = 0.0
    pane: int = -1
    n_now: int = 0
    harmful_now: int = 0
    looked: bool = False

    @property
    def is_unusual(self) -> bool:
        """Whether this pane holds more harmful prompts than the ones before let expect: 4 sigmas, and 5 prompts."""
        if self.n < USUAL_MIN:
            return False
        share = (self.harmful + 1.0) / (self.n + 2.0)
        expected = share * self.n_now
        return self.harmful_now > expected + SIGMAS * math.sqrt(expected * (1.0 - share)) + LEAST

    def seeing(self, pane: int, *, harmful: bool, looked: bool) -> Usual:
        """With one more exchange. One of an older pane belongs to the newest."""
        now = self if looked is self.looked else Usual(looked=looked)
        if pane > now.pane:
            before = (now.n + now.n_now) * KEPT_SHARE, (now.harmful + now.harmful_now) * KEPT_SHARE
            now = Usual(*before, pane, looked=looked)
        return replace(now, n_now=now.n_now + 1, harmful_now=now.harmful_now + harmful)


class Sampler:
    """One for the process. `rates_of` gives the probabilities of a route in a pane; `key` is the coins' secret."""

    def __init__(
        self, key: bytes = b"", rates_of: Callable[[str, int], Rates] = lambda _route, _pane: FULL_RATES
    ) -> None:
        self._key = hashlib.blake2b(key, person=b"sampling").digest()
        self.rates_of = rates_of
        self._usual: dict[str, Usual] = {}

    def toss(
        self, rates: Rates, exchange: Exchange, blanks: Sequence[Observation], glance: Glance, memory_s: float
    ) -> Draw:
        """What becomes of an exchange whose answers are known as `blanks`. Prompts count once in `memory_s`."""
        if rates == FULL_RATES:
            return ALWAYS
        hashes = sorted({one.prompt_hash for one in blanks if one.prompt_hash})
        once = bool(hashes) and memory_s > 0.0
        what = [str(int(exchange.started_s // memory_s)), *hashes] if once else [exchange.id]
        return draw(rates, glance, coin(self._key, "\0".join((exchange.route, exchange.served, *what))))

    def note(self, route: str, pane: int, *, harmful: bool, looked: bool) -> None:
        """An exchange was read. `looked`: by stage 0."""
        self._usual[route] = self._usual.get(route, Usual()).seeing(pane, harmful=harmful, looked=looked)

    def unusual(self) -> tuple[str, ...]:
        """The routes whose newest pane is unlike those before."""
        return tuple(route for route, usual in self._usual.items() if usual.is_unusual)

    def keep(self, routes: Container[str]) -> None:
        """Forget other routes."""
        for gone in [route for route in self._usual if route not in routes]:
            del self._usual[gone]
