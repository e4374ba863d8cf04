"""What every connection of the data plane shares: limits, clock, snapshot, upstreams, counts. Built in `app`."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final

from proxy.config.settings import Settings
from proxy.core.enforcement import Snapshot
from proxy.core.errors import FramingError
from proxy.core.http.heads import RequestHead, ResponseHead, parse_request, parse_response
from proxy.core.http.targets import Asked, read_target
from proxy.core.tenant_shard import mark_of
from proxy.traffic.counts import Counts
from proxy.traffic.enforcer import Enforcer
from proxy.traffic.ports import Link

if TYPE_CHECKING:
    from proxy.traffic.client import ClientConnection
    from proxy.traffic.pool import Upstream

HEADS_KEPT_MAX: Final = 1_024
HEAD_KEPT_BYTES_MAX: Final = 1_024  # a longer one is read anew each time


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
        self.captures_bytes = 0  # kept for the link by all exchanges in flight
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
        self.captures_bytes_max = settings.link.captures_bytes_max
        self.half_close = settings.client_half_close == "allow"
        self._tenant = mark_of(settings.tenant_header, settings.tenant_salt)
        self.passing = "default" if "default" in settings.upstreams else next(iter(settings.upstreams))
        # Clients and servers that keep a connection open send the same head again and again: what was understood of
        # one is kept, under all of its bytes. Emptied when full, and when settings change.
        self.request_heads: dict[bytes, tuple[RequestHead, Asked]] = {}
        self.response_heads: dict[bytes, ResponseHead] = {}

    def apply(self, snapshot: Snapshot) -> None:
        """Swap in a snapshot, between two requests."""
        self.enforcer = Enforcer(snapshot, self.passing, self.enforcer, self.loop.time())

    def read_request(self, raw: bytes) -> tuple[RequestHead, Asked]:
        """A request's head, and what its target asks for. Raises FramingError."""
        head = parse_request(raw, self.limits.header_count_max)
        head.tenant = self._tenant(raw)
        if head.method == b"CONNECT":
            raise MethodRefused("CONNECT is for forward proxies")
        prefixes = {upstream.prefix for upstream in self.upstreams.values()}
        asked = read_target(head.target, self.settings.denied_paths, prefixes, head.method_text)
        if asked.target == b"*" and head.method != b"OPTIONS":
            raise FramingError("only OPTIONS may ask for *")
        if len(raw) <= HEAD_KEPT_BYTES_MAX:
            if len(self.request_heads) >= HEADS_KEPT_MAX:
                self.request_heads.clear()
            self.request_heads[raw] = (head, asked)
        return head, asked

    def read_response(self, raw: bytes, to_head: bool) -> ResponseHead:
        """A response's head. Raises FramingError."""
        head = parse_response(raw, self.limits.header_count_max, to_head)
        if not to_head and len(raw) <= HEAD_KEPT_BYTES_MAX:
            if len(self.response_heads) >= HEADS_KEPT_MAX:
                self.response_heads.clear()
            self.response_heads[raw] = head
        return head

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


class MethodRefused(FramingError):  # noqa: N818 - named by what is wrong
    """A method that a reverse proxy does not serve."""

    status = 501
