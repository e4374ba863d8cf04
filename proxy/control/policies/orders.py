"""What a named person orders about policies: make a shadow policy the live one, and take that back."""

from __future__ import annotations

from typing import Final

from proxy.control.orders import ConflictError, NoRouteError, OrderError, Word
from proxy.control.plane import ControlPlane
from proxy.control.policies.in_force import Loaded, shadow_files
from proxy.control.policies.promotions import EVERYWHERE, SCOPES_MAX, Promotion, Promotions

DIGITS: Final = 12  # of a hash, for people


class PolicyOrders:
    """Methods return the sentence that the operator is shown. `scope` is a route's name, or EVERYWHERE."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    async def promote(self, name: str, scope: str, word: Word) -> str:
        """Make a shadow policy the live one, on a route or on all that name none of their own. Raises OrderError.

        One compare-and-set moves it; every replica follows with its next look. What the shadow has seen becomes the
        routes' evidence.
        """
        plane, setup = self._plane, self._plane.setup
        self._check(scope)
        shadow = self._shadow(name, scope)
        policies = setup.policies
        if policies.in_force(setup.settings, scope).sha256 == shadow.sha256:
            raise ConflictError(f"policy {name} is the live one already")
        replaced = policies.filed(setup.settings, scope).sha256
        order = Promotion(name, shadow.text, replaced, word.actor, word.reason, plane.now())
        affected = [route for route in await plane.memory.names() if self._follows(route, scope)]
        await plane.memory.promotions.edit(lambda known: _with(known, scope, order))
        await plane.take_promotions()
        for route in affected:
            await plane.shadows.hand_over(route, shadow)
        await plane.memory.keep_policy(scope, order)
        await self._note(word, f"policy promote {name} ({shadow.sha256[:DIGITS]})", scope)
        return f"policy {name} ({shadow.sha256[:DIGITS]}), mode {shadow.policy.mode}, is live on {_where(scope)}"

    async def withdraw(self, scope: str, word: Word) -> str:
        """The policy of the file holds again. Raises OrderError."""
        plane = self._plane
        self._check(scope)
        promoted = (await plane.memory.promotions.load())[1].get(scope)
        if promoted is None:
            raise ConflictError(f"no policy was promoted on {_where(scope)}")
        await plane.memory.promotions.edit(lambda known: {key: one for key, one in known.items() if key != scope})
        await plane.take_promotions()
        live = plane.setup.policies.in_force(plane.setup.settings, scope)
        await self._note(word, f"policy withdraw {promoted.name}", scope)
        return f"policy {promoted.name} is withdrawn; {live.name or 'that of the file'} is live on {_where(scope)}"

    def _shadow(self, name: str, scope: str) -> Loaded:
        setup = self._plane.setup
        found = {setup.policies.shadows[file].name: file for file in shadow_files(setup.settings, scope)}
        if name not in found:
            known = ", ".join(sorted(found)) or "none; name files in policies.shadow"
            raise OrderError(f"no shadow policy of {_where(scope)} is called {name!r}; there are: {known}")
        return setup.policies.shadows[found[name]]

    def _check(self, scope: str) -> None:
        if scope != EVERYWHERE and self._plane.memory.known_entry(scope) is None:
            raise NoRouteError(f"there is no route {scope!r}; `groundwire route list` shows those there are")

    def _follows(self, route: str, scope: str) -> bool:
        """Whether a promotion in this scope changes the policy of a route."""
        if scope != EVERYWHERE:
            return route == scope
        setup = self._plane.setup
        own = setup.settings.routes.get(route)
        return route not in setup.policies.promoted and not (own and own.policy)

    async def _note(self, word: Word, action: str, scope: str) -> None:
        await self._plane.memory.note(self._plane.now(), word.actor, action, scope, word.reason)


def _with(known: Promotions, scope: str, order: Promotion) -> Promotions:
    after = {**known, scope: order}
    if len(after) > SCOPES_MAX:
        raise ConflictError(f"policies are promoted on {SCOPES_MAX} routes already; withdraw one first")
    return after


def _where(scope: str) -> str:
    return f"route {scope}" if scope else "every route that names none of its own"
