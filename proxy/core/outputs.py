"""A single harmful output: an answer above the strict threshold, which raises severity for a while. Pure.

The threshold is set for one false flag in 100,000 ordinary answers at most, so one flag says more than a rate can. It
stands for `policy.harmful_output_s` after the last such answer, and then falls by itself, as a recovery does: a latch
for ever would follow from the false ones alone.
"""

from __future__ import annotations

from typing import Final

from proxy.core.signals import HARMFUL_OUTPUT, Reading

NEVER: Final = -1


def last_pane(before: int, pane: int, reading: Reading) -> int:
    """The newest pane with such an answer."""
    harmful = any(y and n > 0 for (_, _, y), n in reading.part(HARMFUL_OUTPUT).items())
    return max(before, pane) if harmful else before


def stands(last: int, now_pane: int, stands_s: float, pane_s: float) -> bool:
    """Whether the last such answer still counts."""
    return last != NEVER and stands_s > 0.0 and (now_pane - last) * pane_s <= stands_s
