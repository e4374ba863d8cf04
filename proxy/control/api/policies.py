"""The part of the control API that is about policies.

GET  /v1/policies                  live and shadow policies, by route, with what each allows
GET  /v1/policies/diff[?route=]    what shadows said otherwise than the live policy
POST /v1/policies/NAME/promote     `route`: of one route; else of all that name none of their own
POST /v1/policies/withdraw         the same scope; the file's policy holds again
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from proxy.control.api.bodies import body_of, json_answer, word_of
from proxy.control.orders import NoRouteError, OrderError
from proxy.control.plane import ControlPlane
from proxy.control.policies.orders import PolicyOrders
from proxy.control.policies.view import policy_json


class PoliciesApi:
    """One method for each endpoint."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._orders = PolicyOrders(plane)

    def add_to(self, app: web.Application) -> None:
        """Add the endpoints."""
        app.router.add_get("/v1/policies", self.policies)
        app.router.add_get("/v1/policies/diff", self.diff)
        app.router.add_post("/v1/policies/withdraw", self.withdraw)
        app.router.add_post("/v1/policies/{name}/promote", self.promote)

    async def policies(self, request: web.Request) -> web.Response:
        shown = [policy_json(self._plane, name) for name in await self._routes(request)]
        return json_answer({"routes": shown})

    async def diff(self, request: web.Request) -> web.Response:
        plane = self._plane
        found = [one for name in await self._routes(request) for one in await plane.shadows.diff(plane.setup, name)]
        return json_answer({"shadows": found})

    async def promote(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        message = await self._orders.promote(request.match_info["name"], _scope(body), word_of(body))
        return json_answer({"message": message})

    async def withdraw(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        return json_answer({"message": await self._orders.withdraw(_scope(body), word_of(body))})

    async def _routes(self, request: web.Request) -> Sequence[str]:
        """The one that is asked for, or all that are open."""
        name = request.query.get("route", "")
        known = self._plane.memory.known_entries()
        if name and name not in known:
            raise NoRouteError(f"there is no route {name!r}; GET /v1/routes lists those there are")
        return [name] if name else sorted(name for name, one in known.items() if not one.closed)


def _scope(body: dict[str, Any]) -> str:
    route = body.get("route") or ""
    if not isinstance(route, str):
        raise OrderError("`route` must be the name of a route")
    return route
