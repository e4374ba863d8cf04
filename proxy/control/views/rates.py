"""Rates by signal, all strata together, of what was counted and of a baseline: for people, no decision. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from proxy.core.baselines.baseline import Baseline, Tally
from proxy.core.evidence.estimates import gauge
from proxy.core.evidence.signals import ANOMALY, CANARY, HIGHS, REFUSAL
from proxy.core.observation import NO_HARM
from proxy.core.windows import Counts

HEDGING: Final = "hedging"
SHOWN: Final = (REFUSAL, CANARY, *HIGHS, ANOMALY, HEDGING)  # signals whose rates a baseline has too


def rates_of(counts: Counts) -> Iterable[tuple[str, float]]:
    """The weighted rate of every signal that was counted; of refusal over harmful prompts only."""
    for signal in SHOWN:
        strata = frozenset(cell.stratum for cell in counts if cell.signal == signal)
        found = gauge(counts, signal, strata - {NO_HARM} if signal == REFUSAL else strata)
        if found is not None:
            yield signal, found.rate


def rates_in(baseline: Baseline) -> Iterable[tuple[str, float]]:
    """The same of a baseline."""
    tallies: Mapping[str, Mapping[str, Tally]] = {
        REFUSAL: baseline.refusals,
        CANARY: baseline.canary,
        HEDGING: baseline.hedging,
        ANOMALY: {ANOMALY: baseline.anomaly},
        **baseline.highs,
    }
    for signal in SHOWN:
        n = sum(one.n for one in tallies.get(signal, {}).values())
        if n:
            yield signal, sum(one.positives for one in tallies[signal].values()) / n
