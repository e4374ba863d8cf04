"""This machine's clock beside those of the store and the upstreams. Panes are numbered by the store's clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Final

from proxy.config.sections.serving import Upstream
from proxy.control.routes.discovery import PATH
from proxy.control.routes.upstreams import Unreachable, UpstreamClient
from proxy.doctor.finding import Finding, fail, ok, warn
from proxy.doctor.scene import CALL_S, Scene

EARLIEST_S: Final = 1_767_225_600.0  # 2026-01-01: before this program was
SKEW_WARN_S: Final = 5.0
DATE_STEP_S: Final = 1.0  # of a Date header
MEND: Final = "let NTP (chrony, systemd-timesyncd) set the clock of this machine and of the other"


async def look(scene: Scene) -> Sequence[Finding]:
    """The clock itself, then each upstream's. The store's is looked at with the store."""
    now_s = time.time()
    if now_s < EARLIEST_S:
        text = f"this machine's clock says {time.strftime('%Y-%m-%d', time.gmtime(now_s))}"
        return [fail(text, "", "set the clock: certificates, panes and records depend on it")]
    found = await asyncio.gather(*(_upstream(name, one) for name, one in scene.settings.upstreams.items()))
    return [ok("this machine's clock is plausible"), *(one for one in found if one is not None)]


async def _upstream(name: str, upstream: Upstream) -> Finding | None:
    asked_s = time.time()
    try:
        async with UpstreamClient(name, upstream) as client:
            answer = await client.get(PATH, CALL_S)
    except Unreachable:
        return None  # the upstreams' own check says so
    found = behind_of(answer.date, asked_s, time.time())
    return None if found is None else skew(f"the clock of upstream {name!r}", f"upstreams.{name}", *found)


def skew(whose: str, where: str, behind_s: float, unsure_s: float) -> Finding:
    """A clock that is `behind_s` behind this one (below 0: ahead), known to `unsure_s`. Pure."""
    side = "behind" if behind_s > 0 else "ahead of"
    if abs(behind_s) - unsure_s > SKEW_WARN_S:
        return warn(f"{whose} is {abs(behind_s):.1f} s {side} this machine", where, MEND)
    return ok(f"{whose} agrees within {abs(behind_s) + unsure_s:.1f} s", where)


def behind_of(date: str, asked_s: float, answered_s: float) -> tuple[float, float] | None:
    """(seconds behind, uncertainty) of a Date header between two readings of this clock; None for no date. Pure."""
    try:
        said_s = parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError):
        return None
    middle_s = (asked_s + answered_s) / 2
    return middle_s - (said_s + DATE_STEP_S / 2), (answered_s - asked_s) / 2 + DATE_STEP_S / 2
