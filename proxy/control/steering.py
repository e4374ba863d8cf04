"""Steers the sampling of every route: what this replica's budget asks for, what is unusual, which epoch begins next."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any

from proxy.config.settings import Settings
from proxy.control.entry import Entry
from proxy.control.memory import Memory
from proxy.control.sampling import shown, steering
from proxy.core.windows import pane_of
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)


class Steering:
    """One for a control plane. `load`: what the CPU budget of this replica asks for, `core.sampling.Now.load`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._replica = secrets.token_hex(4)
        self._unusual: set[str] = set()
        self._steered: dict[str, tuple[Entry, Any]] = {}  # as last looked at, and the moment
        self.load = 0

    def note_unusual(self, route: str) -> None:
        """The traffic of this route is unlike that of before."""
        self._unusual.add(route)

    def forget(self, name: str) -> None:
        """This route is no more."""
        self._steered.pop(name, None)
        self._unusual.discard(name)

    async def say_load(self, now_s: float) -> None:
        """Let the other replicas know what this one asks for: the busiest sets the level."""
        loads = self._memory.loads.known.saying(self._replica, self.load, now_s)
        if loads != self._memory.loads.known:
            log.info("sampling_load", load=self.load, highest=loads.level(now_s))
            await self._memory.loads.edit(lambda known: known.saying(self._replica, self.load, now_s))

    async def steer(self, settings: Settings, name: str, now_s: float) -> None:
        """Where the probabilities of a route are to change, let all replicas know in time."""
        kept, unusual = self._memory.entry(name), name in self._unusual
        self._unusual.discard(name)
        if kept.known is None or kept.known.closed:
            return
        load = self._memory.loads.known.level(now_s)
        moment = (settings, load, unusual, pane_of(now_s, settings.pane_s))
        last = self._steered.get(name)
        if last is not None and last[0] is kept.known and last[1] == moment:
            return
        self._steered[name] = (kept.known, moment)
        before = kept.known.sampling
        steered = partial(steering, settings, load, now_s, unusual)
        if steered(kept.known).sampling == before:
            return
        after = await kept.edit(lambda entry: None if entry is None else steered(entry))
        if after is not None and after.sampling.epochs[-1] != before.epochs[-1]:
            log.info("sampling_changes", route=name, **(shown(after, settings, now_s)["next"] or {}))
