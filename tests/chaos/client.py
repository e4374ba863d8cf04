"""Asks on a keep-alive connection and takes the answer apart only as far as is needed to compare its bytes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import orjson

from tests.chaos.model_server import answer_bytes, stream_chunks


@dataclass(slots=True)
class Result:
    """What a load run saw: everything that was not exactly what the model server said."""

    answered: int = 0
    wrong: list[str] = field(default_factory=list)


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, model: str, prompt: str, stream: bool
) -> tuple[bytes, bytes]:
    """One exchange: (status line, body with its framing as it came)."""
    message = {"role": "user", "content": prompt}
    body = orjson.dumps({"model": model, "stream": stream, "messages": [message]})
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: model\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    head = await reader.readuntil(b"\r\n\r\n")
    status = head.split(b"\r\n", 1)[0]
    lengths = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    if lengths:
        return status, await reader.readexactly(lengths[0])
    return status, await reader.readuntil(b"\r\n0\r\n\r\n")


def expected(model: str, prompt: str, stream: bool) -> bytes:
    """The bytes of the body as the model server sends them."""
    return b"".join(stream_chunks(model, prompt)) if stream else answer_bytes(model, prompt)


async def load(url: str, model: str, stop: asyncio.Event, padding_bytes: int = 0, workers: int = 6) -> Result:
    """Ask until `stop` on several connections, unary and streamed in turn; compare every byte."""
    result = Result()
    at = urlsplit(url)

    async def worker(number: int) -> None:
        reader, writer = await asyncio.open_connection(at.hostname, at.port)
        turn = 0
        while not stop.is_set():
            turn += 1
            prompt, stream = f"Question {turn} of {number}: how do levers work? " + "x" * padding_bytes, turn % 2 == 0
            try:
                async with asyncio.timeout(60):
                    status, body = await ask(reader, writer, model, prompt, stream)
            except (OSError, EOFError, TimeoutError) as wrong:
                result.wrong.append(repr(wrong))
                return
            if status != b"HTTP/1.1 200 OK" or body != expected(model, prompt, stream):
                result.wrong.append(f"{status!r} {body[:200]!r}")
            result.answered += 1
        writer.close()

    await asyncio.gather(*(worker(number) for number in range(workers)))
    return result
