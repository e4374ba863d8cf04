"""A WebSocket echo server for the Autobahn cases: python -m tests.wire.echo PORT."""

from __future__ import annotations

import sys

from aiohttp import WSMsgType, web

MESSAGE_BYTES_MAX = 1 << 25


async def echo(request: web.Request) -> web.WebSocketResponse:
    """Send every message back."""
    socket = web.WebSocketResponse(max_msg_size=MESSAGE_BYTES_MAX, compress=False)
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/", echo)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
