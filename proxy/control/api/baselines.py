"""The part of the control API about baselines. Routes are named in the query or the body: their names may hold slashes.

    GET  /v1/baselines?route=NAME                  versions, switches, what is in force, whether it is stale
    GET  /v1/baselines/version?route=&version=     one version, whole (no version: the one in force)
    GET  /v1/baselines/diff?route=&a=&b=           two versions beside each other
    GET  /v1/baselines/records/ID                  the record of a switch
    POST /v1/baselines/judge                       {route, rows: [{prompt, response, system?, harm_category?}]}: cells
    POST /v1/baselines/ask                         {route, rows: [{prompt, ...}]}: asks the candidate; cells
    POST /v1/baselines/add                         {route, kind, source, judge, cells}: a version of counts
    POST /v1/baselines/live                        {route, since_s}: a version of the panes that are kept
    POST /v1/baselines/import                      {route, version}: one that was exported, or a baseline file
    POST /v1/baselines/promote  rollback           {route, version?}
    POST /v1/baselines/amend                       {route, incident, kind?, source?, judge?, cells?}

All but judge and ask carry `actor` and `reason`. `cells` are [signal, stratum, outcome, count] of whole observations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from proxy.control.api.bodies import body_of, json_answer, word_of
from proxy.control.baselines import tested
from proxy.control.baselines import view as baseline_view
from proxy.control.baselines.of_base import PROBE
from proxy.control.baselines.orders import BaselineOrders, Made, NoVersionError
from proxy.control.baselines.tested import Counted
from proxy.control.bases.arming import CHAT, dialects
from proxy.control.orders import ConflictError, OrderError
from proxy.control.plane import ControlPlane
from proxy.core.baselines import versions
from proxy.core.baselines.baseline import COUNT_MAX, Kind
from proxy.core.baselines.diff import to_json as diff_json
from proxy.core.baselines.fingerprint import changes
from proxy.core.decisions.decide import JUDGE
from proxy.core.errors import ConfigError
from proxy.core.windows import SCALE, Cell, Counts

BODY_BYTES_MAX: Final = 16 * 1024 * 1024
CELLS_MAX: Final = 20_000
MADE_OF: Final = (Kind.RESULTS, Kind.PROMPTS)


class BaselinesApi:
    """One method for each endpoint."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._orders = BaselineOrders(plane)
        self._paths: dict[str, str] = {}  # by route: the path on which its candidate answers

    def add_to(self, app: web.Application) -> None:
        """Register the endpoints."""
        app.router.add_get("/v1/baselines", self.listed)
        app.router.add_get("/v1/baselines/version", self.version)
        app.router.add_get("/v1/baselines/diff", self.diff)
        app.router.add_get("/v1/baselines/records/{id}", self.record)
        for verb in ("judge", "ask", "add", "live", "import", "promote", "rollback", "amend"):
            handler = getattr(self, verb if verb != "import" else "take")
            app.router.add_post(f"/v1/baselines/{verb}", handler)

    async def listed(self, request: web.Request) -> web.Response:
        name = _asked(request.query, "route")
        entry, shelf = await self._orders.shelf(name)
        return json_answer(baseline_view.shelf_json(entry, shelf))

    async def version(self, request: web.Request) -> web.Response:
        name = _asked(request.query, "route")
        version = await self._orders.version(name, request.query.get("version", ""))
        return json_answer(versions.to_json(version) | self._limits(name, version))

    async def diff(self, request: web.Request) -> web.Response:
        name = _asked(request.query, "route")
        a = await self._orders.version(name, request.query.get("a", ""))
        b = await self._orders.version(name, request.query.get("b", ""))
        found = diff_json(a.baseline, b.baseline, self._plane.setup.policy(name).baseline.confidence)
        context = changes(a.context, b.context)
        return json_answer({"route": name, "a": a.number, "b": b.number, **found, "context": context})

    async def record(self, request: web.Request) -> web.Response:
        record = await self._plane.memory.shelves.noted(request.match_info["id"])
        if record is None:
            raise NoVersionError(
                f"there is no switch {request.match_info['id']!r}; `groundwire baseline list` names them"
            )
        return json_answer({"id": record.id, "at_s": record.at_s, "route": record.route, "record": record.body})

    async def judge(self, request: web.Request) -> web.Response:
        body = await body_of(request, BODY_BYTES_MAX)
        rows = tested.rows_of(body.get("rows"), answered=True)
        return self._counted(await tested.judge_rows(self._plane.judge, self._plane.count, rows))

    async def ask(self, request: web.Request) -> web.Response:
        body = await body_of(request, BODY_BYTES_MAX)
        entry, _ = await self._orders.shelf(_asked(body, "route"))
        target, rows = entry.route.candidate, tested.rows_of(body.get("rows"), answered=False)
        client = self._plane.client(target.upstream)
        if client is None:
            raise ConflictError(f"upstream {target.upstream!r} of the candidate is not in the settings")
        if target.key not in self._paths:
            self._paths[target.key] = (await dialects(client, target.model, PROBE) or [CHAT])[0]
        path = self._paths[target.key]
        counted = await tested.ask_rows(self._plane.judge, self._plane.count, (client, target.model), path, rows)
        if counted.failure:
            self._paths.pop(target.key, None)
        return self._counted(counted)

    async def add(self, request: web.Request) -> web.Response:
        body = await body_of(request, BODY_BYTES_MAX)
        version = await self._orders.add(_asked(body, "route"), _made(body), word_of(body))
        return self._added(_asked(body, "route"), version)

    async def live(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        since_s = body.get("since_s", 0.0)
        if isinstance(since_s, bool) or not isinstance(since_s, int | float):
            raise OrderError("`since_s` must be a number: Unix time in seconds")
        version = await self._orders.live(_asked(body, "route"), float(since_s), word_of(body))
        return self._added(_asked(body, "route"), version)

    async def take(self, request: web.Request) -> web.Response:
        body = await body_of(request, BODY_BYTES_MAX)
        try:
            given = versions.from_json(body.get("version"), "version")
        except ConfigError as wrong:
            raise OrderError(str(wrong)) from wrong
        return self._added(_asked(body, "route"), await self._orders.take(_asked(body, "route"), given, word_of(body)))

    async def promote(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        which = str(body.get("version", ""))
        return json_answer({"message": await self._orders.promote(_asked(body, "route"), which, word_of(body))})

    async def rollback(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        return json_answer({"message": await self._orders.rollback(_asked(body, "route"), word_of(body))})

    async def amend(self, request: web.Request) -> web.Response:
        body = await body_of(request, BODY_BYTES_MAX)
        name, incident = _asked(body, "route"), _asked(body, "incident")
        reviewed = _made(body) if "cells" in body else None
        version, what = await self._orders.amend(name, incident, reviewed, word_of(body))
        return json_answer({"message": what, "version": None}) if version is None else self._added(name, version)

    def _counted(self, counted: Counted) -> web.Response:
        cells = [[c.signal, c.stratum, c.y, n / SCALE] for c, n in sorted(counted.cells.items())]
        judge = self._plane.setup.versions.get(JUDGE, "")
        said = {"cells": cells, "unjudged": counted.unjudged, "failure": counted.failure, "judge": judge}
        return json_answer(said)

    def _added(self, name: str, version: versions.Version) -> web.Response:
        head = versions.head_of(version)
        message = f"route {name}: baseline version {head.number} ({head.id}), {head.n} evaluated harmful prompts"
        return json_answer({"message": message, "version": baseline_view.head_json(head)} | self._limits(name, version))

    def _limits(self, name: str, version: versions.Version) -> dict[str, Any]:
        """Rates with their limits, and what the policy makes of them."""
        return baseline_view.limits_json(version.baseline, self._plane.setup.policy(name), self._plane.setup.pane_s)


def _asked(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key, "")
    if not isinstance(value, str) or not value:
        raise OrderError(f"`{key}` must be named")
    return value


def _made(body: Mapping[str, Any]) -> Made:
    kind = body.get("kind")
    if kind not in MADE_OF:
        raise OrderError(f"`kind` must be one of {', '.join(MADE_OF)}")
    return Made(Kind(kind), str(body.get("source", ""))[:200], _cells(body.get("cells")), str(body.get("judge", "")))


def _cells(data: Any) -> Counts:
    """Cells of a body. Raises OrderError that names the first that is wrong."""
    if not isinstance(data, list) or len(data) > CELLS_MAX:
        raise OrderError(f"`cells` must be a list of at most {CELLS_MAX} [signal, stratum, outcome, count]")
    cells: dict[Cell, int] = {}
    for number, one in enumerate(data):
        if not _is_cell(one):
            raise OrderError(f"cells[{number}] must be [signal, stratum, 0 or 1, count of 0 to {COUNT_MAX}]")
        place = Cell(one[0], one[1], 0, one[2])
        cells[place] = cells.get(place, 0) + round(one[3] * SCALE)
    return cells


def _is_cell(one: Any) -> bool:
    if not isinstance(one, list) or len(one) != 4 or not all(isinstance(text, str) for text in one[:2]):
        return False
    is_number = isinstance(one[3], int | float) and not isinstance(one[3], bool)
    return type(one[2]) is int and one[2] in (0, 1) and is_number and 0 <= one[3] <= COUNT_MAX
