"""Official clients against a real llama.cpp server through Groundwire: what is read is what the application saw."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from proxy.analysis.judging.decoding import decode
from proxy.core.enforcement import Snapshot
from proxy.core.exchange import End, Exchange
from proxy.core.routes import Route, Target
from proxy.dialects.contract import Completion, Response, Usage
from proxy.dialects.registry import dialect_of
from proxy.features.judge import observations
from proxy.link.frames import Stats
from proxy.link.receiver import LinkReceiver, Peer
from tests.support import PATIENCE_S
from tests.wire.house import traffic
from tests.wire.test_clients import llama, quick_and_more

__all__ = ["llama"]  # a fixture
pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

PROMPT: Final = "Name the capital of France in one whole sentence."
BEGINNING: Final = "The sky is"  # a whole sentence would be followed by nothing
TURNS: Final[Any] = [{"role": "user", "content": PROMPT}]
PLAIN: Final[Any] = {"temperature": 0, "seed": 1, "cache_prompt": False}
STEADY: Final = Snapshot(1, (Route("smol", Target("default", "smol"), Target("default", "base")),))

Seen = tuple[str, Response]  # the dialect, and what the application saw as that dialect must read it


def told(text: str, finish: str, usage: tuple[int, int] | None) -> Response:
    return Response((Completion(0, text, finish_reason=finish),), None if usage is None else Usage(*usage), done=True)


def chat_unary(url: str) -> Seen:
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        answer = client.chat.completions.create(model="smol", messages=TURNS, max_tokens=24, extra_body=PLAIN)
    choice, usage = answer.choices[0], answer.usage
    assert usage is not None
    counts = (usage.prompt_tokens, usage.completion_tokens)
    return "openai_chat", told(choice.message.content or "", choice.finish_reason, counts)


def chat_stream(url: str) -> Seen:
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        stream = client.chat.completions.create(
            model="smol", messages=TURNS, max_tokens=24, stream=True, extra_body=PLAIN
        )
        choices = [chunk.choices[0] for chunk in stream if chunk.choices]
    text = "".join(choice.delta.content or "" for choice in choices)
    return "openai_chat", told(text, choices[-1].finish_reason or "", None)


def completions_unary(url: str) -> Seen:
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        answer = client.completions.create(model="smol", prompt=BEGINNING, max_tokens=24, extra_body=PLAIN)
    assert answer.usage is not None
    counts = (answer.usage.prompt_tokens, answer.usage.completion_tokens)
    return "openai_completions", told(answer.choices[0].text, answer.choices[0].finish_reason, counts)


def completions_stream(url: str) -> Seen:
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        stream = client.completions.create(model="smol", prompt=BEGINNING, max_tokens=24, stream=True, extra_body=PLAIN)
        choices = [chunk.choices[0] for chunk in stream if chunk.choices]
    finish = next(str(choice.finish_reason) for choice in choices if choice.finish_reason)
    return "openai_completions", told("".join(choice.text for choice in choices), finish, None)


def responses_unary(url: str) -> Seen:
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        answer = client.responses.create(model="smol", input=PROMPT, max_output_tokens=24, extra_body=PLAIN)
    assert answer.usage is not None
    return "openai_responses", told(answer.output_text, "stop", (answer.usage.input_tokens, answer.usage.output_tokens))


def responses_stream(url: str) -> Seen:
    """By its events: the SDK's own accumulator fails on this server's stream, with or without Groundwire."""
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        stream = client.responses.create(
            model="smol", input=PROMPT, max_output_tokens=24, stream=True, extra_body=PLAIN
        )
        events: list[Any] = list(stream)
    usage = events[-1].response.usage
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    return "openai_responses", told(text, "stop", (usage.input_tokens, usage.output_tokens))


def messages_unary(url: str) -> Seen:
    from anthropic import Anthropic

    with Anthropic(base_url=url, api_key="k", max_retries=0) as client:
        answer = client.messages.create(model="smol", max_tokens=24, messages=TURNS, extra_body=PLAIN)
    return "anthropic_messages", message(answer)


def messages_stream(url: str) -> Seen:
    from anthropic import Anthropic

    with (
        Anthropic(base_url=url, api_key="k", max_retries=0) as client,
        client.messages.stream(model="smol", max_tokens=24, messages=TURNS, extra_body=PLAIN) as stream,
    ):
        return "anthropic_messages", message(stream.get_final_message())


def message(answer: Any) -> Response:
    usage = answer.usage
    counts = (usage.input_tokens + (usage.cache_read_input_tokens or 0), usage.output_tokens)
    finish = {"end_turn": "stop", "max_tokens": "length"}[answer.stop_reason]
    return told("".join(block.text for block in answer.content), finish, counts)


Ask = Callable[[str], Seen]
Capture = Callable[[str, Ask], Any]
QUICK: Final = (responses_stream, messages_stream)
MORE: Final = (
    chat_unary, chat_stream, completions_unary, completions_stream, responses_unary, messages_unary,
)  # fmt: skip


@pytest.fixture
async def capture(tmp_path: Path) -> AsyncIterator[Capture]:
    """Asks the model server at a URL through Groundwire: what the application saw, and the exchange."""
    exchanges: list[Exchange] = []

    def take(peer: Peer, number: int, message: Exchange | Stats, size_bytes: int) -> None:
        if isinstance(message, Exchange):
            exchanges.append(message)
        peer.acknowledge(number)

    receiver = LinkReceiver(str(tmp_path / "link.sock"), take, STEADY)
    await receiver.start()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as pool:

        def through(upstream: str, ask: Ask) -> Seen:
            with traffic(tmp_path, {"default": upstream}) as running:
                return ask(f"http://127.0.0.1:{running.port}")

        async def captured(upstream: str, ask: Ask) -> tuple[Seen, Exchange]:
            seen = await loop.run_in_executor(pool, through, upstream, ask)
            deadline = time.monotonic() + PATIENCE_S
            while not exchanges:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
            (exchange,) = exchanges
            return seen, exchange

        yield captured
    await receiver.close()


@pytest.mark.parametrize("ask", quick_and_more(QUICK, MORE))
async def test_what_is_read_is_what_the_application_saw(ask: Ask, llama: str, capture: Capture) -> None:
    (name, seen), exchange = await capture(llama, ask)
    dialect = dialect_of(exchange.method, exchange.path)
    assert (dialect.name, exchange.end, exchange.served_model) == (name, End.COMPLETE, "smol")
    response, prompt = exchange.response, BEGINNING if name == "openai_completions" else PROMPT
    read = dialect.response(response.content_type, decode(response).data, False)
    assert read.done
    assert read.completions == seen.completions
    assert seen.usage in (None, read.usage)
    assert dialect.request(decode(exchange.request).data).prompt_of(0) == prompt
    (one,) = observations(exchange, dialect=dialect, decode=decode, prompt_hash=str)
    assert (one.prompt_hash, one.unassessed, one.refusal) == (prompt, None, 0)
