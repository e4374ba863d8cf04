"""A classifier's server for tests: real HTTP on a free port, with the documented shapes and every way to break them."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Behaviour = Callable[["Server", web.Request], Any]


@dataclass
class Server:
    """Where it listens, what it was asked, and what it does: `behaviour` may be changed at any time."""

    behaviour: Behaviour
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    at_once: int = 0
    at_once_max: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        try:
            self.paths.append(request.path_qs)
            self.headers.append(dict(request.headers))
            self.asked.append(json.loads(await request.read() or b"{}"))
            answer: web.StreamResponse = await self.behaviour(self, request)
            return answer
        finally:
            self.at_once -= 1


@asynccontextmanager
async def serving(behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """A server of this behaviour on loopback."""
    server = Server(behaviour)
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{rest:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()


# --- behaviours ------------------------------------------------------------------------------------------------------


def says(answer: object, status: int = 200, headers: dict[str, str] | None = None) -> Behaviour:
    async def behave(server: Server, request: web.Request) -> web.Response:
        return web.json_response(answer, status=status, headers=headers)

    return behave


def sends(data: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Behaviour:
    async def behave(server: Server, request: web.Request) -> web.Response:
        return web.Response(body=data, status=status, headers=headers)

    return behave


def waits(then: Behaviour, wait_s: float) -> Behaviour:
    async def behave(server: Server, request: web.Request) -> Any:
        await asyncio.sleep(wait_s)
        return await then(server, request)

    return behave


async def never_answers(server: Server, request: web.Request) -> web.Response:
    await asyncio.sleep(3600)
    raise AssertionError


async def hangs_up(server: Server, request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def half(server: Server, request: web.Request) -> web.StreamResponse:
    """Promises more than it sends."""
    answer = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
    await answer.prepare(request)
    await answer.write(b'{"choices": [{"message": {"content": "safe"}')
    assert request.transport is not None
    request.transport.close()
    return answer


async def trickles(server: Server, request: web.Request) -> web.StreamResponse:
    """A byte now and then, for ever."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    while True:
        await answer.write(b" ")
        await asyncio.sleep(0.01)


async def huge(server: Server, request: web.Request) -> web.StreamResponse:
    """Megabytes that would be a good answer in the end."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(512):
        await answer.write(b" " * 65_536)
    await answer.write(b'{"choices": [{"message": {"content": "safe"}, "finish_reason": "stop"}]}')
    return answer


def completion(content: str) -> dict[str, Any]:
    """A chat completion."""
    return {"choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}]}
