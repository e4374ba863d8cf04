"""The metrics of traces: what became of spans and events."""

from __future__ import annotations

from typing import Final

from proxy.telemetry.metrics import Kind, Metric, one_of

OF: Final = one_of("signal", "spans", "events")

ITEMS: Final = Metric(
    "groundwire_tracing_items_total",
    Kind.COUNTER,
    "{item}",
    "Spans and evaluation events: sent over OTLP, failed (the exporter gave up), dropped (no room to wait, or no time "
    "left at the end).",
    (OF, one_of("result", "sent", "failed", "dropped")),
)
WAITING: Final = Metric(
    "groundwire_tracing_waiting",
    Kind.GAUGE,
    "{item}",
    "Spans and events that wait to be sent; bounded by OTEL_BSP_MAX_QUEUE_SIZE and OTEL_BLRP_MAX_QUEUE_SIZE.",
    (OF,),
)
