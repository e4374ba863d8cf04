"""Why a route stands where it stands, and how it fares beside its baseline: what people on call and trends need.

Series are of the present state only: the record's id changes with each decision, and the one before it is gone.
"""

from __future__ import annotations

from typing import Final

from proxy.telemetry.labels import LINE, ROUTE, SIGNAL, STRATUM
from proxy.telemetry.metrics import Kind, Label, Metric

RECORD: Final = Label("record", "one for each route: the evidence record of its last decision", 1_000)

DECISION: Final = Metric(
    "groundwire_route_decision_info",
    Kind.GAUGE,
    "",
    "1 for the last decision on a route: its evidence record (`groundwire explain RECORD`) and the heaviest line that "
    "is crossed; no signal where none is, as after an order.",
    (ROUTE, RECORD, SIGNAL, STRATUM, LINE),
)
SINCE: Final = Metric(
    "groundwire_route_since_timestamp_seconds",
    Kind.GAUGE,
    "s",
    "Unix time of the last change of step or severity.",
    (ROUTE,),
)
CROSSED: Final = Metric(
    "groundwire_route_line_crossed",
    Kind.GAUGE,
    "",
    "1 where the evidence says that a line is crossed, until recovery is proved; 0 where it does not.",
    (ROUTE, SIGNAL, STRATUM, LINE),
)
LINE_AT: Final = Metric(
    "groundwire_route_line_ratio",
    Kind.GAUGE,
    "1",
    "Where a line lies, as a rate: the policy's threshold applied to the baseline.",
    (ROUTE, SIGNAL, STRATUM, LINE),
)
RATE: Final = Metric(
    "groundwire_route_rate_ratio",
    Kind.GAUGE,
    "1",
    "The rate of a signal over the last hour, weighted, all strata together: for people, it decides nothing.",
    (ROUTE, SIGNAL),
)
BASELINE_RATE: Final = Metric(
    "groundwire_baseline_rate_ratio",
    Kind.GAUGE,
    "1",
    "The rate of a signal in the baseline in force, all strata together.",
    (ROUTE, SIGNAL),
)
UNDERPOWERED: Final = Metric(
    "groundwire_route_underpowered",
    Kind.GAUGE,
    "",
    "1 where a fall to 75 % of the baseline would not show within a week: silence is no health there.",
    (ROUTE,),
)
REVIEW_DUE: Final = Metric(
    "groundwire_baseline_review_due",
    Kind.GAUGE,
    "",
    "1 where nobody has confirmed or replaced the baseline for `baseline_review_s`.",
    (ROUTE,),
)

METRICS: Final = (DECISION, SINCE, CROSSED, LINE_AT, RATE, BASELINE_RATE, UNDERPOWERED, REVIEW_DUE)
