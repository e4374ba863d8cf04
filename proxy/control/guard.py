"""What stops automatic actions: a person who disarmed, or the suspicion that the monitor itself is at fault. Pure.

Many routes that climb together are more likely one broken judge than many broken models. Once suspected, actions are
held until a person says `rearm`: a fault of the monitor does not go away by itself after ten minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from proxy.core.errors import StateError
from proxy.core.policies.policy import Fault

DISARMS_MAX: Final = 1_000
CLIMBS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Disarm:
    """Automatic actions stopped until `until_s`, on one route or on all ("")."""

    route: str
    until_s: float
    actor: str
    reason: str
    at_s: float

    def text(self) -> str:
        """For people."""
        return f"disarmed by {self.actor}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Guard:
    """`climbs`: routes that climbed lately, with the time of the last climb. `fault`: why the monitor is suspected."""

    disarms: tuple[Disarm, ...] = ()
    climbs: Mapping[str, float] | None = None
    fault: str = ""
    fault_s: float = 0.0

    def held(self, route: str, now_s: float) -> str:
        """Why automatic actions on this route are stopped; "" where they are not."""
        if self.fault:
            return self.fault
        return next((d.text() for d in self.disarms if d.until_s > now_s and d.route in ("", route)), "")


def disarm(guard: Guard, order: Disarm) -> Guard:
    """Stop automatic actions; what has run out is forgotten."""
    kept = tuple(d for d in guard.disarms if d.until_s > order.at_s)
    return replace(guard, disarms=(*kept, order)[-DISARMS_MAX:])


def rearm(guard: Guard) -> Guard:
    """Allow automatic actions again, everywhere; the climbs so far were looked at by a person and count no more."""
    return replace(guard, disarms=(), climbs={}, fault="", fault_s=0.0)


def climbed(guard: Guard, route: str, now_s: float, routes: int, rules: Fault) -> Guard:
    """A route climbed. `routes` is how many there are in all.

    One route alone is never a storm, whatever its share of a small house.
    """
    lately = {name: at_s for name, at_s in (guard.climbs or {}).items() if now_s - at_s <= rules.within_s}
    lately[route] = now_s
    lately = dict(sorted(lately.items(), key=lambda item: item[1])[-CLIMBS_MAX:])
    if guard.fault or not _storm(len(lately), routes, rules):
        return replace(guard, climbs=lately)
    minutes = rules.within_s / 60.0
    text = (
        f"suspected fault of the monitor: {len(lately)} of {routes} routes climbed within {minutes:g} minutes; "
        "look at the judge and the wire, then `groundwire rearm`"
    )
    return replace(guard, climbs=lately, fault=text, fault_s=now_s)


def _storm(climbers: int, routes: int, rules: Fault) -> bool:
    return climbers > rules.routes_max or (climbers > 1 and climbers > rules.share_max * routes)


def to_json(guard: Guard) -> dict[str, Any]:
    """Plain JSON values; `from_json` is the inverse."""
    return {
        "disarms": [[d.route, d.until_s, d.actor, d.reason, d.at_s] for d in guard.disarms],
        "climbs": dict(guard.climbs or {}),
        "fault": guard.fault,
        "fault_s": guard.fault_s,
    }


def from_json(data: Any) -> Guard:
    """Read a guard. Raises StateError."""
    try:
        return Guard(
            disarms=tuple(Disarm(str(r), float(u), str(a), str(w), float(t)) for r, u, a, w, t in data["disarms"]),
            climbs={str(name): float(at_s) for name, at_s in data["climbs"].items()},
            fault=str(data["fault"]),
            fault_s=float(data["fault_s"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise StateError(f"guard state cannot be read: {wrong!r}") from wrong
