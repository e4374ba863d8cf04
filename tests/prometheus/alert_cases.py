"""For each alert: series with which it fires, and series with which it must not. A sample a minute, as promtool writes
them. That it does not fire before its `for` is over follows by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

AT = 'job="gw",instance="10.0.0.1:8902"'
TRAFFIC = 'job="gw",instance="10.0.0.1:8901"'
R = f'{AT},route="r"'
ROUTE = {"job": "gw", "route": "r"}
JOB = {"job": "gw"}
ANALYSIS_AT = {"job": "gw", "instance": "10.0.0.1:8902"}
TRAFFIC_AT = {"job": "gw", "instance": "10.0.0.1:8901"}
ONE, ZERO = "1xN", "0xN"  # a constant; N: as many minutes as the test lasts

Series = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """Series by name. `labels`: those that are expected beside alertname and severity."""

    fires: Series
    silent: tuple[Series, ...]
    labels: Mapping[str, str] = field(default_factory=lambda: ROUTE)
    needs_minutes: int = 1  # of data, before `for` begins to run


def step(step: str, at: str = AT) -> str:
    return f'groundwire_route_step{{{at},route="r",step="{step}"}}'


def would(step: str) -> str:
    return f'groundwire_route_would_step{{{R},step="{step}"}}'


def route(metric: str, more: str = "") -> str:
    return f"groundwire_{metric}{{{R}{more}}}"


def analysis(metric: str, more: str = "") -> str:
    return f"groundwire_{metric}{{{AT}{more}}}"


def traffic(metric: str, more: str = "") -> str:
    return f"groundwire_{metric}{{{TRAFFIC}{more}}}"


def stepped(name: str, other: str) -> Case:
    """By either process; not by another step."""
    return Case({step(name, TRAFFIC): ONE}, ({step(other): ONE, step(other, TRAFFIC): ONE},))


def flag(metric: str, labels: Mapping[str, str] | None = None, more: str = "") -> Case:
    """1 fires, 0 does not."""
    name = route(metric, more) if labels is None else analysis(metric, more)
    return Case({name: ONE}, ({name: ZERO},), ROUTE if labels is None else labels)


def share(part: str, whole: str, labels: Mapping[str, str]) -> Case:
    """2 in 100 fires, 1 in 200 does not."""
    return Case({part: "0+2xN", whole: "0+100xN"}, ({part: "0+1xN", whole: "0+200xN"},), labels, 2)


REFUSED, REQUESTS = "refused_total", traffic("requests_total", ',status="4xx"')


def refused(code: str) -> str:
    return traffic(REFUSED, f',code="groundwire_{code}"')


CASES: Mapping[str, Case] = {
    "GroundwireRouteReverted": stepped("reverted", "limited"),
    "GroundwireRouteOffline": stepped("offline", "reverted"),
    "GroundwireRouteLimited": stepped("limited", "watch"),
    "GroundwireRouteWouldRevert": Case(
        {would("reverted"): ONE, step("steady"): ONE},
        ({would("reverted"): ONE, step("reverted"): ONE}, {would("limited"): ONE, step("steady"): ONE}),
    ),
    "GroundwireRouteWouldLimit": Case(
        {would("limited"): ONE, step("watch"): ONE},
        ({would("limited"): ONE, step("limited"): ONE}, {would("watch"): ONE, step("steady"): ONE}),
    ),
    "GroundwireRouteWarned": Case(
        {route("route_severity"): "2xN"}, ({route("route_severity"): ONE}, {route("route_severity"): "3xN"})
    ),
    "GroundwireRouteBlind": Case(
        {route("route_status", ',status="blind"'): ONE},
        (
            {route("route_status", ',status="watching"'): ONE},
            {route("route_status", ',status="blind"'): "1x8 stale"},
        ),
    ),
    "GroundwireReplicasDisagree": Case(
        {step("reverted"): ONE, step("steady", TRAFFIC): ONE},
        (
            {step("reverted"): ONE, step("reverted", TRAFFIC): ONE},
            {step("watch"): ONE, step("steady", TRAFFIC): ONE},
            {step("reverted"): ONE, step("steady", TRAFFIC): "1x1 stale"},
        ),
    ),
    "GroundwireRevertNotArmed": Case(
        {route("route_enforces"): ONE, route("route_revert_armed"): ZERO},
        (
            {route("route_enforces"): ONE, route("route_revert_armed"): ONE},
            {route("route_enforces"): ZERO, route("route_revert_armed"): ZERO},
        ),
    ),
    "GroundwireActionsHeld": Case(
        {route("route_held"): ONE, route("route_enforces"): ONE, analysis("monitor_fault_suspected"): ZERO},
        (
            {route("route_held"): ONE, route("route_enforces"): ZERO},
            {route("route_held"): ONE, route("route_enforces"): ONE, analysis("monitor_fault_suspected"): ONE},
        ),
    ),
    "GroundwireExchangesLost": share(
        route("analysis_lost_total"), route("route_exchanges_total", ',outcome="analysed"'), ROUTE
    ),
    "GroundwireBaselineMissing": Case(
        {
            route("route_status", ',status="learning"'): ONE,
            route("route_exchanges_total", ',outcome="analysed"'): "0+1xN",
        },
        (
            {
                route("route_status", ',status="learning"'): ONE,
                route("route_exchanges_total", ',outcome="analysed"'): ZERO,
            },
            {
                route("route_status", ',status="watching"'): ONE,
                route("route_exchanges_total", ',outcome="analysed"'): "0+1xN",
            },
        ),
        needs_minutes=2,
    ),
    "GroundwireBaselineStale": flag("baseline_stale"),
    "GroundwireBaselineReviewDue": flag("baseline_review_due"),
    "GroundwireRouteUnderpowered": flag("route_underpowered"),
    "GroundwireDrift": Case(
        {route("route_drift", ',kind="output"'): ONE, route("route_drift", ',kind="input"'): ZERO},
        ({route("route_drift", ',kind="output"'): ZERO},),
        {**ROUTE, "kind": "output"},
    ),
    "GroundwireMonitorFaultSuspected": flag("monitor_fault_suspected", JOB),
    "GroundwireTrafficAbsent": Case(
        {analysis("analysis_traffic_processes"): ONE}, ({traffic("link_connected"): ZERO},), {}
    ),
    "GroundwireAnalysisDown": Case(
        {traffic("link_connected"): ZERO},
        ({traffic("link_connected"): ONE}, {traffic("link_connected"): "0x8 1xN"}),
        TRAFFIC_AT,
    ),
    "GroundwireAnalysisNotScraped": Case(
        {traffic("link_connected"): ONE},
        ({traffic("link_connected"): ONE, analysis("analysis_traffic_processes"): ONE},),
        JOB,
    ),
    "GroundwireEnforcementUnknown": Case(
        {traffic("degraded", ',reason="enforcement_unknown"'): ONE},
        ({traffic("degraded", ',reason="enforcement_file_corrupt"'): ONE},),
        {**TRAFFIC_AT, "reason": "enforcement_unknown"},
    ),
    "GroundwireEnforcementNotKept": Case(
        {traffic("degraded", ',reason="enforcement_file_not_written"'): ONE},
        ({traffic("degraded", ',reason="enforcement_unknown"'): ONE},),
        {**TRAFFIC_AT, "reason": "enforcement_file_not_written"},
    ),
    "GroundwireSnapshotOld": Case(
        {traffic("snapshot_version"): "7xN", analysis("snapshot_version"): "8xN"},
        (
            {traffic("snapshot_version"): "8xN", analysis("snapshot_version"): "8xN"},
            {
                'groundwire_snapshot_version{job="gw",instance="10.0.0.2:8901"}': "7xN",
                analysis("snapshot_version"): "8xN",
            },
        ),
        {**JOB, "host": "10.0.0.1"},
    ),
    "GroundwireExchangesDropped": share(
        traffic("exchanges_dropped_total", ',reason="buffer_full"'), traffic("requests_total", ',status="2xx"'), JOB
    ),
    "GroundwireCoverageLow": Case(
        {analysis("analysis_coverage_ratio"): "0.25xN"}, ({analysis("analysis_coverage_ratio"): "0.5xN"},), JOB
    ),
    "GroundwireQueueFull": Case(
        {analysis("analysis_skipped_total", ',reason="queue_full"'): "0+1xN"},
        (
            {analysis("analysis_skipped_total", ',reason="unsampled"'): "0+1xN"},
            {analysis("analysis_queue_fill_ratio"): "0.8xN"},
        ),
        ANALYSIS_AT,
        2,
    ),
    "GroundwireClassifierDegraded": flag("classifier_degraded", ANALYSIS_AT),
    "GroundwireRemoteClassifierOpen": Case(
        {analysis("remote_breaker_state", ',classifier="c",state="closed"'): ZERO},
        (
            {analysis("remote_breaker_state", ',classifier="c",state="closed"'): ONE},
            {analysis("remote_breaker_state", ',classifier="c",state="closed"'): "0x10 1xN"},
        ),
        {**JOB, "classifier": "c"},
    ),
    "GroundwireUpstreamNotListed": Case(
        {analysis("upstream_listed", ',upstream="u"'): ZERO},
        ({analysis("upstream_listed", ',upstream="u"'): ONE},),
        {**JOB, "upstream": "u"},
    ),
    "GroundwireConfigReloadFailed": Case(
        {analysis("config_last_reload_successful"): ZERO},
        ({analysis("config_last_reload_successful"): ONE},),
        ANALYSIS_AT,
    ),
    "GroundwireExporterFailing": Case(
        {analysis("tracing_items_total", ',signal="spans",result="failed"'): "0+1xN"},
        (
            {analysis("tracing_items_total", ',signal="spans",result="sent"'): "0+1xN"},
            {analysis("tracing_items_total", ',signal="spans",result="failed"'): "9xN"},
        ),
        {**ANALYSIS_AT, "signal": "spans"},
        2,
    ),
    "GroundwireStoreNotDurable": flag("store_not_durable", ANALYSIS_AT),
    "GroundwireFlushFaults": Case(
        {
            analysis("analysis_flush_faults_total"): "0+1xN",
            analysis("analysis_flushed_timestamp_seconds"): "0+60xN",
        },
        (
            {
                analysis("analysis_flush_faults_total"): "3xN",
                analysis("analysis_flushed_timestamp_seconds"): "0+60xN",
            },
            {analysis("analysis_flush_faults_total"): ZERO, analysis("analysis_flushed_timestamp_seconds"): ZERO},
        ),
        ANALYSIS_AT,
        2,
    ),
    "GroundwireStoreAway": flag("store_away", ANALYSIS_AT),
    "GroundwireStateSalvaged": flag("analysis_state_salvaged_info", ANALYSIS_AT),
    "GroundwireRefusals": Case(
        {refused("bad_request"): "0+6xN", REQUESTS: "0+100xN"},
        (
            {refused("bad_request"): "0+4xN", REQUESTS: "0+100xN"},
            {refused("limited"): "0+50xN", REQUESTS: "0+100xN"},
            {refused("connect_failed"): "0+50xN", REQUESTS: "0+100xN"},
        ),
        JOB,
        2,
    ),
    "GroundwireUpstreamFailing": Case(
        {refused("upstream_timeout"): "0+3xN", refused("connect_failed"): "0+3xN", REQUESTS: "0+100xN"},
        ({refused("bad_request"): "0+50xN", REQUESTS: "0+100xN"},),
        JOB,
        2,
    ),
}
