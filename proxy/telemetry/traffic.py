"""Metrics of the traffic process. Values are read from plain integers when `/metrics` is asked."""

from __future__ import annotations

from typing import Final

from proxy.telemetry.metrics import Kind, Metric

REQUESTS: Final = Metric(
    "groundwire_requests_total",
    Kind.COUNTER,
    "Exchanges by the status that clients saw (none: no answer).",
    ("status",),
)
REQUEST_BYTES: Final = Metric(
    "groundwire_request_body_bytes_total", Kind.COUNTER, "Bytes of request bodies as received, framing included."
)
RESPONSE_BYTES: Final = Metric(
    "groundwire_response_body_bytes_total", Kind.COUNTER, "Bytes of response bodies as relayed, framing included."
)
REFUSED: Final = Metric(
    "groundwire_refused_total", Kind.COUNTER, "Requests that Groundwire answered itself, by error code.", ("code",)
)
REWRITTEN: Final = Metric("groundwire_rewritten_total", Kind.COUNTER, "Requests sent on under another model's name.")
RETRIES: Final = Metric(
    "groundwire_retries_total", Kind.COUNTER, "Requests sent again because a kept-open upstream connection was closed."
)
CLIENTS_GONE: Final = Metric(
    "groundwire_clients_gone_total", Kind.COUNTER, "Exchanges whose client left before the answer was whole."
)
CUT: Final = Metric(
    "groundwire_responses_cut_total", Kind.COUNTER, "Responses cut after their head: upstream broke, or a timeout."
)
IN_FLIGHT: Final = Metric("groundwire_exchanges_in_flight", Kind.GAUGE, "Exchanges running now.")
CONNECTIONS: Final = Metric("groundwire_connections_open", Kind.GAUGE, "Client connections open now.")
CONNECTIONS_TOTAL: Final = Metric("groundwire_connections_total", Kind.COUNTER, "Client connections accepted.")
UPSTREAM_OPEN: Final = Metric(
    "groundwire_upstream_connections_open", Kind.GAUGE, "Connections open to an upstream.", ("upstream",)
)
UPSTREAM_IDLE: Final = Metric(
    "groundwire_upstream_connections_idle", Kind.GAUGE, "Of these, idle in the pool.", ("upstream",)
)
UPSTREAM_OPENED: Final = Metric(
    "groundwire_upstream_connections_total", Kind.COUNTER, "Upstream connections opened, over all upstreams."
)
CAPTURES: Final = Metric("groundwire_captures_bytes", Kind.GAUGE, "Bytes of bodies kept for the analysis process now.")
CAPTURES_CUT: Final = Metric(
    "groundwire_captures_cut_total", Kind.COUNTER, "Exchanges kept in part only, over `link.captures_bytes_max`."
)
BODIES_HELD: Final = Metric("groundwire_bodies_held_bytes", Kind.GAUGE, "Bytes of request bodies held now.")
LINK_CONNECTED: Final = Metric("groundwire_link_connected", Kind.GAUGE, "1 while an analysis process takes exchanges.")
LINK_DROPPED: Final = Metric(
    "groundwire_exchanges_dropped_total", Kind.COUNTER, "Exchanges that were not analysed, by reason.", ("reason",)
)
LINK_THINNED: Final = Metric(
    "groundwire_exchanges_thinned_total", Kind.COUNTER, "Exchanges left out on purpose, by the coverage rate."
)
SNAPSHOT_VERSION: Final = Metric("groundwire_snapshot_version", Kind.GAUGE, "Version of the enforcement set in force.")
ENFORCEMENT: Final = Metric(
    "groundwire_route_step", Kind.GAUGE, "1 for the step of the ladder that a route stands on.", ("route", "step")
)
DEGRADED: Final = Metric("groundwire_degraded", Kind.GAUGE, "1 while serving with a lack, by reason.", ("reason",))
START_TIME: Final = Metric("groundwire_start_time_seconds", Kind.GAUGE, "Unix time at which the process started.")
