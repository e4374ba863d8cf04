"""What every connection of the data plane shares: limits, clock, snapshot, upstreams, counts. Built in `app`."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from proxy.config.settings import Settings
from proxy.core.enforcement import Snapshot
from proxy.core.targets import Asked, read_target
from proxy.traffic.counts import Counts
from proxy.traffic.enforcer import Enforcer
from proxy.traffic.ports import Link

if TYPE_CHECKING:
    from proxy.traffic.client import ClientConnection
    from proxy.traffic.pool import Upstream

TARGETS_KEPT_MAX = 1_024
TARGET_BYTES_MAX = 512  # a longer one is understood anew each time


class Plane:
    """The shared state of one traffic process; everything runs on its one loop.

    `now_s` is the loop's clock, read once a sweep: exact enough for timeouts, and free on the hot path.
    """

    def __init__(self, settings: Settings, link: Link, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.link = link
        self.counts = Counts()
        self.clients: set[ClientConnection] = set()
        self.upstreams: dict[str, Upstream] = {}
        self.waiting: set[ClientConnection] = set()  # requests that came before enforcement was known
        self.serving = False
        self.draining = False
        self.bodies_held_bytes = 0
        self.now_s = loop.time()
        self._id_prefix = os.urandom(6).hex()
        self._id = 0
        self.configure(settings)
        self.enforcer = Enforcer(Snapshot(0), self.passing, None, self.now_s)

    def configure(self, settings: Settings) -> None:
        """Take (new) settings. Upstreams are set by who calls."""
        self.settings = settings
        self.limits = settings.limits
        self.timeouts = settings.timeouts
        self.capture_bytes_max = settings.link.capture_bytes_max
        self.half_close = settings.client_half_close == "allow"
        self.passing = "default" if "default" in settings.upstreams else next(iter(settings.upstreams))
        self._targets: dict[bytes, Asked] = {}

    def apply(self, snapshot: Snapshot) -> None:
        """Swap in a snapshot, between two requests."""
        self.enforcer = Enforcer(snapshot, self.passing, self.enforcer, self.loop.time())

    def asked(self, target: bytes) -> Asked:
        """What a target asks for. Raises FramingError."""
        asked = self._targets.get(target)
        if asked is None:
            prefixes = {upstream.prefix for upstream in self.upstreams.values()}
            asked = read_target(target, self.settings.denied_paths, prefixes)
            if len(target) <= TARGET_BYTES_MAX:
                if len(self._targets) >= TARGETS_KEPT_MAX:
                    self._targets.clear()
                self._targets[target] = asked
        return asked

    def next_id(self) -> str:
        """An id for an exchange, unique over all processes."""
        self._id += 1
        return f"{self._id_prefix}-{self._id:x}"

    def serve(self) -> None:
        """Enforcement is known, or waiting for it is over: requests that waited go on."""
        self.serving = True
        waiting, self.waiting = self.waiting, set()
        for client in waiting:
            client.proceed()

    @staticmethod
    def unix_s() -> float:
        """Unix time."""
        return time.time()
