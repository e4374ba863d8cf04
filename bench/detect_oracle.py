"""How close the e-detector comes to the best possible: a CUSUM that is told both rates, tuned to the same run length.

The clairvoyant CUSUM (Moustakides 1986: nothing beats it) sums log-likelihood ratios of the true rate against the line.
Its run lengths come of a Markov chain over a grid of its statistic (Brook and Evans 1972), so its threshold is tuned to
A without simulation. The e-detector is simulated with the engine's own tables, one observation a pane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from proxy.detectors.e_process import BETS, UNIT, Direction, rows

Floats: TypeAlias = NDArray[np.float64]
STATES: Final = 1_200  # of the chain
HALVINGS: Final = 22
A: Final = 5.26e6  # ten critical tests, one-minute panes, one false alarm a year


@dataclass(frozen=True, slots=True)
class Shift:
    """A rate that leaves its line `m` for `rate`; what the table of detection section 5 says of it."""

    m: float
    rate: float
    oracle: float
    mean: float

    @property
    def direction(self) -> Direction:
        """Which side is bad."""
        return Direction.BAD_WHEN_LOW if self.rate < self.m else Direction.BAD_WHEN_HIGH


TABLE: Final = (
    Shift(0.855, 0.80, 947, 1_042),
    Shift(0.855, 0.70, 149, 176),
    Shift(0.855, 0.30, 19, 21),
    Shift(0.7125, 0.60, 362, 445),
    Shift(0.05, 0.0606, 6_269, 8_198),
    Shift(0.05, 0.10, 501, 598),
    Shift(0.001, 0.005, 2_119, 2_761),
    Shift(0.001, 0.03, 152, 186),
    Shift(0.01, 0.03, 740, 907),
)


def clairvoyant(shift: Shift, a: float = A) -> float:
    """Mean observations to its alarm after the change, from a fresh start, with mean time to a false alarm `a`."""
    low, high = 0.5, math.log(a) + 2.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if _run_length(shift, shift.m, middle) < a else (low, middle)
    return _run_length(shift, shift.rate, high)


def _run_length(shift: Shift, rate: float, threshold: float) -> float:
    """Mean observations until the sum reaches the threshold, at a rate."""
    ups = math.log(shift.rate / shift.m), math.log((1.0 - shift.rate) / (1.0 - shift.m))
    grid = np.linspace(0.0, threshold, STATES)
    chain = np.zeros((STATES, STATES))
    for gain, weight in zip(ups, (rate, 1.0 - rate), strict=True):
        place = np.maximum(grid + gain, 0.0) / threshold * (STATES - 1)
        floor = np.floor(place).astype(int)
        upper = place - floor
        for part, share in ((floor, 1.0 - upper), (floor + 1, upper)):
            inside = part < STATES - 1
            np.add.at(chain, (np.arange(STATES)[inside], part[inside]), weight * share[inside])
    return float(np.linalg.solve(np.eye(STATES) - chain, np.ones(STATES))[0])


def observations_to_alarm(shift: Shift, runs: int, seed: int, a: float = A) -> Floats:
    """The e-detector's, for each of many runs side by side, from a fresh start, all at the rate after the change."""
    rng, table = np.random.default_rng(seed), rows(shift.direction, shift.m)
    gains = np.array([table[0, 0], table[0, 1]]) / UNIT
    logs = np.full((runs, BETS), -np.inf)
    found, running, seen = np.zeros(runs), np.arange(runs), 0
    while running.size:
        seen += 1
        outcome = (rng.random(running.size) < shift.rate).astype(int)
        logs = np.logaddexp(logs, -math.log(BETS)) + gains[outcome]
        done = np.logaddexp.reduce(logs, axis=1) >= math.log(a)
        if done.any():
            found[running[done]] = seen
            running, logs = running[~done], logs[~done]
    return found
