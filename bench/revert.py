"""A revert under load: streams in flight, new ones arriving, and the route put back on its base meanwhile.

    python -m bench.revert [--streams 200]

Prints how many requests failed, and the time from the decision (the control API's answer to `revert`) to the last
request that the candidate was asked. Both processes of Groundwire are real; the upstream is a small server that lists
an adapter with its parent and obeys `model`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from tests.support import Groundwire, groundwire, until

BASE, CANDIDATE = "base-model", "support-lora"
EVENTS = 12
EVENT_S = 0.25


@dataclass(slots=True)
class Upstream:
    """When each model was asked (monotonic seconds)."""

    asked: dict[str, list[float]] = field(default_factory=lambda: {BASE: [], CANDIDATE: []})

    async def models(self, _: web.Request) -> web.Response:
        data = [{"id": BASE, "object": "model", "parent": None}, {"id": CANDIDATE, "object": "model", "parent": BASE}]
        return web.json_response({"object": "list", "data": data})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        model = orjson.loads(await request.read())["model"]
        self.asked[model].append(time.monotonic())
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number in range(EVENTS):
            delta = {"index": 0, "delta": {"content": f"{model} {number} "}, "finish_reason": None}
            event = {"id": "c", "object": "chat.completion.chunk", "model": model, "choices": [delta]}
            await response.write(b"data: " + orjson.dumps(event) + b"\n\n")
            await asyncio.sleep(EVENT_S)
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response


@dataclass(frozen=True, slots=True)
class Result:
    """What happened; times in seconds from the decision."""

    streams: int
    failed: int
    by_candidate: int
    by_base: int
    api_s: float
    last_candidate_s: float
    first_base_s: float


async def one_stream(session: aiohttp.ClientSession, url: str, number: int) -> bool:
    """One streamed answer; whether it came whole."""
    body = {"model": CANDIDATE, "stream": True, "messages": [{"role": "user", "content": f"question {number}"}]}
    try:
        async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
            text = await answer.read()
            return answer.status == 200 and text.count(b"data: ") == EVENTS + 1 and text.endswith(b"data: [DONE]\n\n")
    except (aiohttp.ClientError, TimeoutError):
        return False


async def run(streams: int, folder: Path) -> Result:
    """Start everything, keep `streams` in flight, revert in the middle."""
    upstream = Upstream()
    async with AsyncExitStack() as stack:
        url = await serve(upstream, stack)
        wire = stack.enter_context(await asyncio.to_thread(_start, folder, url))
        await asyncio.to_thread(until, lambda: _route(wire), "the route")
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        return await _load(session, wire, upstream, streams)


def _start(folder: Path, url: str) -> Any:
    return groundwire(folder, url, {"discovery": {"interval_s": 1}})


async def serve(upstream: Upstream, stack: AsyncExitStack) -> str:
    """The upstream on a free port; its URL."""
    app = web.Application()
    app.router.add_get("/v1/models", upstream.models)
    app.router.add_post("/v1/chat/completions", upstream.chat)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"


def _route(wire: Groundwire) -> bool:
    names = [one["name"] for one in wire.control.get("/v1/routes")["routes"]]
    return CANDIDATE in names


async def _load(session: aiohttp.ClientSession, wire: Groundwire, upstream: Upstream, streams: int) -> Result:
    """Open streams evenly over their own length, revert half-way, let all end."""
    tasks: list[asyncio.Task[bool]] = []
    gap_s = EVENTS * EVENT_S / streams
    decided = 0.0
    revert: asyncio.Task[float] | None = None
    for number in range(streams * 3):
        tasks.append(asyncio.create_task(one_stream(session, wire.data, number)))
        if number == streams + streams // 2:
            decided = time.monotonic()
            revert = asyncio.create_task(asyncio.to_thread(_revert, wire))
        await asyncio.sleep(gap_s)
    assert revert is not None
    answered = await revert
    whole = await asyncio.gather(*tasks)
    asked = upstream.asked
    return Result(
        streams=len(tasks),
        failed=whole.count(False),
        by_candidate=len(asked[CANDIDATE]),
        by_base=len(asked[BASE]),
        api_s=answered - decided,
        last_candidate_s=max(asked[CANDIDATE]) - answered,
        first_base_s=min((at for at in asked[BASE] if at >= decided), default=float("nan")) - decided,
    )


def _revert(wire: Groundwire) -> float:
    body = {"actor": "bench", "reason": "a revert under load", "force": True}
    wire.control.post(f"/v1/routes/{CANDIDATE}/revert", body)
    return time.monotonic()


def main() -> int:
    """Print the figures; 1 where a request failed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--streams", type=int, default=200)
    streams = arguments.parse_args().streams
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(run(streams, Path(folder)))
    sys.stdout.write(
        f"streams in flight                         {streams}\n"
        f"streams sent / failed                     {result.streams} / {result.failed}\n"
        f"asked of the candidate / of the base      {result.by_candidate} / {result.by_base}\n"
        f"order to the API's answer                 {result.api_s * 1e3:8.1f} ms\n"
        f"API's answer to the last candidate call   {result.last_candidate_s * 1e3:8.1f} ms (negative: before it)\n"
        f"order to the first call of the base       {result.first_base_s * 1e3:8.1f} ms\n"
    )
    return 1 if result.failed else 0


if __name__ == "__main__":
    sys.exit(main())
