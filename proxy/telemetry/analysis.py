"""The metrics of the analysis process. Label sets are bounded by the configured and discovered routes."""

from __future__ import annotations

from typing import Final

from proxy.telemetry.metrics import Kind, Metric

EXCHANGES: Final = Metric(
    "groundwire_analysis_exchanges_total", Kind.COUNTER, "Exchanges taken out of the queue and looked at."
)
SKIPPED: Final = Metric(
    "groundwire_analysis_skipped_total",
    Kind.COUNTER,
    "Exchanges that arrived and were not assessed: queue_full, fault (of ours, see the log), unweighed.",
    ("reason",),
)
OBSERVATIONS: Final = Metric(
    "groundwire_analysis_observations_total",
    Kind.COUNTER,
    "Answers by outcome: ok (assessed), or the reason why there is no assessment.",
    ("route", "outcome"),
)
DUPLICATES: Final = Metric(
    "groundwire_analysis_duplicates_total", Kind.COUNTER, "Answers to a prompt that had counted lately.", ("route",)
)
LOST: Final = Metric(
    "groundwire_analysis_lost_total",
    Kind.COUNTER,
    "Exchanges of a route that nobody assessed, wherever they were lost. A pane that lost over 1 % is no evidence.",
    ("route",),
)
QUEUE_BYTES: Final = Metric("groundwire_analysis_queue_bytes", Kind.GAUGE, "Bytes of exchanges that wait.")
QUEUE_FILL: Final = Metric("groundwire_analysis_queue_fill_ratio", Kind.GAUGE, "How full the queue is, 0 to 1.")
COVERAGE: Final = Metric(
    "groundwire_analysis_coverage_ratio", Kind.GAUGE, "Share of exchanges that traffic is asked to send, 2^-k."
)
PEERS: Final = Metric("groundwire_analysis_traffic_processes", Kind.GAUGE, "Traffic processes that are connected.")
FLUSHES: Final = Metric("groundwire_analysis_flushes_total", Kind.COUNTER, "Flushes of counts into the store.")
FLUSH_FAULTS: Final = Metric(
    "groundwire_analysis_flush_faults_total",
    Kind.COUNTER,
    "Flushes that failed; their counts are kept and tried again.",
)
FLUSHED_TIMESTAMP: Final = Metric(
    "groundwire_analysis_flushed_timestamp_seconds", Kind.GAUGE, "Unix time of the last flush that succeeded."
)
STATE_SALVAGED: Final = Metric(
    "groundwire_analysis_state_salvaged_info",
    Kind.GAUGE,
    "1 where the state file was broken at start: it was moved aside, latched reverts were kept, counters were lost.",
)
MEMORY_BYTES: Final = Metric("groundwire_analysis_resident_memory_bytes", Kind.GAUGE, "Resident memory.")

METRICS: Final = (
    EXCHANGES,
    SKIPPED,
    OBSERVATIONS,
    DUPLICATES,
    LOST,
    QUEUE_BYTES,
    QUEUE_FILL,
    COVERAGE,
    PEERS,
    FLUSHES,
    FLUSH_FAULTS,
    FLUSHED_TIMESTAMP,
    STATE_SALVAGED,
    MEMORY_BYTES,
)
