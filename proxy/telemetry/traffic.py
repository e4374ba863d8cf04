"""Metrics of the traffic process. Values are read from plain integers when `/metrics` is asked."""

from __future__ import annotations

from typing import Final

from proxy.telemetry.labels import UPSTREAM
from proxy.telemetry.metrics import Kind, Label, Metric, one_of

STATUS: Final = one_of("status", "none", "1xx", "2xx", "3xx", "4xx", "5xx")
CODE: Final = Label("code", "error codes of Groundwire's own, `groundwire_...`", 40)
REASON: Final = one_of("reason", "not_connected", "buffer_full", "too_large", "connection_lost")
LACK: Final = one_of("reason", "enforcement_unknown", "enforcement_file_corrupt", "enforcement_file_not_written")

REQUESTS: Final = Metric(
    "groundwire_requests_total",
    Kind.COUNTER,
    "{exchange}",
    "Exchanges by the status that clients saw (none: no answer).",
    (STATUS,),
)
REQUEST_BYTES: Final = Metric(
    "groundwire_request_body_bytes_total", Kind.COUNTER, "By", "Bytes of request bodies as received, framing included."
)
RESPONSE_BYTES: Final = Metric(
    "groundwire_response_body_bytes_total", Kind.COUNTER, "By", "Bytes of response bodies as relayed, framing included."
)
REFUSED: Final = Metric(
    "groundwire_refused_total",
    Kind.COUNTER,
    "{request}",
    "Requests that Groundwire answered itself, by error code.",
    (CODE,),
)
REWRITTEN: Final = Metric(
    "groundwire_rewritten_total", Kind.COUNTER, "{request}", "Requests sent on under another model's name."
)
RETRIES: Final = Metric(
    "groundwire_retries_total",
    Kind.COUNTER,
    "{request}",
    "Requests sent again because a kept-open upstream connection was closed.",
)
CLIENTS_GONE: Final = Metric(
    "groundwire_clients_gone_total",
    Kind.COUNTER,
    "{exchange}",
    "Exchanges whose client left before the answer was whole.",
)
CUT: Final = Metric(
    "groundwire_responses_cut_total",
    Kind.COUNTER,
    "{response}",
    "Responses cut after their head: upstream broke, or a timeout.",
)
IN_FLIGHT: Final = Metric("groundwire_exchanges_in_flight", Kind.GAUGE, "{exchange}", "Exchanges running now.")
CONNECTIONS: Final = Metric("groundwire_connections_open", Kind.GAUGE, "{connection}", "Client connections open now.")
CONNECTIONS_TOTAL: Final = Metric(
    "groundwire_connections_total", Kind.COUNTER, "{connection}", "Client connections accepted."
)
UPSTREAM_OPEN: Final = Metric(
    "groundwire_upstream_connections_open", Kind.GAUGE, "{connection}", "Connections open to an upstream.", (UPSTREAM,)
)
UPSTREAM_IDLE: Final = Metric(
    "groundwire_upstream_connections_idle", Kind.GAUGE, "{connection}", "Of these, idle in the pool.", (UPSTREAM,)
)
UPSTREAM_OPENED: Final = Metric(
    "groundwire_upstream_connections_total",
    Kind.COUNTER,
    "{connection}",
    "Upstream connections opened, over all upstreams.",
)
CAPTURES: Final = Metric(
    "groundwire_captures_bytes", Kind.GAUGE, "By", "Bytes of bodies kept for the analysis process now."
)
CAPTURES_CUT: Final = Metric(
    "groundwire_captures_cut_total",
    Kind.COUNTER,
    "{exchange}",
    "Exchanges kept in part only, over `link.captures_bytes_max`.",
)
BODIES_HELD: Final = Metric("groundwire_bodies_held_bytes", Kind.GAUGE, "By", "Bytes of request bodies held now.")
LINK_CONNECTED: Final = Metric(
    "groundwire_link_connected", Kind.GAUGE, "", "1 while an analysis process takes exchanges."
)
LINK_DROPPED: Final = Metric(
    "groundwire_exchanges_dropped_total",
    Kind.COUNTER,
    "{exchange}",
    "Exchanges that were not analysed, by reason.",
    (REASON,),
)
LINK_SENT: Final = Metric(
    "groundwire_exchanges_sent_total", Kind.COUNTER, "{exchange}", "Exchanges that were handed to the link."
)
LINK_WAITING: Final = Metric(
    "groundwire_link_waiting_bytes", Kind.GAUGE, "By", "Bytes that wait for the link: at most `link.buffer_bytes_max`."
)
LINK_THINNED: Final = Metric(
    "groundwire_exchanges_thinned_total",
    Kind.COUNTER,
    "{exchange}",
    "Exchanges left out on purpose, by the coverage rate.",
)
DEGRADED: Final = Metric("groundwire_degraded", Kind.GAUGE, "", "1 while serving with a lack, by reason.", (LACK,))
READY: Final = Metric("groundwire_ready", Kind.GAUGE, "", "1 while /readyz says that clients should come.")
DRAINING: Final = Metric("groundwire_draining", Kind.GAUGE, "", "1 while no new request is awaited: shutting down.")
CONNECTIONS_MAX: Final = Metric(
    "groundwire_connections_limit", Kind.GAUGE, "{connection}", "Client connections that may be open: `limits`."
)
SNAPSHOT_TIME: Final = Metric(
    "groundwire_snapshot_received_timestamp_seconds",
    Kind.GAUGE,
    "s",
    "Unix time at which the link brought an enforcement set last, 0 where none came yet; one comes where something "
    "changed, and when analysis connects.",
)
ANALYSIS_STARTS: Final = Metric(
    "groundwire_analysis_starts_total",
    Kind.COUNTER,
    "{start}",
    "Starts of the analysis process, where traffic is what starts it; 0 where it is a container of its own.",
)
