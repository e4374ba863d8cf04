"""What became of the exchanges of a route, by its panes: coverage, for people. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from proxy.core.evidence.signals import LOST, TRAFFIC
from proxy.core.sampling import REVIEW, UNSAMPLED
from proxy.core.windows import SCALE, Counts

ANALYSED: Final = "analysed"
DROPPED: Final = "dropped"
LATE: Final = "late"
WIRE: Final = "wire"
FAULT: Final = "fault"


def coverage_of(panes: Iterable[Counts]) -> dict[str, float]:
    """Exchanges by outcome, as many as came: analysed, review, or why not (unsampled, late, dropped, ...).

    What was lost before analysis took it is in no `traffic` count; a fault came after it.
    """
    found: Counter[str] = Counter()
    for counts in panes:
        for cell, count in counts.items():
            if cell.signal in (UNSAMPLED, REVIEW, LATE):
                found[cell.signal] += count
            elif cell.signal == LOST:
                found[DROPPED if cell.stratum == WIRE else cell.stratum] += count
            elif cell.signal == TRAFFIC:
                found[ANALYSED] += count
    found[ANALYSED] -= sum(found[what] for what in (UNSAMPLED, REVIEW, LATE, FAULT))
    return {what: count / SCALE for what, count in sorted(found.items()) if count > 0}
