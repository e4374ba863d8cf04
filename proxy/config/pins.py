"""Routes and pins of the settings over whatever snapshot there is, so that a pin holds with everything else down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from proxy.config.sections.watching import RouteSettings
from proxy.core.enforcement import Snapshot
from proxy.core.routes import Pin, Route, Target


def with_settings(snapshot: Snapshot, routes: Mapping[str, RouteSettings]) -> Snapshot:
    """The snapshot with every route that the settings name: pinned as they say, made where analysis knows none yet."""
    others = tuple(route for route in snapshot.routes if route.name not in routes)
    own = tuple(_route(name, wanted, snapshot.by_name.get(name)) for name, wanted in routes.items())
    return replace(snapshot, routes=others + own) if own else snapshot


def _route(name: str, wanted: RouteSettings, known: Route | None) -> Route:
    if known is not None:
        return replace(known, pin=Pin(wanted.pin))
    candidate = Target(wanted.candidate_upstream, wanted.candidate_model or name)
    base = None
    if wanted.base_model or wanted.base_upstream:
        base = Target(wanted.base_upstream or candidate.upstream, wanted.base_model or candidate.model)
    return Route(name, candidate, base, Pin(wanted.pin), wanted.default)
