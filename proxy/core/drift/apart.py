"""How far the shapes of some panes are from the baseline's, in bits: for people to look at, no alarm. Pure.

Where the baseline has a shape of the hour of the week in which most of the panes lie, that one is compared with, as the
drift lines do; else the pooled one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.core.baselines.baseline import Baseline
from proxy.core.drift.groups import split
from proxy.core.drift.hours import main_hour
from proxy.core.drift.kinds import KINDS, kind_of
from proxy.core.drift.shapes import Shape
from proxy.core.evidence.estimates import Sums
from proxy.core.windows import Counts
from proxy.detectors.divergence import Histogram, js_bits, js_error_bits, kl_bits
from proxy.detectors.e_process import LEVELS

ERRORS: Final = 3.0  # standard deviations that are no chance

Pane = tuple[int, Counts]
Bins = dict[str, Sums]
Binned = dict[str, Bins]  # by signal


@dataclass(frozen=True, slots=True)
class Apart:
    """One signal; of several histograms in one that which is furthest away.

    `js_bits`, `kl_bits`: less their bias, None where there are too few answers. `error_bits`: the standard deviation
    of `js_bits` where nothing changed. `n_eff`: what the answers are worth. `hour`: of the week, whose shape this is
    compared with; None is the pooled one.
    """

    kind: str
    js_bits: float | None
    kl_bits: float | None
    error_bits: float | None
    n_eff: float
    hour: int | None

    @property
    def tells(self) -> bool:
        """Whether it is further than chance takes it."""
        return self.js_bits is not None and self.js_bits > ERRORS * (self.error_bits or 0.0)


def apart(panes: Sequence[Pane], baseline: Baseline, pane_s: float) -> dict[str, Apart]:
    """By signal, where both have something of it. `panes`: oldest first."""
    hour = main_hour([number for number, _ in panes], pane_s)
    binned = bins_of((counts for _, counts in panes), KINDS)
    return dict(_apart(binned, baseline, hour))


def bins_of(parts: Iterable[Counts], signals: Iterable[str]) -> Binned:
    """The sums of each bin of these signals."""
    wanted, found = frozenset(signals), Binned()
    for counts in parts:
        for (signal, stratum, r, y), count in counts.items():
            if y == 1 and signal in wanted and 0 <= r < LEVELS:
                bins = found.setdefault(signal, {})
                bins[stratum] = bins.get(stratum, Sums()).plus(r, 1, count)
    return found


def _apart(binned: Binned, baseline: Baseline, hour: int | None) -> Iterator[tuple[str, Apart]]:
    own = {} if hour is None else baseline.hours.get(hour, {})
    for name, pooled in sorted(baseline.shapes.items()):
        if name in binned:
            yield name, _of_shape(name, binned[name], own.get(name, pooled), hour if name in own else None)


def _of_shape(name: str, bins: Bins, shape: Shape, hour: int | None) -> Apart:
    now = [_weighed(bins, part) for part in {split(bin_)[0] for bin_ in bins}]
    js, kl, error = furthest({bin_: n for one in now for bin_, n in one.items()}, shape) or (None, None, None)
    return Apart(kind_of(name).value, js, kl, error, max(sum(one.values()) for one in now), hour)


def furthest(now: Histogram, then: Histogram) -> tuple[float, float, float] | None:
    """(JS, KL, error of JS) in bits; of several histograms in one those of the largest JS. None: too few answers."""
    parts = sorted({split(bin_)[0] for bin_ in (*now, *then)})
    pairs = [(_part(now, part), _part(then, part)) for part in parts]
    known = [
        (js, kl, js_error_bits(*pair))
        for pair in pairs
        if (js := js_bits(*pair)) is not None and (kl := kl_bits(*pair)) is not None
    ]
    return max(known, default=None)


def _weighed(bins: Bins, part: str) -> Histogram:
    """Of one histogram, weighted shares times the effective sample size."""
    mine = {bin_: one for bin_, one in bins.items() if split(bin_)[0] == part}
    weight, squares = sum(one.weight for one in mine.values()), sum(one.squares for one in mine.values())
    n_eff = Sums(weight, weight, squares).n_eff
    return {bin_: one.weight / weight * n_eff for bin_, one in mine.items()} if weight else {}


def _part(histogram: Histogram, part: str) -> Histogram:
    return {bin_: n for bin_, n in histogram.items() if split(bin_)[0] == part}
