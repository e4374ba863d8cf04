"""The proved bound of a drift line: beyond what share a group is proved to be, at the limit of its signal. Pure.

As in `detectors.proved_bound`, of one test among those of its signal: its three bets hold their part of the capital
that all tests share, so the bound holds at the signal's own limit, whichever group led. What the other tests have, and
other beginnings, is left out: the bound may stop a little short of the line.
"""

from __future__ import annotations

import math

from proxy.core.drift.lines import BETS, NO_LINE, POOLED, UNIT, Outcomes, Watched, bets
from proxy.detectors.e_process import Direction
from proxy.detectors.proved_bound import Stake, proved_factor, proved_factor_above


def proved_share(watched: Watched, place: int, seen: Outcomes, log_limit: int) -> float | None:
    """The share in (0, 1) beyond which, on its bad side, the group of a test is proved to be; None where none is.

    `place`: of the test. `seen`: answers since its best beginning. `log_limit`: log A.
    """
    direction, line = watched.tests[place].direction, watched.at(POOLED)[place].line
    if line == NO_LINE:
        return None
    cells = {("", r, y): counts[y] for r, counts in seen.items() for y in (0, 1) if counts[y]}
    stake = Stake(bets(direction, line), math.log(BETS * len(watched.tests)))
    prove = proved_factor_above if direction is Direction.BAD_WHEN_HIGH else proved_factor
    factor = prove({"": line / UNIT}, cells, log_limit, stake)
    return None if factor is None else factor * line / UNIT
