"""What a named person orders: revert, restore, offline, arm, promote, disarm, rearm. Each with a reason, each noted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from proxy.control import guard, sampling
from proxy.control.entry import Entry
from proxy.control.guard import Disarm
from proxy.control.looking import taken
from proxy.control.plane import ControlPlane
from proxy.core.decisions.engine import ordered
from proxy.core.decisions.ladder import Command
from proxy.core.errors import GroundwireError, StateError
from proxy.core.routes import Pin
from proxy.core.sampling import Strategy

DISARM_S_MAX: Final = 31 * 86_400.0
TRIES_MAX: Final = 8


class OrderError(GroundwireError):
    """An order that cannot be carried out; the message says what would make it possible."""

    status: ClassVar[int] = 400


class NoRouteError(OrderError):
    """There is no such route."""

    status = 404


class ConflictError(OrderError):
    """The route's state forbids it."""

    status = 409


@dataclass(frozen=True, slots=True)
class Word:
    """Who orders, and why; `force` overrides the checks that an order may override."""

    actor: str
    reason: str
    force: bool = False


class Orders:
    """The operator's hand on the control plane. Methods return the sentence that the operator is shown."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    async def command(self, name: str, command: Command, word: Word) -> str:
        """Revert, restore or offline, in every mode. Raises OrderError."""
        plane, kept = self._plane, self._plane.memory.entry(name)
        for _ in range(TRIES_MAX):
            version, entry = await kept.load()
            entry = self._found(name, entry)
            if command is Command.REVERT:
                await self._may_revert(entry, word)
            now_s = plane.now()
            context = plane.looks.context(plane.setup, entry, "", now_s)
            outcome = ordered(entry.state, command, context, word.actor, word.reason)
            after = taken(entry, outcome, plane.setup.baseline(entry))
            after = replace(after, restores=after.restores + (command is Command.RESTORE))
            if await kept.swap(version, replace(after, phase=entry.phase)):
                await plane.publish()
                await plane.looks.tell(plane.setup, after, outcome)
                await self._note(word, command.value, name)
                return f"route {name}: step {outcome.step}, {_served(after)}"
        raise StateError(f"route {name}: {TRIES_MAX} other writers were faster; try again")

    async def arm(self, name: str, word: Word) -> str:
        """Enforce on this route from now on; its base is asked at once, or with `force` taken on the actor's word."""
        forced = f"{word.actor}: {word.reason}" if word.force else ""

        def armed(entry: Entry) -> Entry:
            if word.force and entry.route.base is None:
                raise ConflictError(f"route {name} has no base; name one with routes.{name}.base_model")
            return replace(entry, switched=True, forced=forced or entry.forced)

        entry = await self._edit(name, armed)
        base = entry.route.base
        await self._note(word, "arm --force" if word.force else "arm", name)
        if base is not None and not word.force:
            await self._plane.bases.forget(base)
            self._plane.check_soon()
        verdict = self._plane.bases.verdict(self._plane.setup, entry)
        return f"route {name} enforces; revert {'armed' if verdict.armed else 'not armed: ' + verdict.reason}"

    async def shadow(self, name: str, word: Word) -> str:
        """The opposite of `arm`: decisions on this route are only said, whatever the policy's mode. A latch stays."""
        await self._edit(name, lambda entry: replace(entry, switched=False, forced=""))
        await self._note(word, "shadow", name)
        return f"route {name} only watches; a revert in force stays until it is restored"

    async def sample(self, name: str, strategy: Strategy | None, share: float | None, word: Word) -> str:
        """Another strategy for a route, None for that of the settings; in force within two panes. Raises OrderError."""
        order = None if strategy is None else sampling.ordered(self._plane.setup.settings, name, strategy, share)
        await self._edit(name, lambda entry: replace(entry, sampling=replace(entry.sampling, order=order)))
        shown = "as in the settings" if order is None else f"{order.strategy}, share {2.0**-order.k:g}"
        await self._note(word, f"sample: {shown}", name)
        return f"route {name} is sampled {shown}, from its next epoch on"

    async def disarm(self, route: str, for_s: float, word: Word) -> str:
        """Stop new automatic actions on a route, or on all (""); reverts in force stay. Raises OrderError."""
        if not 0.0 < for_s <= DISARM_S_MAX:
            raise OrderError(f"for_s must be above 0 and at most {DISARM_S_MAX:.0f} seconds")
        if route:
            self._found(route, (await self._plane.memory.entry(route).load())[1])
        now_s = self._plane.now()
        order = Disarm(route, now_s + for_s, word.actor, word.reason, now_s)
        await self._plane.memory.guard.edit(lambda held: guard.disarm(held, order))
        await self._note(word, f"disarm for {for_s:.0f} s", route)
        return f"no new automatic actions on {route or 'any route'} for {for_s:.0f} s; existing reverts stay"

    async def rearm(self, word: Word) -> str:
        """Allow automatic actions again, after a disarm or a suspected fault of the monitor."""
        await self._plane.memory.guard.edit(guard.rearm)
        await self._note(word, "rearm", "")
        return "automatic actions are allowed again on every route that enforces"

    async def journal(self, limit: int) -> list[dict[str, Any]]:
        """The newest lines of the log of changes."""
        return await self._plane.memory.journal(limit)

    async def _may_revert(self, entry: Entry, word: Word) -> None:
        name, route = entry.route.name, entry.route
        if route.base is None:
            raise ConflictError(f"route {name} has no base: {entry.no_base or 'none is known'}")
        if route.pin is Pin.CANDIDATE:
            raise ConflictError(f"route {name} is pinned to its candidate by config; change routes.{name}.pin first")
        verdict = self._plane.bases.verdict(self._plane.setup, entry)
        if not verdict.armed and not word.force:
            raise ConflictError(f"revert not armed: {verdict.reason}; --force reverts all the same")

    async def _edit(self, name: str, change: Callable[[Entry], Entry]) -> Entry:
        kept = self._plane.memory.entry(name)
        self._found(name, (await kept.load())[1])
        return self._found(name, await kept.edit(lambda entry: change(self._found(name, entry))))

    async def _note(self, word: Word, action: str, route: str) -> None:
        await self._plane.memory.note(self._plane.now(), word.actor, action, route, word.reason)

    @staticmethod
    def _found(name: str, entry: Entry | None) -> Entry:
        if entry is None:
            raise NoRouteError(f"there is no route {name!r}; `groundwire route list` shows those there are")
        return entry


def _served(entry: Entry) -> str:
    base = entry.route.base
    if entry.state.step.value == "reverted" and base is not None:
        return f"served by the base {base.model}"
    return f"candidate {entry.route.candidate.model}"
