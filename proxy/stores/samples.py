"""A shared store's metrics of this moment: no call to it."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.stores.contract import Store
from proxy.telemetry import stores as declared
from proxy.telemetry.metrics import Sample, sample


def store_samples(store: Store) -> Iterator[Sample]:
    """Every metric of `telemetry.stores`; none where the store is of this process alone."""
    if not store.shared:
        return
    figures = store.figures
    yield sample(declared.AWAY, bool(store.evidence_local))
    yield sample(declared.OUTAGES, figures.outages)
    yield sample(declared.FLUSHES, figures.flushes)
    yield sample(declared.FLUSH_SECONDS, figures.flush_s)
    yield sample(declared.CELLS_WAITING, figures.cells_waiting)
    yield sample(declared.CELLS_DROPPED, figures.cells_dropped)
    yield sample(declared.REPEATED_ELSEWHERE, figures.repeated_elsewhere)
    yield sample(declared.CLOCK_OFFSET, store.clock_offset_s)
