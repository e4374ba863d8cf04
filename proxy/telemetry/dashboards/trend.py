"""The dashboard `trend`: how routes and Groundwire have fared over weeks. Pure.

What is charted for weeks comes of recording rules of the chart: raw series of every instance would be slow to read.
"""

from __future__ import annotations

from typing import Final

from proxy.telemetry import analysis, both, control, gen_ai, reasons, remote
from proxy.telemetry.dashboards.now import SO, UNWEIGHTED, step_changes, variables
from proxy.telemetry.dashboards.panels import Board, Panel, Row
from proxy.telemetry.dashboards.queries import Query, gauge, quantile, rate, recorded, selected

WINDOW: Final = "1h"  # a point is of so long: noise of minutes is no trend
RATE: Final = "route_signal:groundwire_route_rate_ratio:avg"
BASELINE: Final = "route_signal:groundwire_baseline_rate_ratio:avg"
REMOTE: Final = "classifiers.remote"


def board(window: str = WINDOW) -> Board:
    """The whole dashboard; rates are over `window`."""
    return Board(
        uid="groundwire-trend",
        title="Groundwire / trend",
        about="Rates beside their baselines, drift, and what watching cost, over weeks.",
        rows=(_behaviour(), _drift(), _sampling(window), _versions(), _cost(window)),
        changes=step_changes(),
        variables=variables(),
        since="now-30d",
        refresh="5m",
    )


def _behaviour() -> Row:
    return Row(
        "How do answers fare beside the baseline?",
        (
            _beside("Refusal of harmful prompts", "refusal", width=24),
            _beside("Toxic, harmful, giving data away", "toxicity|response_harmful|sensitive", width=12),
            _beside("Hedging and anomalies", "hedging|anomaly", width=12),
        ),
    )


def _beside(title: str, signals: str, width: int) -> Panel:
    more, by = f'signal=~"{signals}"', "route, signal"
    now = recorded(RATE, reasons.RATE, by, "{{route}} {{signal}}", more)
    then = recorded(BASELINE, reasons.BASELINE_RATE, by, "{{route}} {{signal}}: baseline", more)
    return Panel(title, "timeseries", (now, then), width=width, height=8, about="A rate is of the hour before it.")


def _drift() -> Row:
    evidence = recorded("route:groundwire_route_evidence_ratio:max", control.ODDS, "route", "{{route}}")
    severity = recorded("route:groundwire_route_severity:max", control.SEVERITY, "route", "{{route}}")
    return Row(
        "What has moved?",
        (
            Panel(
                "Severity", "timeseries", (severity,), unit="short", high=4, about="0 undecided, 1 low to 4 critical."
            ),
            Panel("Heaviest evidence", "timeseries", (evidence,), about="100 % is an alarm."),
            Panel("Drift by kind", "timeseries", (gauge(control.DRIFT, "route, kind"),), high=1),
            Panel("Jensen-Shannon divergence", "timeseries", (gauge(control.JS, "route, signal"),), width=12),
            Panel("Kullback-Leibler divergence", "timeseries", (gauge(control.KL, "route, signal"),), width=12),
        ),
    )


def _sampling(window: str) -> Row:
    analysed = recorded(
        "route:groundwire_route_exchanges_analysed:ratio_rate5m", analysis.OUTCOMES, "route", "{{route}}"
    )
    return Row(
        "How much was seen?",
        (
            Panel("Share that was analysed", "timeseries", (analysed,), high=1),
            Panel("Sampling probability", "timeseries", (gauge(control.SAMPLED, "route, of", how="min"),), high=1),
            Panel("Load asked of sampling", "timeseries", (gauge(control.SAMPLING_LOAD),)),
            Panel("Exchanges by outcome", "timeseries", (rate(analysis.OUTCOMES, "outcome", window=window),)),
            Panel("Underpowered", "timeseries", (gauge(reasons.UNDERPOWERED, "route"),), high=1),
            Panel(
                "Answers that were flagged",
                "timeseries",
                (rate(analysis.FLAGGED, "route, signal", window=window),),
                about=UNWEIGHTED,
            ),
            Panel(
                "Budget of remote classifiers",
                "timeseries",
                (gauge(remote.BUDGET, "classifier, window", how="min", needs=REMOTE),),
                width=12,
            ),
            Panel(
                "Judged by remote classifiers",
                "timeseries",
                (rate(remote.SCORED, "classifier", window=window, needs=REMOTE),),
                width=12,
            ),
        ),
    )


def _versions() -> Row:
    age = Query(
        f"time() - max by (route) ({selected(control.BASELINE_MADE)})", (control.BASELINE_MADE,), "{{route}}", "s"
    )
    return Row(
        "With which versions?",
        (
            Panel("Classifier", "state-timeline", (gauge(analysis.CLASSIFIER, "version"),), words=SO),
            Panel("Groundwire", "state-timeline", (gauge(both.BUILD, "process, version"),), words=SO),
            Panel("Baseline in force", "timeseries", (gauge(control.BASELINE_VERSION, "route"),)),
            Panel("Age of the baseline", "timeseries", (age,), width=12),
            Panel("Review is due", "timeseries", (gauge(reasons.REVIEW_DUE, "route"),), width=12, high=1),
        ),
    )


def _cost(window: str) -> Row:
    slow = (
        quantile(gen_ai.OVERHEAD, 0.5, window=window),
        quantile(gen_ai.OVERHEAD, 0.99, window=window),
    )
    return Row(
        "What did it cost?",
        (
            Panel("CPU", "timeseries", (rate(both.CPU, "instance", window=window),), about="Of one core."),
            Panel("Memory", "timeseries", (gauge(both.MEMORY, "instance"),)),
            Panel("Time that Groundwire adds", "timeseries", slow),
        ),
    )
