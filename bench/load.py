"""Load: requests at a fixed rate, streams at a pace, and wrk for as many as it can. All times are seconds."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

REQUEST_BYTES = 1_500
CONNECTIONS = 32


def body() -> bytes:
    """A chat request of REQUEST_BYTES for the route `tuned`."""
    ask = {"model": "tuned", "messages": [{"role": "user", "content": ""}], "max_tokens": 200, "temperature": 0.7}
    ask["messages"] = [{"role": "user", "content": "word " * ((REQUEST_BYTES - len(json.dumps(ask))) // 5)}]
    return json.dumps(ask).encode()


def request(extra: bytes = b"") -> bytes:
    """The request as bytes."""
    content = body()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    return head + extra + b"Content-Length: %d\r\n\r\n" % len(content) + content


@dataclass(slots=True)
class Paced:
    """What came of streams: time to the first event, and the delay of each event since it was sent."""

    first_s: list[float] = field(default_factory=list)
    delay_s: list[float] = field(default_factory=list)
    broken: int = 0


class OneAnswer(asyncio.Protocol):
    """A connection for one request after the other; `done` gets the arrival of each whole answer."""

    def __init__(self) -> None:
        self.transport = cast(asyncio.Transport, None)
        self.done: asyncio.Future[float] | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        if len(self._buffer) >= end + 4 + length and self.done is not None:
            self._buffer = b""
            self.done.set_result(time.monotonic())

    def connection_lost(self, _exc: Exception | None) -> None:
        if self.done is not None and not self.done.done():
            self.done.set_exception(ConnectionError("cut"))


async def latencies(port: int, rate_rps: float, seconds: float) -> list[float]:
    """Times from when each request was due to its whole answer, at an even rate."""
    loop = asyncio.get_running_loop()
    idle = [(await loop.create_connection(OneAnswer, "127.0.0.1", port))[1] for _ in range(CONNECTIONS)]
    data, times, running = request(), list[float](), set[asyncio.Task[None]]()

    async def one(due: float, connection: OneAnswer) -> None:
        connection.done = loop.create_future()
        connection.transport.write(data)
        times.append(await connection.done - due)
        idle.append(connection)

    start = time.monotonic()
    for number in range(int(rate_rps * seconds)):
        due = start + number / rate_rps
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        task = loop.create_task(one(time.monotonic(), idle.pop()))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    for connection in idle:
        connection.transport.close()
    return times


_SENT = re.compile(rb'"t":(\d{20})')


class OneStream(asyncio.Protocol):
    """A connection for one stream."""

    def __init__(self, data: bytes, into: Paced, done: asyncio.Future[None]) -> None:
        self._data, self._into, self._done = data, into, done
        self._asked_s = 0.0
        self._first = True
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._asked_s = time.monotonic()
        self._transport.write(self._data)

    def data_received(self, data: bytes) -> None:
        now_ns = time.monotonic_ns()
        data = self._tail + data
        sent = _SENT.findall(data)
        if sent and self._first:
            self._first = False
            self._into.first_s.append(now_ns / 1e9 - self._asked_s)
        self._into.delay_s += [(now_ns - int(one)) / 1e9 for one in sent]
        self._tail = data[data.rfind(b'"t":') :][:24] if sent and not _SENT.match(data, data.rfind(b'"t":')) else b""
        if data.endswith(b"0\r\n\r\n"):
            self._transport.close()

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


async def streams(port: int, count: int, events: int, gap_ms: int) -> Paced:
    """So many streams at once, begun evenly over one gap times ten."""
    loop = asyncio.get_running_loop()
    paced, ends = Paced(), [loop.create_future() for _ in range(count)]
    data = request(b"X-Bench-Events: %d\r\nX-Bench-Gap-Ms: %d\r\n" % (events, gap_ms))
    for end in ends:
        await loop.create_connection(lambda end=end: OneStream(data, paced, end), "127.0.0.1", port)  # type: ignore[misc]
        await asyncio.sleep(gap_ms / 1e3 * 10 / count)
    await asyncio.gather(*ends)
    paced.broken = count * events - len(paced.delay_s)
    return paced


def wrk(port: int, seconds: float, core: int) -> float:
    """Requests per second, as many as go over CONNECTIONS connections. Raises RuntimeError on any failed answer."""
    script = 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = [==[%s]==]\n'
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "post.lua"
        path.write_text(script % body().decode())
        command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "-s", str(path)]
        ran = subprocess.run(
            [*command, f"http://127.0.0.1:{port}/v1/chat/completions"], capture_output=True, text=True, check=True
        )
    if "Non-2xx" in ran.stdout or "Socket errors" in ran.stdout:
        raise RuntimeError(ran.stdout)
    return float(ran.stdout.split("Requests/sec:")[1].split()[0])
