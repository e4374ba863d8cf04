"""Whether what the policies ask for can be done: replicas, a shared store, armed bases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.config.policies import read_policy
from proxy.config.settings import Settings
from proxy.control.policies.in_force import policy_files
from proxy.core.errors import GroundwireError
from proxy.doctor.finding import Finding, fail, note, ok, warn
from proxy.doctor.scene import Scene


async def look(scene: Scene) -> Sequence[Finding]:
    """Settings and, where one runs, its routes."""
    acts = any(_enforces(name) for name in policy_files(scene.settings))
    return [*judge_replicas(scene.settings, acts), *judge_routes(scene.running.routes)]


def _enforces(name: str) -> bool:
    try:
        return read_policy(name)[0].mode == "enforce"
    except GroundwireError:
        return False  # the check of files says so


def judge_replicas(settings: Settings, acts: bool) -> list[Finding]:
    """Many replicas need one store. `acts`: some policy says mode enforce. Pure."""
    if settings.replicas == 1 or settings.store.kind != "embedded":
        return []
    text = f"{settings.replicas} replicas, and each has a store of its own"
    mend = "set store.kind: redis and store.url for all of them (docs/shared-store.md), or replicas: 1"
    if acts:
        return [fail(f"{text}: what a policy of mode enforce would do is held", "store.kind", mend)]
    return [warn(f"{text}: none sees all the evidence", "store.kind", mend)]


def judge_routes(routes: Sequence[Mapping[str, Any]] | None) -> list[Finding]:
    """Routes as the control API tells them; None where nobody answers. Pure."""
    found = [one for route in routes or () if route.get("status") != "closed" for one in _route(route)]
    if routes and not found:
        return [ok("no route is enforced without an armed base, and none is held back now")]
    return found


def _route(route: Mapping[str, Any]) -> list[Finding]:
    name, found = route["name"], []
    armed = route.get("armed") or {}
    if route.get("mode") == "enforce" and not armed.get("armed"):
        text = f"route {name} is enforced and a revert of it is not armed: {armed.get('reason', 'no reason given')}"
        found.append(warn(text, f"route {name}", "mend what it names, or `groundwire route arm NAME --force`"))
    if route.get("step") not in {"steady", "watch"}:
        found.append(note(f"route {name} is {route.get('step')}: {route.get('reason') or 'no reason given'}"))
    if route.get("held") and route.get("mode") == "enforce":
        found.append(note(f"route {name}: automatic actions are held: {route['held']}"))
    return found
