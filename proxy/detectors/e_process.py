"""The Shiryaev-Roberts e-detector: has a rate crossed its line, and since when?

E-detectors: Shin, Ramdas, Rinaldo, arXiv 2203.03532. Bets: Waudby-Smith and Ramdas, arXiv 2010.09686.

Six bets watch a line m. Each multiplies its wealth, for every observation, by a factor whose expectation is at most 1
while the rate is on the good side of m. At every pane each bet begins anew with 1/6; R is the sum over all beginnings
and E the sum over the bets. The expected time until E >= A by chance is at least A panes, whatever the traffic.

All of it is integers: tables and logarithms of R in UNIT (2^-32 nats), counts in COUNT (2^-16 observations). So the
same panes give the same decisions on every CPU.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from math import exp, log1p
from operator import mul
from typing import Final, NamedTuple

UNIT: Final = 1 << 32  # one nat
COUNT_BITS: Final = 16  # counts come as multiples of 2^-16 of an observation
HALF: Final = 1 << COUNT_BITS - 1
LEVELS: Final = 8  # weight levels r = 0..7: a response weighs 2^-r
ASIDE: Final = (0.97, 0.93, 0.85, 0.70, 0.45, 0.15)  # what is left of m (or of 1 - m) at each bet's alternative
ABOVE: Final = (1.15, 1.35, 1.8, 3.0, 8.0, 25.0)  # multiples of a small m
SMALL_LINE: Final = 0.3
BETS: Final = len(ASIDE)
SHARE: Final = -round(math.log(BETS) * UNIT)  # the logarithm of a beginning's capital, 1/6
NOTHING: Final = -4096 * UNIT  # stands for log 0

Key = tuple[str, int, int]  # (stratum, weight level, outcome)
Cells = Mapping[Key, int]  # counts
Row = tuple[int, ...]  # one logarithm for each bet
Tables = Mapping[Key, Row]


class Direction(IntEnum):
    """Which side of a line is the bad one."""

    BAD_WHEN_LOW = -1
    BAD_WHEN_HIGH = 1


NO_SUMS: Final[Cells] = {}


class Bet(NamedTuple):
    """One bet. `log_r`: log R. `climb`: C, the evidence of its best beginning.

    While C is above 0, `start` is the pane of that beginning and `sums` are the counts since; else -1 and nothing.
    """

    log_r: int = NOTHING
    climb: int = 0
    start: int = -1
    sums: Cells = NO_SUMS


Bets = tuple[Bet, ...]
FRESH: Final[Bets] = tuple(Bet() for _ in range(BETS))


def alternatives(direction: Direction, m: float) -> tuple[float, ...]:
    """The rate that each bet is aimed at, for a line 0 < m < 1."""
    if direction is Direction.BAD_WHEN_LOW:
        return tuple(m * c for c in ASIDE)
    if m <= SMALL_LINE:
        return tuple(min(m * c, m + 0.9 * (1.0 - m)) for c in ABOVE)
    return tuple(1.0 - (1.0 - m) * c for c in ASIDE)


@lru_cache(maxsize=1024)
def rows(direction: Direction, m: float) -> Mapping[tuple[int, int], Row]:
    """(weight level, outcome) -> log(1 + s lambda 2^-r (y - m)) of each bet, in UNIT. A pure function, remembered."""
    stakes = [int(direction) * abs(p - m) / (m * (1.0 - m)) for p in alternatives(direction, m)]
    return {
        (r, y): tuple(round(log1p(stake * 2.0**-r * (y - m)) * UNIT) for stake in stakes)
        for r in range(LEVELS)
        for y in (0, 1)
    }


def tables(direction: Direction, lines: Mapping[str, float]) -> Tables:
    """The tables of one test with a line for each stratum: its null is that every stratum is on its good side."""
    return {(stratum, r, y): row for stratum, m in sorted(lines.items()) for (r, y), row in rows(direction, m).items()}


def advance(bets: Bets, table: Tables, pane: int, cells: Cells) -> Bets:
    """The bets after one pane. Counts without a row in the table are no part of this test."""
    mine = {key: count for key, count in cells.items() if key in table}
    if not mine:
        return bets
    counts, columns = mine.values(), zip(*[table[key] for key in mine], strict=True)
    gains = [sum(map(mul, counts, column)) + HALF >> COUNT_BITS for column in columns]
    return tuple([_after(bet, gain, pane, mine) for bet, gain in zip(bets, gains, strict=True)])


def _after(bet: Bet, gain: int, pane: int, cells: Cells) -> Bet:
    log_r = log_add(bet.log_r, SHARE) + gain
    climb = max(bet.climb, 0) + gain
    if climb <= 0:
        return Bet(log_r)
    if bet.climb <= 0:
        return Bet(log_r, climb, pane, cells)
    sums = dict(bet.sums)
    for key, count in cells.items():
        sums[key] = sums.get(key, 0) + count
    return Bet(log_r, climb, bet.start, sums)


def log_add(a: int, b: int) -> int:
    """log(exp(a) + exp(b)), in UNIT."""
    if a < b:
        a, b = b, a
    return a + round(log1p(exp((b - a) / UNIT)) * UNIT)


def log_evidence(bets: Bets) -> int:
    """log E, in UNIT: of the sum of R over the bets, added in their order."""
    total = NOTHING
    for bet in bets:
        total = log_add(total, bet.log_r)
    return total


def reaches(bets: Bets, limit: int) -> bool:
    """Whether log E is `limit` or more. Mostly told from the largest R alone: the sum is that, up to six times."""
    top = max([bet.log_r for bet in bets])
    if top >= limit:
        return True
    return top >= limit + SHARE - BETS and log_evidence(bets) >= limit


def log_limit(tests: int, budget_s: float, pane_s: float) -> int:
    """log A, in UNIT, rounded up: so that `tests` together (1 or more) give one false alarm in `budget_s` at most."""
    return math.ceil(math.log(max(1.0, tests * budget_s / pane_s)) * UNIT)


def best(bets: Bets) -> Bet:
    """The bet whose best beginning has most evidence; the first of equals."""
    return max(bets, key=lambda bet: bet.climb)
