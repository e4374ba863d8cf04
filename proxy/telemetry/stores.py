"""The metrics of the shared store, as one replica sees it."""

from __future__ import annotations

from typing import Final

from proxy.telemetry.metrics import Kind, Metric

AWAY: Final = Metric(
    "groundwire_store_away",
    Kind.GAUGE,
    "",
    "1 while the shared store cannot be reached or takes no write: this replica counts and decides on its own.",
)
OUTAGES: Final = Metric("groundwire_store_outages_total", Kind.COUNTER, "{outage}", "How often it went away.")
FLUSHES: Final = Metric(
    "groundwire_store_flushes_total", Kind.COUNTER, "{flush}", "Flushes that the shared store took."
)
FLUSH_SECONDS: Final = Metric(
    "groundwire_store_flush_seconds_total", Kind.COUNTER, "s", "Time spent in flushes, failed ones too."
)
CELLS_WAITING: Final = Metric(
    "groundwire_store_cells_waiting",
    Kind.GAUGE,
    "{counter}",
    "Counters that wait for the shared store: store.cells_waiting_max.",
)
CELLS_DROPPED: Final = Metric(
    "groundwire_store_cells_dropped_total",
    Kind.COUNTER,
    "{counter}",
    "Counters given up because too many waited; the exchanges of their panes are counted as lost.",
)
REPEATED_ELSEWHERE: Final = Metric(
    "groundwire_store_repeated_elsewhere_total",
    Kind.COUNTER,
    "{prompt}",
    "Prompts that another replica had counted lately.",
)
CLOCK_OFFSET: Final = Metric(
    "groundwire_store_clock_offset_seconds",
    Kind.GAUGE,
    "s",
    "The store's clock, which numbers panes, less this machine's.",
)
