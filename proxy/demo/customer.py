"""The demo's customer: asks through the data port like any client, streaming, and remembers what came back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson

from proxy.demo.prompts import Prompt

TIMEOUT_S: Final = 120.0  # of one answer, on a busy machine
WAIT_MAX_S: Final = 2.0  # between two tries of a rate-limited question
TRIES_MAX: Final = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and what came of it. `model` is the name under which the server answered; `error` is "" if none.

    `asked_s` is on the event loop's clock; `limited` counts the 429 that came before.
    """

    prompt: Prompt
    asked_s: float
    text: str = ""
    model: str = ""
    limited: int = 0
    error: str = ""


class Customer:
    """Asks one model by name at one URL."""

    def __init__(self, session: aiohttp.ClientSession, url: str, model: str, max_tokens: int) -> None:
        self._session = session
        self._url = f"{url}/v1/chat/completions"
        self._fixed = {"model": model, "max_tokens": max_tokens, "temperature": 0, "stream": True}

    async def ask(self, prompt: Prompt) -> Answer:
        """Ask, and ask again after a 429 as its Retry-After says. Never raises on what a server does."""
        body = orjson.dumps(self._fixed | {"messages": [{"role": "user", "content": prompt.text}]})
        now = asyncio.get_running_loop().time
        for limited in range(TRIES_MAX):
            asked_s = now()
            try:
                async with self._session.post(
                    self._url,
                    data=body,
                    headers={"Content-Type": "application/json"},
                    timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                ) as response:
                    if response.status == 429:
                        await response.read()
                        await asyncio.sleep(min(WAIT_MAX_S, float(response.headers.get("Retry-After", "1"))))
                        continue
                    text, model, error = await _read(response)
            except (aiohttp.ClientError, TimeoutError) as wrong:
                return Answer(prompt, asked_s, limited=limited, error=repr(wrong))
            return Answer(prompt, asked_s, text, model, limited, error)
        return Answer(prompt, now(), limited=TRIES_MAX, error="rate-limited without an end")


async def _read(response: aiohttp.ClientResponse) -> tuple[str, str, str]:
    """(text, model, error) of a streamed answer; an answer without its end is an error."""
    raw = await response.read()
    if response.status != 200:
        return "", "", f"status {response.status}: {raw[:200].decode(errors='replace')}"
    events = [line[6:] for line in raw.split(b"\n") if line.startswith(b"data: ")]
    if not events or events[-1].strip() != b"[DONE]":
        return "", "", "the stream broke"
    chunks: list[dict[str, Any]] = [orjson.loads(event) for event in events[:-1]]
    pieces = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
    return "".join(pieces), str(chunks[0]["model"]) if chunks else "", ""
