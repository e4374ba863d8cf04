"""The control API (aiohttp, in the analysis process): routes, reasons, and orders. JSON in and out.

    GET  /v1/routes                 GET /v1/routes/NAME     NAME percent-encoded, or with its slashes
    GET  /v1/explain/ID             GET /v1/log             GET /v1/status
    POST /v1/routes/NAME/VERB       VERB: revert restore offline arm shadow promote
    POST /v1/routes/NAME/sample     with `strategy` (or "" for that of the settings) and `share`
    POST /v1/disarm                 POST /v1/rearm
    POST /v1/feedback               with `response_id` and `score` (0 bad, 1 good); needs neither actor nor reason
    /v1/baselines...                versions of baselines: see `baselines_api`
    /v1/policies...                 live and shadow policies: see `policies_api`

Every POST carries `actor` and `reason`. A POST must say `Content-Type: application/json`: a page in a browser cannot
send that to another origin without asking first. Without a token a call over TCP must name a loopback host or an
address: a page whose name was rebound to this machine (DNS rebinding) is of one origin with the API, but for its Host.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from proxy.config.settings import Settings
from proxy.control.api.baselines import BaselinesApi
from proxy.control.api.bodies import body_of, json_answer, word_of
from proxy.control.api.feedback import feedback
from proxy.control.api.panes import PanesApi
from proxy.control.api.policies import PoliciesApi
from proxy.control.api.sampling import sampling_of
from proxy.control.baselines.orders import BaselineOrders
from proxy.control.orders import NoRouteError, OrderError, Orders, Word
from proxy.control.plane import ControlPlane
from proxy.core.decisions.explain import explain
from proxy.core.decisions.explained import explained
from proxy.core.decisions.ladder import Command
from proxy.core.errors import ConfigError, GroundwireError, Place, StateError

BODY_BYTES_MAX: Final = 65_536
LOG_LINES_MAX: Final = 1_000
SAMPLE: Final = "sample"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_api(plane: ControlPlane) -> web.Application:
    """The API as an application. Where the settings name a token, every call must carry it. Raises ConfigError."""
    api, token = _Api(plane), _token(plane.setup.settings)
    app = web.Application(middlewares=[_errors, _bearer(token) if token else _own_host], client_max_size=BODY_BYTES_MAX)
    app.router.add_get("/v1/routes", api.routes)
    app.router.add_get("/v1/routes/{name:.+}/panes", PanesApi(plane).stream)
    app.router.add_get("/v1/routes/{name:.+}", api.route)
    app.router.add_get("/v1/explain/{id}", api.explain)
    app.router.add_get("/v1/log", api.log)
    app.router.add_get("/v1/status", api.status)
    app.router.add_post("/v1/routes/{name:.+}/{verb}", api.order)
    BaselinesApi(plane).add_to(app)
    PoliciesApi(plane).add_to(app)
    app.router.add_post("/v1/feedback", feedback(lambda: plane.feedback))
    app.router.add_post("/v1/disarm", api.disarm)
    app.router.add_post("/v1/rearm", api.rearm)
    return app


def _token(settings: Settings) -> str:
    """The bearer token; "" where none is set. Raises ConfigError."""
    file = settings.listen.control_token_file
    if not file:
        return ""
    try:
        token = Path(file).read_text().strip()
    except OSError as wrong:
        raise ConfigError(
            [(Place(file, None, "listen.control_token_file"), f"cannot be read: {wrong.strerror}")]
        ) from wrong
    if not token:
        raise ConfigError([(Place(file, None, "listen.control_token_file"), "the file is empty")])
    return token


class _Api:
    """One method for each endpoint."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._orders = Orders(plane)
        self._baselines = BaselineOrders(plane)

    async def routes(self, _: web.Request) -> web.Response:
        views = [await self._plane.route_view(name) for name in sorted(await self._plane.memory.names())]
        return json_answer({"routes": [view for view in views if view is not None]})

    async def route(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        view = await self._plane.route_view(name, in_full=True)
        if view is None:
            raise NoRouteError(f"there is no route {name!r}; GET /v1/routes lists those there are")
        return json_answer(view)

    async def explain(self, request: web.Request) -> web.Response:
        record = await self._plane.memory.decision(request.match_info["id"])
        if record is None:
            raise NoRouteError(f"there is no decision {request.match_info['id']!r}; a route names its last one")
        return json_answer({"id": record.id, **explained(record), "text": explain(record), "record": record.body})

    async def log(self, request: web.Request) -> web.Response:
        limit = request.query.get("limit", "100")
        if not limit.isdigit() or not 1 <= int(limit) <= LOG_LINES_MAX:
            raise OrderError(f"limit must be a number from 1 to {LOG_LINES_MAX}")
        return json_answer({"log": await self._orders.journal(int(limit))})

    async def status(self, _: web.Request) -> web.Response:
        return json_answer(await self._plane.status())

    async def order(self, request: web.Request) -> web.Response:
        name, verb = request.match_info["name"], request.match_info["verb"]
        body = await body_of(request)
        word = word_of(body)
        by_verb = {"arm": self._orders.arm, "shadow": self._orders.shadow, "promote": self._promote}
        if verb == SAMPLE:
            message = await self._orders.sample(name, *sampling_of(body), word)
        elif verb in by_verb:
            message = await by_verb[verb](name, word)
        elif verb in tuple(Command):
            message = await self._orders.command(name, Command(verb), word)
        else:
            raise NoRouteError(f"there is no order {verb!r}; there are: {', '.join((*Command, *by_verb, SAMPLE))}")
        return json_answer({"message": message, "route": await self._plane.route_view(name)})

    async def _promote(self, name: str, word: Word) -> str:
        return await self._baselines.promote(name, "", word)

    async def disarm(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        scope, route, for_s = body.get("scope"), body.get("route") or "", body.get("for_s")
        if scope not in ("all", "route") or not isinstance(route, str) or (scope == "route") != bool(route):
            raise OrderError("`scope` must be all, or route together with the name of one in `route`")
        if isinstance(for_s, bool) or not isinstance(for_s, int | float):
            raise OrderError("`for_s` must be a number of seconds")
        return json_answer({"message": await self._orders.disarm(route, float(for_s), word_of(body))})

    async def rearm(self, request: web.Request) -> web.Response:
        return json_answer({"message": await self._orders.rearm(word_of(await body_of(request)))})


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors in one shape: {"error": {"message": ...}}."""
    try:
        return await handler(request)
    except OrderError as wrong:
        return _error(wrong.status, str(wrong))
    except StateError as wrong:
        return _error(503, str(wrong))
    except GroundwireError as wrong:
        return _error(500, str(wrong))
    except web.HTTPException as wrong:
        return _error(wrong.status, wrong.reason)


def _bearer(token: str) -> Any:
    expected = f"Bearer {token}".encode()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, expected):
            return _error(401, "a bearer token is needed: the one in listen.control_token_file")
        return await handler(request)

    return check


@web.middleware
async def _own_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """For an API without a token. A Unix socket is out of every browser's reach, and any Host is right there."""
    at = request.transport.get_extra_info("sockname") if request.transport else None
    if isinstance(at, tuple) and not _is_own(request.headers.get("Host", "")):
        return _error(403, "call this API as localhost or by an address; other names need listen.control_token_file")
    return await handler(request)


def _is_own(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name.lower() == "localhost":
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _error(status: int, message: str) -> web.Response:
    return json_answer({"error": {"message": message}}, status)
