"""The metrics of the traffic process, read from what is there when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.core.enforcement import Step
from proxy.telemetry import both
from proxy.telemetry import traffic as metric
from proxy.telemetry.metrics import Sample, sample
from proxy.traffic.plane import Plane
from proxy.traffic.readiness import Readiness

_CLASSES = ("none", "1xx", "2xx", "3xx", "4xx", "5xx")


def traffic_samples(plane: Plane, readiness: Readiness) -> Iterator[Sample]:
    """Every metric of `telemetry.traffic`, and the enforcement in force."""
    yield from _counts(plane)
    yield from _states(plane)
    yield from _enforcement(plane, readiness)


def _counts(plane: Plane) -> Iterator[Sample]:
    counts = plane.counts
    for name, count in zip(_CLASSES, counts.requests, strict=True):
        yield sample(metric.REQUESTS, count, status=name)
    for code, count in sorted(counts.refused.items()):
        yield sample(metric.REFUSED, count, code=code)
    yield sample(metric.REQUEST_BYTES, counts.bytes_in)
    yield sample(metric.RESPONSE_BYTES, counts.bytes_out)
    yield sample(metric.REWRITTEN, counts.rewritten)
    yield sample(metric.RETRIES, counts.retries)
    yield sample(metric.CLIENTS_GONE, counts.clients_gone)
    yield sample(metric.CUT, counts.cut)
    yield sample(metric.CAPTURES_CUT, counts.captures_cut)
    yield sample(metric.CONNECTIONS_TOTAL, counts.connections)
    yield sample(metric.UPSTREAM_OPENED, counts.upstream_connections)


def _states(plane: Plane) -> Iterator[Sample]:
    yield sample(metric.CONNECTIONS, len(plane.clients))
    yield sample(metric.IN_FLIGHT, sum(client.transaction is not None for client in plane.clients))
    yield sample(metric.BODIES_HELD, plane.bodies_held_bytes)
    yield sample(metric.CAPTURES, plane.captures_bytes)
    for name, upstream in plane.upstreams.items():
        yield sample(metric.UPSTREAM_OPEN, upstream.open, upstream=name)
        yield sample(metric.UPSTREAM_IDLE, len(upstream.idle), upstream=name)
    yield sample(metric.LINK_CONNECTED, plane.link.connected)
    for reason, count in plane.link.dropped.items():
        yield sample(metric.LINK_DROPPED, count, reason=reason)
    yield sample(metric.LINK_THINNED, plane.link.thinned)
    yield sample(metric.LINK_SENT, plane.link.sent)
    yield sample(metric.LINK_WAITING, plane.link.waiting_bytes)
    yield sample(metric.CONNECTIONS_MAX, plane.limits.connections_max)


def _enforcement(plane: Plane, readiness: Readiness) -> Iterator[Sample]:
    snapshot = plane.enforcer.snapshot
    yield sample(both.SNAPSHOT_VERSION, snapshot.version)
    for route in snapshot.routes:
        enforcement = snapshot.by_route.get(route.name)
        step = enforcement.step if enforcement is not None else Step.STEADY
        yield sample(both.STEP_IN_FORCE, 1, route=route.name, step=step.value)
    yield sample(metric.READY, readiness.ready())
    yield sample(metric.DRAINING, readiness.draining)
    for reason in sorted(readiness.degraded):
        yield sample(metric.DEGRADED, 1, reason=reason)
