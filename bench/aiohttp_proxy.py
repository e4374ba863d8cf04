"""The proxy that one writes in an afternoon with aiohttp: python -m bench.aiohttp_proxy PORT UPSTREAM_URL."""

from __future__ import annotations

import sys

import aiohttp
import uvloop
from aiohttp import web

HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "te", "upgrade"})


async def relay(request: web.Request) -> web.StreamResponse:
    """Pass one request on and stream its answer back."""
    session: aiohttp.ClientSession = request.app[SESSION]
    headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
    body = await request.read() if request.body_exists else None
    url = request.app[UPSTREAM] + request.path_qs
    async with session.request(request.method, url, headers=headers, data=body) as answer:
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
        if answer.content_length is not None:
            return web.Response(status=answer.status, headers=kept, body=await answer.read())
        response = web.StreamResponse(status=answer.status, headers=kept)
        await response.prepare(request)
        async for piece in answer.content.iter_any():
            await response.write(piece)
        return response


SESSION = web.AppKey("session", aiohttp.ClientSession)
UPSTREAM = web.AppKey("upstream", str)


async def open_session(app: web.Application) -> None:
    """One session with a pool, as it should be."""
    app[SESSION] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)


def main() -> None:
    """Serve until SIGTERM."""
    port, upstream = sys.argv[1:]
    uvloop.install()
    app = web.Application(client_max_size=1 << 25)
    app[UPSTREAM] = upstream
    app.on_startup.append(open_session)
    app.router.add_route("*", "/{path:.*}", relay)
    web.run_app(app, host="127.0.0.1", port=int(port), print=None, access_log=None)


if __name__ == "__main__":
    main()
