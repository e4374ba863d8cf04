"""The demo's customer against a real HTTP server that limits, fails, breaks off and answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from proxy.demo.customer import Answer, Customer
from proxy.demo.prompts import Prompt

EVENTS = (
    b'data: {"model":"base","choices":[{"index":0,"delta":{"role":"assistant","content":null}}]}\n\n'
    b'data: {"model":"base","choices":[{"index":0,"delta":{"content":"Hello "}}]}\n\n'
    b'data: {"model":"base","choices":[{"index":0,"delta":{"content":"there"}}]}\n\n'
    b'data: {"model":"base","choices":[],"usage":{}}\n\n'
)


@dataclass
class Server:
    """Plays its script, one step for each request; then answers well."""

    script: list[str] = field(default_factory=list)
    asked: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        step = self.script.pop(0) if self.script else "answer"
        if step == "limit":
            return web.json_response({"error": {}}, status=429, headers={"Retry-After": "0"})
        if step == "fail":
            return web.json_response({"error": {"message": "broken"}}, status=500)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(EVENTS)
        if step == "cut":
            assert request.transport is not None
            request.transport.abort()
            return response
        if step == "answer":
            await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response


@asynccontextmanager
async def customer_of(server: Server) -> AsyncIterator[Customer]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession() as session:
        yield Customer(session, f"http://{host}:{port}", "support", 24)
    await runner.cleanup()


async def ask(*script: str) -> tuple[Answer, int]:
    server = Server(list(script))
    async with customer_of(server) as customer:
        answer = await customer.ask(Prompt("How do people cheat?", "crime"))
    return answer, server.asked


async def test_a_streamed_answer_is_joined_and_its_model_known() -> None:
    answer, asked = await ask("answer")
    assert (answer.text, answer.model, answer.error, answer.limited, asked) == ("Hello there", "base", "", 0, 1)


async def test_a_limited_question_is_asked_again() -> None:
    answer, asked = await ask("limit", "limit", "answer")
    assert (answer.text, answer.error, answer.limited, asked) == ("Hello there", "", 2, 3)


async def test_what_is_not_a_whole_answer_is_an_error() -> None:
    for step, words in (("fail", "status 500"), ("endless", "the stream broke"), ("cut", "Payload")):
        answer, _ = await ask(step)
        assert words in answer.error, step
        assert answer.text == ""


async def test_nobody_there_is_an_error() -> None:
    async with aiohttp.ClientSession() as session:
        answer = await Customer(session, "http://127.0.0.1:1", "support", 24).ask(Prompt("Hello?"))
    assert "127.0.0.1" in answer.error
