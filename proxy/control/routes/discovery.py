"""Reading `/v1/models` of every upstream: the I/O rim of `listing` and `resolve`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.control.routes.listing import ListingError, Model, parse_listing
from proxy.control.routes.server_version import ServerVersions
from proxy.control.routes.upstreams import Unreachable, UpstreamClient
from proxy.telemetry.logs import get_logger

log = get_logger(__name__)

TIMEOUT_S: Final = 10.0
PATH: Final = "/v1/models"
NAMED_MAX: Final = 50  # models named in one log line


class Reach(StrEnum):
    """How the last reading of an upstream went."""

    LISTED = "listed"
    UNREACHABLE = "unreachable"
    UNAUTHORISED = "unauthorised"
    NO_LISTING = "no_listing"


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of one upstream; `models` only where it is LISTED, `detail` in words for people."""

    reach: Reach
    models: tuple[Model, ...] = ()
    detail: str = ""


async def read_models(client: UpstreamClient, timeout_s: float = TIMEOUT_S) -> Reading:
    """Ask one upstream what it serves. Never raises: what is wrong is in the reading."""
    try:
        answer = await client.get(PATH, timeout_s)
    except Unreachable as wrong:
        return Reading(Reach.UNREACHABLE, detail=f"{wrong}; waiting for it")
    if answer.status in (401, 403):
        text = f"{PATH} answered {answer.status}; users' requests pass; to discover routes set {client.auth_setting}"
        return Reading(Reach.UNAUTHORISED, detail=text)
    if answer.status == 503:
        return Reading(Reach.UNREACHABLE, detail=f"{PATH} answered 503: it is still loading; waiting for it")
    if answer.status != 200:
        text = f"{PATH} answered {answer.status}; routes are only those of the settings"
        return Reading(Reach.NO_LISTING, detail=text)
    try:
        return Reading(Reach.LISTED, parse_listing(answer.data))
    except ListingError as wrong:
        return Reading(Reach.NO_LISTING, detail=f"{wrong}; routes are only those of the settings")


class Discovery:
    """The last readings of all upstreams, each change of state said once."""

    def __init__(self) -> None:
        self.readings: dict[str, Reading] = {}
        self.listings: dict[str, tuple[Model, ...]] = {}  # the last good one of each
        self.server_versions = ServerVersions()

    async def read(self, clients: Mapping[str, UpstreamClient], now_s: float = 0.0) -> frozenset[str]:
        """Read every upstream; the names of those that listed their models now."""
        names = list(clients)
        readings = await asyncio.gather(*(read_models(clients[name]) for name in names))
        for name, reading in zip(names, readings, strict=True):
            self._take(name, reading)
        for gone in self.readings.keys() - clients.keys():
            del self.readings[gone]
            self.listings.pop(gone, None)
        listed = frozenset(name for name in names if self.readings[name].reach is Reach.LISTED)
        await self.server_versions.read({name: clients[name] for name in sorted(listed)}, now_s)
        return listed

    def _take(self, name: str, reading: Reading) -> None:
        before = self.readings.get(name)
        self.readings[name] = reading
        if reading.reach is Reach.LISTED:
            self.listings[name] = reading.models
        if before is not None and before.reach is reading.reach:
            return
        if reading.reach is Reach.LISTED:
            log.info("upstream_listed", upstream=name, models=[model.id for model in reading.models[:NAMED_MAX]])
        else:
            log.warning(f"upstream_{reading.reach}", upstream=name, detail=reading.detail)
