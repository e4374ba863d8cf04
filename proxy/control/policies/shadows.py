"""Shadow policies: each sees the panes that the live one sees, decides, and changes nothing but its own state.

Its decisions are evidence records like the live one's, of a kind of their own, and are said in the log. A fault here
costs a shadow its look, never the live policy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from proxy.control.entry import Entry
from proxy.control.looking import Inputs, Looks, in_time
from proxy.control.memory import SHADOW, Memory
from proxy.control.policies.in_force import Loaded
from proxy.control.policies.shadow_entry import Shadow, fitting, handed_over
from proxy.control.setup import Setup
from proxy.core.decisions.engine import Outcome, step
from proxy.core.decisions.record import from_bytes, seal, to_bytes
from proxy.core.errors import GroundwireError
from proxy.core.policies import diff as policy_diff
from proxy.core.policies.diff import Stand, differences
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

TRIES_MAX: Final = 4
LIVE: Final = ""  # the live policy's name in `Memory.stands`


class Shadows:
    """Looks of shadow policies, and what they said otherwise than the live one."""

    def __init__(self, memory: Memory, looks: Looks) -> None:
        self._memory = memory
        self._looks = looks
        self._settled: dict[tuple[str, str], Inputs] = {}  # of the last look, where it changed nothing

    async def look(self, setup: Setup, name: str, now_s: float) -> None:
        """After the live policy has looked at a route: let its shadows look."""
        entry = self._memory.known_entry(name)
        shadows = setup.policies.shadows_of(setup.settings, name)
        if not shadows or entry is None or entry.closed or setup.baseline(entry) is None:
            return
        for loaded in shadows.values():
            try:
                await self._look(setup, entry, loaded, now_s)
            except GroundwireError as wrong:
                log.error("shadow_look_failed", route=name, policy=loaded.name, error=str(wrong))  # noqa: TRY400
            except Exception as wrong:  # a fault of ours in a shadow may not hide the next
                log.error("shadow_look_fault", route=name, policy=loaded.name, error=repr(wrong))  # noqa: TRY400

    async def forget(self, name: str) -> None:
        """This route is no more."""
        for key in [key for key in self._settled if key[0] == name]:
            del self._settled[key]
        await self._memory.forget_shadows(name)

    async def hand_over(self, name: str, loaded: Loaded) -> None:
        """This policy has become the live one of a route: what its shadow has seen becomes the route's evidence."""
        _, shadow = await self._memory.shadow(loaded.name, name).load()
        if shadow is not None and shadow.sha256 == loaded.sha256:
            await self._memory.entry(name).edit(lambda entry: None if entry is None else handed_over(entry, shadow))

    async def diff(self, setup: Setup, name: str) -> list[dict[str, Any]]:
        """For each shadow of a route, what it said otherwise than the live policy, oldest first."""
        shadows = setup.policies.shadows_of(setup.settings, name)
        stands = await self._memory.stands(name) if shadows else {}
        live = setup.loaded(name)
        return [await self._told(setup, name, one, (live, stands)) for one in shadows.values()]

    async def _told(
        self, setup: Setup, name: str, one: Loaded, live: tuple[Loaded, dict[str, list[Stand]]]
    ) -> dict[str, Any]:
        _, shadow = await self._memory.shadow(one.name, name).load()
        told = {"route": name, "policy": one.name, "sha256": one.sha256, "live": live[0].name, "since_s": None}
        if shadow is None or shadow.sha256 != one.sha256:
            return {**told, "now": None, "differences": []}
        said = live[1]
        found = differences(shadow.begin, said.get(LIVE, []), said.get(one.name, []), least_s=setup.pane_s)
        now = {"severity": shadow.state.severity.value, "step": shadow.state.would.value}
        shown = [policy_diff.to_json(difference) for difference in found]
        return {**told, "since_s": shadow.since_s, "now": now, "differences": shown}

    async def _look(self, setup: Setup, entry: Entry, loaded: Loaded, now_s: float) -> None:
        name = entry.route.name
        kept = self._memory.shadow(loaded.name, name)
        for _ in range(TRIES_MAX):
            version, stored = await kept.load()
            shadow = fitting(stored, entry, loaded, now_s)
            await self._send(stored)
            seen = in_time(replace(entry, state=shadow.state), setup.pane_s, now_s)
            inputs = await self._looks.inputs(setup, seen, loaded, now_s)
            inputs = replace(inputs, context=replace(inputs.context, enforce=False, held=""))
            if shadow == stored and inputs == self._settled.get((name, loaded.name)):
                return
            outcome, after = _decided(shadow, inputs, loaded, now_s)
            if after == stored:
                self._settled[name, loaded.name] = inputs
                return
            if await kept.swap(version, after):
                if stored is not None and stored.sha256 == after.sha256:
                    await self._note_beginning(entry, stored, loaded, now_s)
                await self._tell(after, outcome, loaded)
                return

    async def _note_beginning(self, entry: Entry, before: Shadow, loaded: Loaded, now_s: float) -> None:
        """A diff must know that both began anew: with an order to restore, or with another model behind the name."""
        name, live = entry.route.name, entry.state
        if before.epoch != entry.epoch:
            await self._memory.note_stand(name, LIVE, Stand(now_s, live.severity, live.would))
            await self._memory.note_stand(name, loaded.name, Stand(now_s))
        elif before.restores != entry.restores:
            await self._memory.note_stand(name, loaded.name, Stand(min(live.since_s, now_s)))

    async def _tell(self, shadow: Shadow, outcome: Outcome, loaded: Loaded) -> None:
        if outcome.record is None:
            return
        await self._send(shadow)
        log.info(
            "shadow_decision",
            route=outcome.record.route,
            policy=loaded.name,
            id=outcome.record.id,
            severity=outcome.severity.value,
            would_step=outcome.would.value,
            reason=shadow.state.reason,
        )

    async def _send(self, shadow: Shadow | None) -> None:
        if shadow is not None and shadow.unsent:
            await self._memory.append_decision(from_bytes(shadow.unsent.encode()), SHADOW)


def _decided(shadow: Shadow, inputs: Inputs, loaded: Loaded, now_s: float) -> tuple[Outcome, Shadow]:
    """The outcome, with a record that names the policy, and the shadow once it is taken."""
    context = replace(inputs.context, now_s=now_s)
    before = inputs.entry.state
    outcome = step(before, inputs.closed, inputs.still_open, inputs.baseline, inputs.policy, context)
    if outcome.record is None:
        return outcome, replace(shadow, state=outcome.state, unsent="")
    body = {**outcome.record.body, "shadow": {"policy": loaded.name}}
    record = seal(outcome.record.route, outcome.record.at_s, body)
    state = replace(outcome.state, record_id=record.id)
    unsent = to_bytes(record).decode()
    return replace(outcome, record=record, state=state), replace(shadow, state=state, unsent=unsent)
