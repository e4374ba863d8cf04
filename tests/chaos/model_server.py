"""A model server whose every byte is known beforehand, so that what came through can be compared with what was sent."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import orjson

STREAM_EVENTS = 12


def answer_bytes(model: str, prompt: str) -> bytes:
    """The unary answer of this model to this prompt."""
    text = f"{model} says: levers turn around a point. " + hashlib.sha256(prompt.encode()).hexdigest() * 20
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return orjson.dumps({"object": "chat.completion", "model": model, "choices": [choice]})


def stream_chunks(model: str, prompt: str) -> list[bytes]:
    """The same as events, each with its chunk framing, to the last chunk."""
    mark = hashlib.sha256(prompt.encode()).hexdigest()
    events = []
    for i in range(STREAM_EVENTS):
        finish = "stop" if i == STREAM_EVENTS - 1 else None
        choice = {"index": 0, "delta": {"content": f"word {i} of {mark} "}, "finish_reason": finish}
        chunk = {"object": "chat.completion.chunk", "model": model, "choices": [choice]}
        events.append(b"data: " + orjson.dumps(chunk) + b"\n\n")
    framed = [b"%x\r\n%s\r\n" % (len(event), event) for event in [*events, b"data: [DONE]\n\n"]]
    return [*framed, b"0\r\n\r\n"]


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            asked = orjson.loads(await reader.readexactly(length))
            model, prompt = asked["model"], asked["messages"][-1]["content"]
            if asked.get("stream"):
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                )
                for chunk in stream_chunks(model, prompt):
                    writer.write(chunk)
                    await writer.drain()
                    await asyncio.sleep(0.002)
            else:
                body = answer_bytes(model, prompt)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                )
                writer.write(body)
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


@contextmanager
def model_server() -> Iterator[str]:
    """Runs it in a thread of its own; gives its URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(_serve, "127.0.0.1", 0), loop).result(10)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
