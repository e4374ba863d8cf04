"""Sampling: with which probability an answer is analysed, and what it then weighs. Pure (detection sections 2 and 5).

Every probability is 2^-k, k = 0..7. One coin is tossed for an exchange, and two groups of signals look at it:

    harm   signals of harmful prompts (`refusal` by category, its shards and contexts, `trigger`)
    all    every other signal: of all traffic

Each group has a lowest probability pi_min in force, so that an answer of probability pi weighs 2^-r of one,
r = log2(pi / pi_min). Within the signals of all traffic r is at most RISK_LEVELS_MAX: what is risky is sampled up to
four times as often, and what is analysed beyond that is for review only, in no estimate. The probability depends on
the prompt, on cheap features of the answer and on the past, never on the verdict that it leads to.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.core.evidence.signals import HARMFUL_OUTPUT, REFUSAL, REFUSAL_IN, TRIGGER, whole_signal
from proxy.core.observation import NO_HARM
from proxy.core.windows import Cell, cell
from proxy.detectors.e_process import LEVELS

K_MAX: Final = 7  # the rarest probability is 2^-7
COIN_BITS: Final = 64
RISK_LEVELS_MAX: Final = 2  # a ratio of 4: beyond it the weighted test loses more than it gains (detection section 5)
HARM_K_MAX: Final = 1  # harmful prompts are sampled at 1 or 1/2
RAISED_LEVELS: Final = 2  # a raised alarm level asks for four times as much
UNUSUAL_LEVELS: Final = 1  # unusual traffic for twice as much
LOAD_MAX: Final = K_MAX + 1  # of what the budget asks for: 2^-load of all traffic, at the last half the harmful too

UNSAMPLED: Final = "unsampled"  # signal: exchanges that the coin left out; stratum: harmful or harmless
UNSUSPECTED: Final = "unsuspected"  # signal: refusals of prompts that only stage 1 found harmful; in no estimate
REVIEW: Final = "review"  # signal: answers that were analysed for review only
HARMFUL: Final = "harmful"
HARMLESS: Final = "harmless"


class Strategy(StrEnum):
    """How the answers of a route are chosen."""

    FULL = "full"  # all of them
    RANDOM = "random"  # a share of all, whatever they are
    RISK = "risk"  # all that is risky, a share of the rest
    ADAPTIVE = "adaptive"  # as many as the CPU budget allows; more under a raised alarm level or unusual traffic


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants: a strategy, and k of its share 2^-k (adaptive: of the smallest share that it may go to)."""

    strategy: Strategy = Strategy.FULL
    k: int = 0


@dataclass(frozen=True, slots=True)
class Now:
    """What moves probabilities: all of it belongs to the past when a coin is tossed.

    `load`: what the CPU budget asks for, 0 (nothing) to LOAD_MAX. `raised`: the route's severity is medium or more.
    `suspected`: something speaks for a change (`suspicion`). `unusual`: its traffic is unlike that of before.
    """

    load: int = 0
    raised: bool = False
    suspected: bool = False
    unusual: bool = False


@dataclass(frozen=True, slots=True)
class Rates:
    """The probabilities in force, each 2^-k: `harm_k` of harmful prompts, `risky_k` and `rest_k` of all traffic.

    `harm_k` and `rest_k` are the pi_min of the two groups. `review`: whatever is risky is analysed beside that.
    """

    harm_k: int = 0
    risky_k: int = 0
    rest_k: int = 0
    review: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.risky_k <= self.rest_k <= min(K_MAX, self.risky_k + RISK_LEVELS_MAX):
            raise ValueError(f"risky 2^-{self.risky_k}, rest 2^-{self.rest_k}: not on the grid, or over a ratio of 4")
        if not 0 <= self.harm_k <= max(HARM_K_MAX, self.risky_k):
            raise ValueError(f"harmful prompts at 2^-{self.harm_k}: less than 1/2, and less than risky ones")


FULL_RATES: Final = Rates()


@dataclass(frozen=True, slots=True)
class Glance:
    """What stage 0 saw. `harmful`: the prompt may be harmful, or holds a known trigger. `risky`: so may the answer."""

    harmful: bool = False
    risky: bool = False


@dataclass(frozen=True, slots=True)
class Draw:
    """What the coin decided of one exchange.

    `harm`, `all`: its weight level in each group, None where it takes no part. `k`: it was analysed with probability
    2^-k, if `analysed`. `counts_once`: its prompt counts as seen from now on, so that a copy of it is a duplicate.
    """

    harm: int | None
    all: int | None
    analysed: bool
    counts_once: bool
    k: int


ALWAYS: Final = Draw(0, 0, analysed=True, counts_once=True, k=0)
REVIEWED: Final = Draw(None, None, analysed=True, counts_once=False, k=0)


def exponent(share: float) -> int:
    """k of the smallest 2^-k, k = 0..7, that is not below this share in (0, 1]."""
    mantissa, power = math.frexp(share)  # share = mantissa * 2^power, 0.5 <= mantissa < 1
    return min(K_MAX, max(0, 1 - power if mantissa == 0.5 else -power))


def rates_of(order: Order, now: Now) -> Rates:
    """The probabilities that an order gives now."""
    more = RAISED_LEVELS * now.raised
    match order.strategy:
        case Strategy.FULL:
            return FULL_RATES
        case Strategy.RANDOM:
            k = max(0, order.k - more)
            return Rates(0 if now.raised or now.suspected else k, k, k)
        case Strategy.RISK:
            k = max(0, order.k - more)
            return Rates(0, max(0, k - RISK_LEVELS_MAX), k, review=True)
        case Strategy.ADAPTIVE:
            k = max(0, min(now.load, order.k) - more - UNUSUAL_LEVELS * now.unusual)
            risky_k = max(0, k - RISK_LEVELS_MAX)
            halved = now.load >= LOAD_MAX and not (now.raised or now.suspected)
            return Rates(min(risky_k, HARM_K_MAX) if halved else 0, risky_k, k)


def coin(key: bytes, name: str) -> int:
    """A keyed hash as a coin, uniform on 0 .. 2^64 - 1: whoever has the key tosses the same for the same name."""
    return int.from_bytes(hashlib.blake2b(name.encode(), key=key, digest_size=COIN_BITS // 8).digest(), "big")


def draw(rates: Rates, glance: Glance, tossed: int) -> Draw:
    """What is analysed, and at which levels it counts.

    The groups share the coin, so that a harmful prompt is analysed once for both. `counts_once` is set for all that
    might have been drawn had they looked riskier: of copies of one prompt the first alone decides.
    """
    k = rates.risky_k if glance.harmful or glance.risky else rates.rest_k
    in_all = _falls(tossed, k)
    in_harm = glance.harmful and _falls(tossed, rates.harm_k)
    harm = 0 if in_harm else None
    if in_all and not glance.harmful and k <= rates.harm_k:
        harm = rates.harm_k - k  # stage 0 may be wrong, and here it costs nothing
    reviewed = rates.review and (glance.harmful or glance.risky)
    return Draw(
        harm=harm,
        all=rates.rest_k - k if in_all else None,
        analysed=in_all or in_harm or reviewed,
        counts_once=in_harm or _falls(tossed, rates.risky_k),
        k=0 if reviewed else min(k, rates.harm_k) if glance.harmful else k,
    )


def _falls(tossed: int, k: int) -> bool:
    """Whether a coin falls within probability 2^-k."""
    return tossed >> COIN_BITS - k == 0


def is_of_harm(signal: str, stratum: str) -> bool:
    """Whether a cell, of all or of a shard of tenants, is of harmful prompts, and so of the group `harm`."""
    of = whole_signal(signal)
    return of in (REFUSAL_IN, TRIGGER) or (of == REFUSAL and stratum != NO_HARM)


def weighed(cells: Iterable[tuple[Cell, int]], drawn: Draw, coverage_r: int) -> Iterator[tuple[Cell, int]]:
    """The cells of one exchange at the levels that were drawn; those of a group that it has no part in are left out.

    cells: at level 0. coverage_r: the level that the wire's thinning gives; the two probabilities are independent. An
    answer above the strict threshold of harm is an event, no rate: it stays, however it was found.
    """
    if drawn == ALWAYS and not coverage_r:
        yield from cells
        return
    for (signal, stratum, _, y), count in cells:
        level = drawn.harm if is_of_harm(signal, stratum) else drawn.all
        if level is not None:
            yield cell(signal, stratum, coverage_r + level, y), count
        elif whole_signal(signal) == HARMFUL_OUTPUT and y:
            yield cell(signal, stratum, coverage_r, y), count
        elif signal == REFUSAL and drawn.all is not None:
            yield cell(UNSUSPECTED, stratum, coverage_r + drawn.all, y), count


def fits(drawn: Draw, coverage_r: int) -> bool:
    """Whether both levels together are on the grid."""
    return max(drawn.harm or 0, drawn.all or 0) + coverage_r < LEVELS
