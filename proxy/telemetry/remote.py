"""The metrics of classifiers on other machines. Label sets are bounded by `classifiers.remote` and by constants."""

from __future__ import annotations

from typing import Final

from proxy.telemetry.labels import CLASSIFIER
from proxy.telemetry.metrics import Kind, Metric, one_of

REASON: Final = one_of(
    "reason",
    *("breaker_open", "budget", "queue_full", "no_key", "redaction", "timeout", "connection", "tls", "credentials"),
    *("throttled", "refused", "server_error", "redirect", "status", "too_large", "not_json", "unparsed", "fault"),
    "stopped",
)
STATE: Final = one_of("state", "closed", "open", "half_open")
WINDOW: Final = one_of("window", "minute", "day")

OFFERED: Final = Metric(
    "groundwire_remote_offered_total",
    Kind.COUNTER,
    "{answer}",
    "Answers chosen for a remote classifier.",
    (CLASSIFIER,),
)
REQUESTS: Final = Metric(
    "groundwire_remote_requests_total",
    Kind.COUNTER,
    "{request}",
    "Requests sent to a remote classifier.",
    (CLASSIFIER,),
)
SCORED: Final = Metric(
    "groundwire_remote_scored_total", Kind.COUNTER, "{text}", "Texts that a remote classifier judged.", (CLASSIFIER,)
)
UNAVAILABLE: Final = Metric(
    "groundwire_remote_unavailable_total",
    Kind.COUNTER,
    "{text}",
    "Texts that a remote classifier did not judge, by reason. They count nowhere.",
    (CLASSIFIER, REASON),
)
BREAKER: Final = Metric(
    "groundwire_remote_breaker_state",
    Kind.GAUGE,
    "",
    "1 for the state of the circuit breaker: closed, open or half_open.",
    (CLASSIFIER, STATE),
)
BUDGET: Final = Metric(
    "groundwire_remote_budget_requests",
    Kind.GAUGE,
    "{request}",
    "Requests that may be made at this moment, by window: minute, day.",
    (CLASSIFIER, WINDOW),
)
WAITING: Final = Metric(
    "groundwire_remote_waiting", Kind.GAUGE, "{text}", "Texts that wait for a remote classifier.", (CLASSIFIER,)
)

FLAGGED: Final = Metric(
    "groundwire_remote_flagged_total",
    Kind.COUNTER,
    "{answer}",
    "Answers in which a remote classifier found harm.",
    (CLASSIFIER,),
)
LATE: Final = Metric(
    "groundwire_remote_late_total",
    Kind.COUNTER,
    "{answer}",
    "Judgements that came after their pane had closed: they count nowhere.",
    (CLASSIFIER,),
)
