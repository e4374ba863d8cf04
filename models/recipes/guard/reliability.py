"""A reliability plot as SVG: one small panel a head (Guo et al. 2017, figure 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

BINS: Final = 10
_SIZE: Final = 120
_GAP: Final = 34
_ACROSS: Final = 4


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean score, share of positives and number of rows of each bin that has any."""

    points: tuple[tuple[float, float, int], ...]


def curve(truth: np.ndarray, probability: np.ndarray) -> Curve:
    """truth bool [n], probability float [n]."""
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    found = []
    for one in range(BINS):
        chosen = bins == one
        if chosen.any():
            found.append((float(probability[chosen].mean()), float(truth[chosen].mean()), int(chosen.sum())))
    return Curve(tuple(found))


def svg(curves: Mapping[str, Curve]) -> str:
    """All panels in one picture."""
    down = -(-len(curves) // _ACROSS)
    width, height = _ACROSS * (_SIZE + _GAP) + _GAP, down * (_SIZE + _GAP) + _GAP
    panels = [_panel(name, one, *divmod(number, _ACROSS)) for number, (name, one) in enumerate(curves.items())]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="10">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(panels)}</svg>\n'
    )


def _panel(name: str, one: Curve, row: int, column: int) -> str:
    x0, y0 = _GAP + column * (_SIZE + _GAP), _GAP + row * (_SIZE + _GAP)
    most = max((count for *_, count in one.points), default=1)
    dots = "".join(
        f'<circle cx="{x0 + x * _SIZE:.1f}" cy="{y0 + (1 - y) * _SIZE:.1f}" '
        f'r="{1.5 + 3 * (n / most) ** 0.5:.1f}" fill="#1a6"/>'
        for x, y, n in one.points
    )
    line = " ".join(f"{x0 + x * _SIZE:.1f},{y0 + (1 - y) * _SIZE:.1f}" for x, y, _ in one.points)
    return (
        f'<text x="{x0}" y="{y0 - 6}">{name}</text>'
        f'<rect x="{x0}" y="{y0}" width="{_SIZE}" height="{_SIZE}" fill="none" stroke="#999"/>'
        f'<path d="M{x0} {y0 + _SIZE}L{x0 + _SIZE} {y0}" stroke="#ccc"/>'
        f'<polyline points="{line}" fill="none" stroke="#1a6"/>{dots}'
    )
