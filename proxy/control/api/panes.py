"""`GET /v1/routes/NAME/panes`: what a route counted lately, as evidence records that `groundwire replay --panes` reads.

Each record is a look of the live engine at up to an hour of closed panes, begun with nothing known, under the baseline
and the policy that are in force now. They hold counts and no text, and come one a line, oldest first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from aiohttp import web

from proxy.control.orders import NoRouteError, OrderError
from proxy.core.decisions.decide import Look, Pane, decide
from proxy.core.decisions.engine import plan_of
from proxy.core.decisions.record import Record
from proxy.core.decisions.record import to_bytes as record_to_bytes
from proxy.core.decisions.replay import record_of
from proxy.core.evidence.state import RouteState

if TYPE_CHECKING:
    from proxy.control.looking import Inputs
    from proxy.control.plane import ControlPlane

LAST_S: Final = 86_400.0
PANES_PER_RECORD: Final = 60


class PanesApi:
    """One method: it streams, since a day of a busy route is some tens of megabytes."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """The records of the last `last_s` seconds."""
        inputs = await self._plane.inputs(request.match_info["name"], _seconds(request.query.get("last_s", "")))
        if inputs is None:
            raise NoRouteError(
                f"there is no route {request.match_info['name']!r}; GET /v1/routes lists those there are"
            )
        if inputs.baseline is None:
            raise OrderError("the route has no baseline yet, so that its panes can be compared with nothing")
        answer = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await answer.prepare(request)
        records = looks_at(inputs)
        while (record := await asyncio.to_thread(next, records, None)) is not None:
            await answer.write(record_to_bytes(record) + b"\n")
        await answer.write_eof()
        return answer


def looks_at(inputs: Inputs) -> Iterator[Record]:
    """A record for each hour of panes, or less where they have many counters."""
    context, state = inputs.context, RouteState()
    plan = plan_of(inputs.baseline, inputs.policy, context)
    for panes in _parts(inputs.closed):
        now_s = (panes[-1][0] + 1) * context.pane_s
        state = replace(state, last_pane=panes[0][0] - 1, seen_pane=max(state.seen_pane, panes[0][0] - 1))
        look = Look(state, panes, None, plan, inputs.baseline, inputs.policy, replace(context, now_s=now_s))
        outcome = decide(look)
        yield record_of(look, outcome)
        state = outcome.state


def _parts(panes: Sequence[Pane]) -> Iterator[Sequence[Pane]]:
    for begin in range(0, len(panes), PANES_PER_RECORD):
        yield panes[begin : begin + PANES_PER_RECORD]


def _seconds(text: str) -> float:
    try:
        seconds = float(text or LAST_S)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < float("inf"):
        raise OrderError("`last_s` must be a number of seconds above 0")
    return seconds
