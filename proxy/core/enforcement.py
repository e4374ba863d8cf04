"""What analysis tells traffic: the whole set of routes and enforcements, with a version. Pure data and its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from proxy.core.errors import WireError
from proxy.core.http.trace_context import Tracing
from proxy.core.routes import Pin, Route, Target


class Step(StrEnum):
    """The rungs of the ladder (design section 8), mildest first."""

    STEADY = "steady"
    WATCH = "watch"
    LIMITED = "limited"
    REVERTED = "reverted"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Enforcement:
    """One route's rung. `id` names the evidence record, `reason` is one plain sentence.

    `rate_rps` and `burst` (requests) hold for LIMITED only. `since_s` is Unix time.
    """

    route: str
    step: Step
    id: str = ""
    reason: str = ""
    since_s: float = 0.0
    rate_rps: float = 0.0
    burst: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that traffic needs to decide, in memory. It replaces the one before it whole.

    `coverage_k`: exchanges are thinned to a share of 2**-coverage_k, by a coin tossed at request start. `tracing`: how
    traffic takes part in traces, None not at all: then no header is touched.
    """

    version: int
    routes: tuple[Route, ...] = ()
    enforcements: tuple[Enforcement, ...] = ()
    coverage_k: int = 0
    tracing: Tracing | None = None
    by_name: Mapping[str, Route] = field(init=False, repr=False, compare=False)
    by_route: Mapping[str, Enforcement] = field(init=False, repr=False, compare=False)
    default: Route | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {r.name: r for r in self.routes})
        object.__setattr__(self, "by_route", {e.route: e for e in self.enforcements})
        object.__setattr__(self, "default", next((r for r in self.routes if r.default), None))

    def target(self, route: Route) -> tuple[Target, bool]:
        """Where a request of this route goes now, and whether that is the base."""
        if route.base is None or route.pin is Pin.CANDIDATE:
            return route.candidate, False
        enforcement = self.by_route.get(route.name)
        reverted = enforcement is not None and enforcement.step is Step.REVERTED
        if route.pin is Pin.BASE or reverted:
            return route.base, True
        return route.candidate, False


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as plain JSON values; `from_json` is its inverse."""
    tracing = snapshot.tracing
    return {
        "version": snapshot.version,
        "coverage_k": snapshot.coverage_k,
        "tracing": None if tracing is None else [tracing.share, tracing.follows_parent],
        "routes": [
            {
                "name": r.name,
                "candidate": [r.candidate.upstream, r.candidate.model],
                "base": None if r.base is None else [r.base.upstream, r.base.model],
                "pin": r.pin.value,
                "default": r.default,
            }
            for r in snapshot.routes
        ],
        "enforcements": [
            {
                "route": e.route,
                "step": e.step.value,
                "id": e.id,
                "reason": e.reason,
                "since_s": e.since_s,
                "rate_rps": e.rate_rps,
                "burst": e.burst,
            }
            for e in snapshot.enforcements
        ],
    }


def from_json(data: Any) -> Snapshot:
    """Read a snapshot. Raises WireError when a key is missing or of the wrong kind."""
    try:
        return Snapshot(
            version=int(data["version"]),
            coverage_k=int(data["coverage_k"]),
            tracing=_tracing(data.get("tracing")),
            routes=tuple(
                Route(
                    name=str(r["name"]),
                    candidate=Target(*r["candidate"]),
                    base=None if r["base"] is None else Target(*r["base"]),
                    pin=Pin(r["pin"]),
                    default=bool(r["default"]),
                )
                for r in data["routes"]
            ),
            enforcements=tuple(
                Enforcement(
                    route=str(e["route"]),
                    step=Step(e["step"]),
                    id=str(e["id"]),
                    reason=str(e["reason"]),
                    since_s=float(e["since_s"]),
                    rate_rps=float(e["rate_rps"]),
                    burst=int(e["burst"]),
                )
                for e in data["enforcements"]
            ),
        )
    except (KeyError, TypeError, ValueError) as wrong:
        raise WireError(f"snapshot cannot be read: {wrong!r}") from wrong


def _tracing(data: Any) -> Tracing | None:
    """What an older Groundwire kept has none."""
    if data is None:
        return None
    share, follows_parent = data
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"a share of traces is 0 to 1, not {share!r}")
    return Tracing(float(share), bool(follows_parent))
