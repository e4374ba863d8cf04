"""From a snapshot to what is done with a request: one plan for each route, made once per snapshot. Pure.

`strict` is true while a route is limited, reverted, offline or pinned to its base. Then a body in which the model
cannot be read is refused, since it could be meant for that route; otherwise it passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from proxy.core.enforcement import Enforcement, Snapshot, Step
from proxy.core.routes import Pin, Route
from proxy.traffic.replies import Reply, limited, offline, undecidable

_HELD_BACK: Final = (Step.LIMITED, Step.REVERTED, Step.OFFLINE)


class Bucket:
    """A token bucket: `rate_rps` tokens a second, at most `burst` of them."""

    __slots__ = ("_at_s", "_tokens", "burst", "rate_rps")

    def __init__(self, rate_rps: float, burst: int, now_s: float) -> None:
        self.rate_rps = rate_rps
        self.burst = max(1, burst)
        self._tokens = float(self.burst)
        self._at_s = now_s

    def take(self, now_s: float) -> float:
        """0 where a token was there; else the seconds until there is one."""
        self._tokens = min(self.burst, self._tokens + (now_s - self._at_s) * self.rate_rps)
        self._at_s = now_s
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self.rate_rps if self.rate_rps > 0 else 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a route's requests go now, and as which model.

    `must_name`: candidate and base share a server, so a request without a model cannot be kept from the candidate.
    """

    upstream: str
    route: str = ""
    model: str = ""
    base_served: bool = False
    enforcement_id: str = ""
    reason: str = ""
    held_back: bool = False
    must_name: bool = False
    bucket: Bucket | None = None
    offline: bool = False

    def admit(self, now_s: float) -> Reply | None:
        """None, or why the request is not served now."""
        if self.offline:
            return offline(self.route, self.reason)
        if self.bucket is not None:
            wait_s = self.bucket.take(now_s)
            if wait_s > 0:
                return limited(self.route, self.bucket.burst, wait_s, self.reason)
        return None


class Enforcer:
    """The present snapshot, ready for requests. `passing` is the upstream of what belongs to no route."""

    def __init__(self, snapshot: Snapshot, passing: str, before: Enforcer | None, now_s: float) -> None:
        self.snapshot = snapshot
        self.coverage_k = snapshot.coverage_k
        self.tracing = snapshot.tracing
        self.passing = Plan(passing)
        self._buckets: dict[str, Bucket] = {}
        old = before._buckets if before is not None else {}
        self._plans = {route.name: self._plan(route, old, now_s) for route in snapshot.routes}
        self._default = self._plans[snapshot.default.name] if snapshot.default is not None else None
        self.strict = any(plan.held_back for plan in self._plans.values())

    def choose(self, names: tuple[str, ...], inference: bool) -> Plan | Reply:
        """The plan for a request that names these models (one name, usually).

        A name that no route has, and no name at all, belong to the default route where there is one: its server
        answers them with its one model. Repeated names must agree while a route is held back.
        """
        if not names:
            return self._default if inference and self._default is not None else self.passing
        if len(names) > 1 and self.strict and len(set(names)) > 1:
            return undecidable(f"the request names {len(set(names))} different models")
        plan = self._plans.get(names[-1])
        if plan is None:
            return self._default if inference and self._default is not None else self.passing
        return plan

    def _plan(self, route: Route, old: dict[str, Bucket], now_s: float) -> Plan:
        target, base_served = self.snapshot.target(route)
        enforcement = self.snapshot.by_route.get(route.name)
        step = enforcement.step if enforcement is not None and route.pin is Pin.NONE else Step.STEADY
        bucket = self._bucket(enforcement, old, now_s) if enforcement is not None and step is Step.LIMITED else None
        return Plan(
            upstream=target.upstream,
            route=route.name,
            model=target.model,
            base_served=base_served,
            enforcement_id=enforcement.id if enforcement is not None and step in _HELD_BACK else "",
            reason=enforcement.reason if enforcement is not None else "",
            held_back=step in (Step.LIMITED, Step.OFFLINE) or base_served,
            must_name=base_served and target.upstream == route.candidate.upstream,
            bucket=bucket,
            offline=step is Step.OFFLINE,
        )

    def _bucket(self, enforcement: Enforcement, old: dict[str, Bucket], now_s: float) -> Bucket:
        """The route's bucket, with the tokens it had where its limit is the same."""
        bucket = old.get(enforcement.route)
        if bucket is None or (bucket.rate_rps, bucket.burst) != (enforcement.rate_rps, max(1, enforcement.burst)):
            bucket = Bucket(enforcement.rate_rps, enforcement.burst, now_s)
        self._buckets[enforcement.route] = bucket
        return bucket
