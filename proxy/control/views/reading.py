"""What people and programs are shown of the control plane and its routes: read from store and memory, then `view`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from proxy.control.dating import Dates
from proxy.control.sampling import shown
from proxy.control.views import route as view
from proxy.core.enforcement import Step
from proxy.core.gauges import gauges
from proxy.core.windows import pane_of

if TYPE_CHECKING:
    from proxy.control.plane import ControlPlane

SHOWN_PANES_MAX: Final = 3_600  # panes that are summed for one view


class Views:
    """One for a control plane."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._dates = Dates()

    async def route(self, name: str, *, in_full: bool = False) -> dict[str, Any] | None:
        """One route for people and programs; None where there is none. `in_full`: with gauges, and dates of alarms."""
        plane = self._plane
        entry = (await plane.memory.entry(name).load())[1]
        if entry is None:
            return None
        now_s, pane_s = plane.now(), plane.setup.pane_s
        now_pane = pane_of(now_s, pane_s)
        served = entry.route.candidate.key
        seen = view.Seen(
            entry=entry,
            outcome=None if entry.closed else plane.looks.outcomes.get(name),
            verdict=plane.bases.verdict(plane.setup, entry),
            held=plane.setup.held((await plane.memory.guard.load())[1], name, now_s),
            policy=plane.setup.policy(name),
            panes=await plane.memory.store.panes(name, served, now_pane - SHOWN_PANES_MAX, now_pane),
            now_pane=now_pane,
            pane_s=pane_s,
            sampling=shown(entry, plane.setup.settings, now_s),
            asking=await plane.base_baselines.shown(plane.setup, entry, now_s),
            routes=plane.looks.watched(),
            lag_s=plane.looks.lag_s(plane.setup, name),
            most_s=plane.setup.settings.close_lag_s,
        )
        return view.route_json(await self._in_full(seen) if in_full else seen)

    async def _in_full(self, seen: view.Seen) -> view.Seen:
        """With what takes some time to compute: beside the loop."""
        entry, findings = seen.entry, () if seen.outcome is None else seen.outcome.findings
        shown = await asyncio.to_thread(gauges, seen.panes, entry.baseline, seen.now_pane, seen.pane_s)
        dated = await self._dates.of(entry.route.name, findings, seen.panes, entry.baseline, seen.policy, seen.pane_s)
        return replace(seen, gauges=shown, dated=dated)

    async def status(self) -> dict[str, Any]:
        """The plane in short: snapshot version, upstreams, routes by step, what is held, what is not on disk."""
        plane = self._plane
        guard = (await plane.memory.guard.load())[1]
        steps = dict.fromkeys((step.value for step in Step), 0)
        for entry in (await plane.memory.entries()).values():
            steps[entry.state.step.value] += not entry.closed
        return {
            "version": plane.snapshot.version,
            "upstreams": {name: reading.reach.value for name, reading in plane.discovery.readings.items()},
            "steps": steps,
            "held": plane.setup.held(guard, "", plane.now()),
            "fault": guard.fault,
            "not_durable": plane.memory.store.not_durable,
            "evidence_local": plane.memory.store.evidence_local,
        }
