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
    "Exchanges that arrived and were not assessed: queue_full, late (pane closed), fault (see the log), unweighed, "
    "unsampled (the sampler's coin left them out).",
    ("reason",),
)
OUTCOMES: Final = Metric(
    "groundwire_route_exchanges_total",
    Kind.COUNTER,
    "Exchanges of a route by what became of them: analysed, review (in no estimate), dropped on the wire, or why they "
    "were skipped. Only what is analysed was ever found to be safe or not.",
    ("route", "outcome"),
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

CLASSIFIER: Final = Metric(
    "groundwire_classifier_info", Kind.GAUGE, "1 for the version of what judges answers now.", ("version",)
)
CLASSIFIER_DEGRADED: Final = Metric(
    "groundwire_classifier_degraded",
    Kind.GAUGE,
    "1 while the model that the settings name cannot be used; the one before it, or the cue lists, judge.",
)
CLASSIFIER_CHANGES: Final = Metric(
    "groundwire_classifier_changes_total", Kind.COUNTER, "Models that were loaded, and those refused.", ("result",)
)
JUDGE_SECONDS: Final = Metric(
    "groundwire_analysis_judge_seconds_total",
    Kind.COUNTER,
    "Time spent on answers by stage: read, look (stage 0, before sampling), "
    "assess (the classifier), scan (personal data, secrets, embeddings).",
    ("stage",),
)
BATCHES: Final = Metric("groundwire_analysis_batches_total", Kind.COUNTER, "Batches of exchanges that were judged.")
ITEMS: Final = Metric(
    "groundwire_classifier_items_total", Kind.COUNTER, "Texts that the classifier was given: prompts and answers."
)
OUT_OF_SCOPE: Final = Metric(
    "groundwire_classifier_out_of_scope_total", Kind.COUNTER, "Of them, those that it cannot score.", ("reason",)
)
FLAGGED: Final = Metric(
    "groundwire_answers_flagged_total",
    Kind.COUNTER,
    "Answers that were toxic, response_harmful, sensitive (gave something away) or an anomaly.",
    ("route", "signal"),
)
SENSITIVE: Final = Metric(
    "groundwire_sensitive_found_total",
    Kind.COUNTER,
    "Personal data and secrets that answers gave away, by type; what the prompt held already is not counted.",
    ("route", "type"),
)

METRICS: Final = (
    CLASSIFIER,
    CLASSIFIER_DEGRADED,
    CLASSIFIER_CHANGES,
    JUDGE_SECONDS,
    BATCHES,
    ITEMS,
    OUT_OF_SCOPE,
    FLAGGED,
    SENSITIVE,
    EXCHANGES,
    SKIPPED,
    OUTCOMES,
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
