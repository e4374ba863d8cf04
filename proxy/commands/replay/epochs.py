"""Which weight level an inclusion probability has: by the lowest probabilities that the sampler published. Pure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from proxy.commands.replay.errors import BadStream
from proxy.detectors.e_process import LEVELS

GRID: Final = tuple(2.0**-k for k in range(LEVELS))  # detection section 2: every probability is one of these

Levels = Mapping[float, int]  # inclusion probability -> r = log2(pi / pi_min); what is not in it is rejected


@dataclass(frozen=True, slots=True)
class Epoch:
    """From `from_t` (seconds) on: the levels for harmful prompts and for all traffic."""

    from_t: float
    harm: Levels
    everything: Levels


@dataclass(frozen=True, slots=True)
class Epochs:
    """Oldest first. What came before the first belongs to the first."""

    epochs: tuple[Epoch, ...]

    def at(self, t: float) -> tuple[Epoch, float, float]:
        """The epoch of a moment, and from when until when it holds."""
        place = max(0, bisect_right(self.epochs, t, key=lambda epoch: epoch.from_t) - 1)
        after = self.epochs[place + 1].from_t if place + 1 < len(self.epochs) else math.inf
        return self.epochs[place], self.epochs[place].from_t if place else -math.inf, after


def levels(pi_min: float) -> Levels:
    """The level of each probability of the grid that is not below `pi_min`."""
    return {pi: GRID.index(pi_min) - k for k, pi in enumerate(GRID) if pi >= pi_min}


ALL_EVALUATED: Final = Epochs((Epoch(-math.inf, levels(1.0), levels(1.0)),))


def epochs_of(policy: Any) -> Epochs:
    """Read `meta.policy`; without one everything was evaluated. Raises BadStream."""
    if policy is None or policy == []:
        return ALL_EVALUATED
    if not isinstance(policy, Sequence) or isinstance(policy, str):
        raise BadStream('line 1: meta.policy must be a list of {"from_t", "harm", "all"}')
    return Epochs(tuple(sorted(map(_epoch, policy), key=lambda epoch: epoch.from_t)))


def _epoch(data: Any) -> Epoch:
    if not isinstance(data, Mapping):
        raise BadStream('line 1: each epoch of meta.policy must be an object {"from_t", "harm", "all"}')
    from_t = data.get("from_t", -math.inf)
    if isinstance(from_t, bool) or not isinstance(from_t, int | float):
        raise BadStream(f"line 1: meta.policy: from_t must be a number of seconds (given: {from_t!r})")
    return Epoch(float(from_t), levels(_lowest(data, "harm")), levels(_lowest(data, "all")))


def _lowest(data: Mapping[str, Any], key: str) -> float:
    pi = data.get(key)
    if isinstance(pi, bool) or not isinstance(pi, int | float) or float(pi) not in GRID:
        raise BadStream(
            f"line 1: meta.policy: `{key}` must be the lowest inclusion probability, one of 1, 1/2, ... 1/128"
            f" (given: {pi!r}); round a configured share up"
        )
    return float(pi)
