"""What differs between two baselines: rates with their limits, shapes by divergence. Pure.

`diff(a, b)` and `diff(b, a)` are each other's mirror: sides change places, signs turn, divergences stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from proxy.core.baselines.baseline import NOT_KNOWN, Baseline, Tally
from proxy.core.drift.apart import furthest
from proxy.core.drift.shapes import TOXICITY_BIN, Shape, size
from proxy.detectors import quantile


@dataclass(frozen=True, slots=True)
class RateChange:
    """One rate on both sides. `apart`: the two intervals (lower to upper limit) have no point in common."""

    name: str
    before: Tally
    after: Tally
    apart: bool

    @property
    def delta(self) -> float:
        """after - before."""
        return self.after.rate - self.before.rate


@dataclass(frozen=True, slots=True)
class ShapeChange:
    """One shape on both sides. `js_bits`: as in `drift.apart`; None where there is too little."""

    name: str
    before: int
    after: int
    js_bits: float | None


def rates(before: Baseline, after: Baseline, confidence: float) -> tuple[RateChange, ...]:
    """Every rate that one of them has, in the order of names."""
    old, new = dict(_rates(before)), dict(_rates(after))
    return tuple(
        _rate(name, old.get(name, NOT_KNOWN), new.get(name, NOT_KNOWN), confidence) for name in sorted({*old, *new})
    )


def shapes(before: Baseline, after: Baseline) -> tuple[ShapeChange, ...]:
    """Every shape that one of them has."""
    names = sorted({*before.shapes, *after.shapes})
    return tuple(_shape(name, _coarse(name, before), _coarse(name, after)) for name in names)


def to_json(before: Baseline, after: Baseline, confidence: float) -> dict[str, Any]:
    """Both, as plain JSON values."""
    return {
        "rates": [
            {
                "name": one.name,
                "before": side(one.before, confidence),
                "after": side(one.after, confidence),
                "delta": one.delta,
                "apart": one.apart,
            }
            for one in rates(before, after, confidence)
        ],
        "shapes": [asdict(one) for one in shapes(before, after)],
        "judges": [before.judge, after.judge],
    }


def side(tally: Tally, confidence: float) -> dict[str, Any]:
    """Counts, rate and Clopper-Pearson limits, each missed with a chance of `confidence`."""
    low, high = _limits(tally, confidence)
    return {"positives": tally.positives, "n": tally.n, "rate": tally.rate, "lower": low, "upper": high}


def _rates(baseline: Baseline) -> Iterator[tuple[str, Tally]]:
    whole = Tally(sum(one.positives for one in baseline.refusals.values()), baseline.n)
    yield "refusal", whole
    yield from _named("refusal", baseline.refusals)
    yield from _named("refusal in", baseline.contexts)
    yield from _named("canary", baseline.canary)
    yield from _named("hedging", baseline.hedging)
    for signal, tallies in baseline.highs.items():
        yield from _named(signal.replace("_", " "), tallies)
    if baseline.anomaly.n:
        yield "anomaly", baseline.anomaly
    if baseline.assessed.n:
        yield "assessed", baseline.assessed


def _named(what: str, tallies: Mapping[str, Tally]) -> Iterator[tuple[str, Tally]]:
    yield from ((f"{what} {stratum}", tally) for stratum, tally in tallies.items())


def _rate(name: str, before: Tally, after: Tally, confidence: float) -> RateChange:
    (low, high), (other_low, other_high) = _limits(before, confidence), _limits(after, confidence)
    return RateChange(name, before, after, high < other_low or other_high < low)


def _limits(tally: Tally, confidence: float) -> tuple[float, float]:
    return (tally.lower(confidence), tally.upper(confidence)) if tally.n else (0.0, 1.0)


def _shape(name: str, before: Shape, after: Shape) -> ShapeChange:
    found = furthest(after, before)
    return ShapeChange(name, size(before), size(after), found[0] if found else None)


def _coarse(name: str, baseline: Baseline) -> Shape:
    """Parts of bins tell lines apart; to tell distributions apart whole bins need fewer observations."""
    shape = baseline.shapes.get(name, {})
    return quantile.coarse(shape) if name == TOXICITY_BIN else shape
