"""From listings and settings to routes. Pure: the same input gives the same routes.

Every adapter becomes a route of its own name, with the model it names as `parent` for base, if that is served too.
A first-choice upstream that serves one model only becomes one route, which is also the route of requests that name no
model. What the settings say about a route goes before what was discovered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from proxy.config.sections.watching import RouteSettings
from proxy.config.settings import Settings
from proxy.control.routes.listing import Model
from proxy.core.routes import Pin, Route, Target

FIRST_CHOICE: Final = "default"

Listings = Mapping[str, Sequence[Model]]


@dataclass(frozen=True, slots=True)
class Found:
    """A route as it should be now.

    `root`, `parent`: as listed for the candidate; `base_root`: for the base. `no_base` says why there is none.
    `by_hand`: the settings name it. `tentative`: an upstream that could tell more has not been read.
    """

    route: Route
    root: str = ""
    parent: str = ""
    no_base: str = ""
    by_hand: bool = False
    tentative: bool = False
    base_root: str = ""


def resolve(settings: Settings, listings: Listings) -> dict[str, Found]:
    """Routes by public name. `listings` holds the upstreams whose `/v1/models` was read."""
    by_hand = {name: _configured(name, own, listings) for name, own in settings.routes.items()}
    found: dict[str, Found] = {}
    if settings.discovery.enabled:
        for upstream in in_order(settings.upstreams):
            for one in _listed(upstream, listings.get(upstream, ()), list(by_hand.values())):
                found.setdefault(one.route.name, one)
    rooted = {name: replace(one, base_root=_root(one.route.base, listings)) for name, one in (found | by_hand).items()}
    return _with_default(rooted, settings, listings)


def _root(target: Target | None, listings: Listings) -> str:
    models = listings.get(target.upstream, ()) if target else ()
    return next((model.root for model in models if target and model.id == target.model), "")


def in_order(upstreams: Mapping[str, object]) -> list[str]:
    """Names of the upstreams, the first choice first."""
    return sorted(upstreams, key=lambda name: name != FIRST_CHOICE)


def _listed(upstream: str, models: Sequence[Model], by_hand: Sequence[Found]) -> Iterator[Found]:
    for model in models:
        target = Target(upstream, model.id)
        if model.parent:
            parent = _served_as(models, model.parent)
            base = Target(upstream, parent) if parent else None
            no_base = "" if base else f"its parent {model.parent!r} is not served by upstream {upstream!r}"
            yield Found(Route(model.id, target, base), model.root, model.parent, no_base)
        elif len(models) == 1 and not any(_is_base(one, target) for one in by_hand):
            twin = next((one for one in by_hand if one.route.candidate == target), None)
            base = twin.route.base if twin else None
            no_base = "" if base else f"upstream {upstream!r} serves this one model and names no parent"
            yield Found(Route(model.id, target, base), model.root, "", no_base)


def _is_base(found: Found, target: Target) -> bool:
    return found.route.base == target


def _served_as(models: Sequence[Model], parent: str) -> str:
    """The id under which the parent is served: its id, or the id of the model that was loaded from it."""
    ids = [model.id for model in models if not model.parent]
    roots = [model.id for model in models if not model.parent and model.root == parent]
    return parent if parent in ids else next(iter(roots), "")


def _configured(name: str, own: RouteSettings, listings: Listings) -> Found:
    candidate = Target(own.candidate_upstream, own.candidate_model or name)
    listed = next((m for m in listings.get(candidate.upstream, ()) if m.id == candidate.model), None)
    upstream = own.base_upstream or candidate.upstream
    model, no_base = _base_model(own, listed, upstream, listings)
    base = Target(upstream, model) if model else None
    if base == candidate:
        base, no_base = None, f"routes.{name}: candidate and base are the same model"
    return Found(
        route=Route(name, candidate, base, Pin(own.pin), own.default),
        root=listed.root if listed else "",
        parent=listed.parent if listed else "",
        no_base=no_base,
        by_hand=True,
        tentative=not listings.keys() >= {candidate.upstream, upstream},
    )


def _base_model(own: RouteSettings, listed: Model | None, upstream: str, listings: Listings) -> tuple[str, str]:
    """(the base's name, "") or ("", why it is not known)."""
    if own.base_model:
        return own.base_model, ""
    models = listings.get(upstream, ())
    if listed and listed.parent and (parent := _served_as(models, listed.parent)):
        return parent, ""
    if own.base_upstream and len(models) == 1:
        return models[0].id, ""
    if own.base_upstream and not models:
        return "", f"upstream {upstream!r} has not listed its models yet; base_model in the settings would name it"
    return "", "no parent was discovered; name the base with base_model in the settings"


def _with_default(found: dict[str, Found], settings: Settings, listings: Listings) -> dict[str, Found]:
    """Mark the route of requests that name no model: the configured one, or that of a lone model."""
    if any(own.default for own in settings.routes.values()):
        return found
    first = next(iter(in_order(settings.upstreams)), "")
    models = listings.get(first, ())
    if len(models) != 1:
        return found
    lone = Target(first, models[0].id)
    name = next((name for name, one in found.items() if one.route.candidate == lone), None)
    if name is not None:
        found[name] = replace(found[name], route=replace(found[name].route, default=True))
    return found
