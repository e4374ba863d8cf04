"""How far analysis is behind, as the demo reads it: from a real page, from one that says nothing, from nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from proxy.analysis.process.listeners import address_of, serve_http
from proxy.demo.backlog import Backlog
from proxy.telemetry.analysis import QUEUE_EXCHANGES
from proxy.telemetry.exposition import render
from proxy.telemetry.metrics import sample
from tests.support import free_ports


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as one:
        yield one


@pytest.mark.parametrize(("page", "waiting"), [(render([sample(QUEUE_EXCHANGES, 7)]), 7), (b"", 0)])
async def test_what_a_page_says(session: aiohttp.ClientSession, page: bytes, waiting: int) -> None:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=page)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = await serve_http(app, "127.0.0.1:0", "listen.analysis_health")
    try:
        assert await Backlog(session, address_of(runner)).waiting() == waiting
    finally:
        await runner.cleanup()


async def test_where_nobody_tells_nothing_waits(session: aiohttp.ClientSession) -> None:
    assert await Backlog(session, f"127.0.0.1:{free_ports(1)[0]}").waiting() == 0
