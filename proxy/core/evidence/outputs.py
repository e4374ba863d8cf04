"""A single harmful output: an answer above the strict threshold, which raises severity for a while. Pure.

The threshold is set for one false flag in 100,000 ordinary answers at most, so one flag says more than a rate can. It
stands for `policy.harmful_output_s` after the last such answer, and then falls by itself, as a recovery does: a latch
for ever would follow from the false ones alone.
"""

from __future__ import annotations

from typing import Final

from proxy.core.evidence.signals import HARMFUL_OUTPUT, Part, Reading, shard_signal
from proxy.core.tenant_shard import SHARDS

NEVER: Final = -1
NEVER_TO_ANY: Final = (NEVER,) * SHARDS


def last_pane(before: int, pane: int, reading: Reading) -> int:
    """The newest pane with such an answer."""
    return max(before, pane) if _harmful(reading.part(HARMFUL_OUTPUT)) else before


def last_panes(before: tuple[int, ...], pane: int, reading: Reading) -> tuple[int, ...]:
    """By shard of tenants, the newest pane with such an answer to one of them."""
    if not (total := _harmful(reading.part(HARMFUL_OUTPUT))):
        return before
    of = [_harmful(reading.part(shard_signal(HARMFUL_OUTPUT, shard))) for shard in range(1, SHARDS)]
    return tuple(max(last, pane) if n > 0 else last for last, n in zip(before, (total - sum(of), *of), strict=True))


def _harmful(part: Part) -> int:
    return sum(n for (_, _, y), n in part.items() if y)


def stands(last: int, now_pane: int, stands_s: float, pane_s: float) -> bool:
    """Whether the last such answer still counts."""
    return last != NEVER and stands_s > 0.0 and (now_pane - last) * pane_s <= stands_s
