"""The metric of metrics: what became of exports over OTLP."""

from __future__ import annotations

from typing import Final

from proxy.telemetry.metrics import Kind, Metric, one_of

EXPORTS: Final = Metric(
    "groundwire_otlp_metric_exports_total",
    Kind.COUNTER,
    "{export}",
    "Exports of all metrics over OTLP: sent, failed (the collector was not reached or refused; the next one has it "
    "all), skipped (the one before was still under way).",
    (one_of("result", "sent", "failed", "skipped"),),
)
