"""The metrics of classifiers on other machines. Label sets are bounded by `classifiers.remote` and by constants."""

from __future__ import annotations

from typing import Final

from proxy.telemetry.metrics import Kind, Metric

OFFERED: Final = Metric(
    "groundwire_remote_offered_total", Kind.COUNTER, "Answers chosen for a remote classifier.", ("classifier",)
)
REQUESTS: Final = Metric(
    "groundwire_remote_requests_total", Kind.COUNTER, "Requests sent to a remote classifier.", ("classifier",)
)
SCORED: Final = Metric(
    "groundwire_remote_scored_total", Kind.COUNTER, "Texts that a remote classifier judged.", ("classifier",)
)
UNAVAILABLE: Final = Metric(
    "groundwire_remote_unavailable_total",
    Kind.COUNTER,
    "Texts that a remote classifier did not judge, by reason. They count nowhere.",
    ("classifier", "reason"),
)
BREAKER: Final = Metric(
    "groundwire_remote_breaker_state",
    Kind.GAUGE,
    "1 for the state of the circuit breaker: closed, open or half_open.",
    ("classifier", "state"),
)
BUDGET: Final = Metric(
    "groundwire_remote_budget_requests",
    Kind.GAUGE,
    "Requests that may be made at this moment, by window: minute, day.",
    ("classifier", "window"),
)
WAITING: Final = Metric(
    "groundwire_remote_waiting", Kind.GAUGE, "Texts that wait for a remote classifier.", ("classifier",)
)

FLAGGED: Final = Metric(
    "groundwire_remote_flagged_total", Kind.COUNTER, "Answers in which a remote classifier found harm.", ("classifier",)
)
LATE: Final = Metric(
    "groundwire_remote_late_total",
    Kind.COUNTER,
    "Judgements that came after their pane had closed: they count nowhere.",
    ("classifier",),
)

METRICS: Final = (OFFERED, REQUESTS, SCORED, UNAVAILABLE, BREAKER, BUDGET, WAITING, FLAGGED, LATE)
