"""The signals that evidence reads out of a pane, and what in a pane belongs to each. Pure.

refusal    stratum: harm category; y = 1 refused. Prompts without harmful intent take no part.
assessed   stratum: why there is no assessment, or anything for y = 1; y = 1 assessed. What Groundwire itself
           answered takes no part: its own rate limit must not look like blindness.
lost       exchanges that analysis never saw (full wire, crash): any stratum, any y.

Bad when high, each with a line of its own (`core.highs`):
toxicity           stratum: harm category of the prompt; y = 1 toxic.
response_harmful   stratum: harm category of the prompt; y = 1 the answer itself does harm.
sensitive          stratum: harm category of the prompt; y = 1 it gives away personal data or a secret.
"""

from __future__ import annotations

from typing import Final

from proxy.core.observation import NO_HARM, Unassessed
from proxy.core.windows import Cell, Counts
from proxy.detectors.e_process import LEVELS, Key

REFUSAL: Final = "refusal"
ASSESSED: Final = "assessed"
LOST: Final = "lost"
TRAFFIC: Final = "traffic"  # exchanges that analysis saw, sampled or not
ALL: Final = "all"
TOXICITY: Final = "toxicity"
RESPONSE_HARMFUL: Final = "response_harmful"
SENSITIVE: Final = "sensitive"
HIGHS: Final = (TOXICITY, RESPONSE_HARMFUL, SENSITIVE)


def harmful_cells(counts: Counts) -> dict[Key, int]:
    """(category, r, y) -> count of refusals by harm category."""
    return {
        (c.stratum, c.r, c.y): n
        for c, n in counts.items()
        if c.signal == REFUSAL and c.stratum != NO_HARM and _on_grid(c)
    }


def high_cells(counts: Counts, signal: str) -> dict[Key, int]:
    """(category, r, y) -> count of a signal that is bad when high; prompts without harmful intent take part."""
    return {(c.stratum, c.r, c.y): n for c, n in counts.items() if c.signal == signal and _on_grid(c)}


def assessed_cells(counts: Counts) -> dict[Key, int]:
    """(ALL, r, y) -> count of answers, by whether they could be assessed."""
    cells: dict[Key, int] = {}
    for cell, n in counts.items():
        if cell.signal == ASSESSED and cell.stratum != Unassessed.REFUSED_BY_GROUNDWIRE and _on_grid(cell):
            key = (ALL, cell.r, cell.y)
            cells[key] = cells.get(key, 0) + n
    return cells


def was_evaluated(counts: Counts) -> bool:
    """Whether any answer of this pane was assessed."""
    return any(c.signal == REFUSAL or (c.signal == ASSESSED and c.y == 1) for c in counts)


def is_impaired(counts: Counts, lost_share_max: float) -> bool:
    """Whether so much of this pane was lost that it may enter no evidence."""
    lost = sum(n for c, n in counts.items() if c.signal == LOST)
    seen = max(sum(n for c, n in counts.items() if c.signal == signal) for signal in (ASSESSED, TRAFFIC))  # or sampled
    return lost > lost_share_max * (lost + seen)


def _on_grid(cell: Cell) -> bool:
    """A weight that is no power of two of the grid has no place in an unbiased sum (detection section 8, rule 6)."""
    return 0 <= cell.r < LEVELS and cell.y in (0, 1)
