"""A model server that costs next to nothing: fixed JSON, or a stream of events at a pace. python -m bench.upstream PORT

A request with `X-Bench-Events: N` gets N server-sent events of 185 bytes, one each `X-Bench-Gap-Ms` milliseconds, each
in a chunk and a packet of its own, with the time of sending (CLOCK_MONOTONIC, nanoseconds) in it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import cast

import uvloop

ANSWER_BYTES = 1_500
EVENT_BYTES = 185

_MODELS = json.dumps({
    "object": "list",
    "data": [
        {"id": "base", "object": "model", "created": 1, "owned_by": "bench", "root": "base", "parent": None},
        {"id": "tuned", "object": "model", "created": 1, "owned_by": "bench", "root": "tuned", "parent": "base"},
    ],
}).encode()  # fmt: skip
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
_EVENT = (
    b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","model":"tuned",'
    b'"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}],"t":%020d}\n\n'
)


def fixed(body: bytes) -> bytes:
    """A whole JSON response."""
    return _HEAD % b"application/json" + b"Content-Length: %d\r\n\r\n" % len(body) + body


def answer() -> bytes:
    """A chat completion of ANSWER_BYTES."""
    text = {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}
    whole = {"id": "chatcmpl-bench", "object": "chat.completion", "created": 1, "model": "tuned", "choices": [text]}
    text["message"] = {"role": "assistant", "content": "word " * ((ANSWER_BYTES - len(json.dumps(whole))) // 5)}
    return fixed(json.dumps(whole).encode())


ANSWER = answer()
MODELS = fixed(_MODELS)
STREAM_HEAD = _HEAD % b"text/event-stream" + b"Transfer-Encoding: chunked\r\n\r\n"


def event() -> bytes:
    """One event in its chunk, padded to EVENT_BYTES."""
    data = _EVENT % time.monotonic_ns()
    data = data[:-3] + b" " * (EVENT_BYTES - len(data)) + data[-3:]
    return b"%x\r\n%s\r\n" % (len(data), data)


def field(head: bytes, name: bytes) -> int:
    """A number from a head in lower case, 0 where it has none."""
    at = head.find(b"\r\n" + name + b":")
    return int(head[at + len(name) + 3 : head.index(b"\r\n", at + 2)]) if at >= 0 else 0


class Connection(asyncio.Protocol):
    """One connection: requests in order."""

    def __init__(self) -> None:
        self._buffer = b""
        self._transport = cast(asyncio.Transport, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[: end + 2].lower()
            whole = end + 4 + field(head, b"content-length")
            if len(self._buffer) < whole:
                return
            self._buffer = self._buffer[whole:]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        events = field(head, b"x-bench-events")
        if events:
            self._transport.write(STREAM_HEAD)
            self._stream(events, field(head, b"x-bench-gap-ms") / 1e3)
        else:
            self._transport.write(MODELS if head.startswith(b"get /v1/models") else ANSWER)

    def _stream(self, left: int, gap_s: float) -> None:
        if self._transport.is_closing():
            return
        if left == 0:
            self._transport.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
            return
        self._transport.write(event())
        asyncio.get_running_loop().call_later(gap_s, self._stream, left - 1, gap_s)


async def serve(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=4_096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
