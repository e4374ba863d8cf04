"""The metrics of the analysis process. Label sets are bounded by the configured and discovered routes."""

from __future__ import annotations

from typing import Final

from proxy.telemetry.labels import ROUTE
from proxy.telemetry.metrics import Kind, Label, Metric, one_of

REASON: Final = one_of("reason", "queue_full", "fault", "unweighed", "late", "unsampled")
BECAME: Final = Label("outcome", "analysed, review, dropped, and reasons of `groundwire_analysis_skipped_total`", 10)
ASSESSED: Final = Label("outcome", "ok, and why an answer has no assessment (docs/signals.md)", 20)
VERSION: Final = Label("version", "one: what judges now", 1)
RESULT: Final = one_of("result", "loaded", "refused")
STAGE: Final = one_of("stage", "read", "look", "assess", "scan")
UNSCORED: Final = one_of("reason", "empty", "language", "unavailable")
FLAG: Final = one_of("signal", "toxicity", "response_harmful", "sensitive", "anomaly")
TYPE: Final = Label("type", "types of personal data and secrets (docs/sensitive.md), and `sensitive_patterns`", 60)

EXCHANGES: Final = Metric(
    "groundwire_analysis_exchanges_total", Kind.COUNTER, "{exchange}", "Exchanges taken out of the queue and looked at."
)
SKIPPED: Final = Metric(
    "groundwire_analysis_skipped_total",
    Kind.COUNTER,
    "{exchange}",
    "Exchanges that arrived and were not assessed: queue_full, late (pane closed), fault (see the log), unweighed, "
    "unsampled (the sampler's coin left them out).",
    (REASON,),
)
OUTCOMES: Final = Metric(
    "groundwire_route_exchanges_total",
    Kind.COUNTER,
    "{exchange}",
    "Exchanges of a route by what became of them: analysed, review (in no estimate), dropped on the wire, or why they "
    "were skipped. Only what is analysed was ever found to be safe or not.",
    (ROUTE, BECAME),
)
OBSERVATIONS: Final = Metric(
    "groundwire_analysis_observations_total",
    Kind.COUNTER,
    "{answer}",
    "Answers by outcome: ok (assessed), or the reason why there is no assessment.",
    (ROUTE, ASSESSED),
)
DUPLICATES: Final = Metric(
    "groundwire_analysis_duplicates_total",
    Kind.COUNTER,
    "{answer}",
    "Answers to a prompt that had counted lately.",
    (ROUTE,),
)
LOST: Final = Metric(
    "groundwire_analysis_lost_total",
    Kind.COUNTER,
    "{exchange}",
    "Exchanges of a route that nobody assessed, wherever they were lost. A pane that lost over 1 % is no evidence.",
    (ROUTE,),
)
QUEUE_BYTES: Final = Metric("groundwire_analysis_queue_bytes", Kind.GAUGE, "By", "Bytes of exchanges that wait.")
QUEUE_EXCHANGES: Final = Metric(
    "groundwire_analysis_queue_exchanges", Kind.GAUGE, "{exchange}", "Exchanges and reports of losses that wait."
)
BUSY: Final = Metric(
    "groundwire_analysis_busy_seconds_total", Kind.COUNTER, "s", "Time in which a batch was being worked on."
)
QUEUE_FILL: Final = Metric("groundwire_analysis_queue_fill_ratio", Kind.GAUGE, "1", "How full the queue is, 0 to 1.")
COVERAGE: Final = Metric(
    "groundwire_analysis_coverage_ratio", Kind.GAUGE, "1", "Share of exchanges that traffic is asked to send, 2^-k."
)
PEERS: Final = Metric(
    "groundwire_analysis_traffic_processes", Kind.GAUGE, "{process}", "Traffic processes that are connected."
)
FLUSHES: Final = Metric(
    "groundwire_analysis_flushes_total", Kind.COUNTER, "{flush}", "Flushes of counts into the store."
)
FLUSH_FAULTS: Final = Metric(
    "groundwire_analysis_flush_faults_total",
    Kind.COUNTER,
    "{flush}",
    "Flushes that failed; their counts are kept and tried again.",
)
FLUSHED_TIMESTAMP: Final = Metric(
    "groundwire_analysis_flushed_timestamp_seconds", Kind.GAUGE, "s", "Unix time of the last flush that succeeded."
)
STATE_SALVAGED: Final = Metric(
    "groundwire_analysis_state_salvaged_info",
    Kind.GAUGE,
    "",
    "1 where the state file was broken at start: it was moved aside, latched reverts were kept, counters were lost.",
)
MEMORY_BYTES: Final = Metric("groundwire_analysis_resident_memory_bytes", Kind.GAUGE, "By", "Resident memory.")

CLASSIFIER: Final = Metric(
    "groundwire_classifier_info", Kind.GAUGE, "", "1 for the version of what judges answers now.", (VERSION,)
)
CLASSIFIER_DEGRADED: Final = Metric(
    "groundwire_classifier_degraded",
    Kind.GAUGE,
    "",
    "1 while the model that the settings name cannot be used; the one before it, or the cue lists, judge.",
)
CLASSIFIER_CHANGES: Final = Metric(
    "groundwire_classifier_changes_total",
    Kind.COUNTER,
    "{change}",
    "Models that were loaded, and those refused.",
    (RESULT,),
)
JUDGE_SECONDS: Final = Metric(
    "groundwire_analysis_judge_seconds_total",
    Kind.COUNTER,
    "s",
    "Time spent on answers by stage: read, look (stage 0, before sampling), "
    "assess (the classifier), scan (personal data, secrets, embeddings).",
    (STAGE,),
)
BATCHES: Final = Metric(
    "groundwire_analysis_batches_total", Kind.COUNTER, "{batch}", "Batches of exchanges that were judged."
)
ITEMS: Final = Metric(
    "groundwire_classifier_items_total",
    Kind.COUNTER,
    "{text}",
    "Texts that the classifier was given: prompts and answers.",
)
OUT_OF_SCOPE: Final = Metric(
    "groundwire_classifier_out_of_scope_total",
    Kind.COUNTER,
    "{text}",
    "Of them, those that it cannot score.",
    (UNSCORED,),
)
FLAGGED: Final = Metric(
    "groundwire_answers_flagged_total",
    Kind.COUNTER,
    "{answer}",
    "Answers that were toxic, response_harmful, sensitive (gave something away) or an anomaly.",
    (ROUTE, FLAG),
)
SENSITIVE: Final = Metric(
    "groundwire_sensitive_found_total",
    Kind.COUNTER,
    "{finding}",
    "Personal data and secrets that answers gave away, by type; what the prompt held already is not counted.",
    (ROUTE, TYPE),
)
