"""What each client library does, once per function: a base URL in, what the application saw out.

The same function runs against the model server directly and through Groundwire; what it returns must be the same. Ids,
times and speeds, which the server makes anew for each answer, are left out.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Iterable
from typing import Any, Final

QUESTION: Final = "Name the capital of France."
ASK: Final[dict[str, Any]] = {
    "model": "smol",
    "messages": [{"role": "user", "content": QUESTION}],
    "max_tokens": 4,
    "temperature": 0,
    "seed": 1,
}
EXTRA: Final = {"cache_prompt": False}  # the answer may not depend on what was asked before
LONG: Final = {**ASK, "max_tokens": 2_000, "stream": True, "ignore_eos": True}
# The last two say what the server's cache held from the request before.
VOLATILE: Final = frozenset(
    {"id", "created", "timings", "system_fingerprint", "cache_read_input_tokens", "input_tokens"}
)

Result = Any
Client = Callable[[str], Result]


def steady(value: Any) -> Any:
    """A JSON value without what differs from answer to answer."""
    if isinstance(value, dict):
        return {key: steady(inner) for key, inner in value.items() if key not in VOLATILE}
    return [steady(inner) for inner in value] if isinstance(value, list) else value


def events(lines: Iterable[str]) -> list[Any]:
    """The data of server-sent events."""
    data = [line[6:] for line in lines if line.startswith("data: ")]
    return [line if line == "[DONE]" else steady(json.loads(line)) for line in data]


def seen(headers: Any) -> list[tuple[str, str]]:
    """Response headers without the hop-by-hop ones and the length of an answer that holds random ids."""
    hidden = {"connection", "keep-alive", "transfer-encoding", "content-length", "date"}
    return [(name.lower(), value) for name, value in headers if name.lower() not in hidden]


def openai_unary(url: str) -> Result:
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(**ASK, extra_body=EXTRA)
        models = client.models.list()
        return steady(json.loads(raw.text)), seen(raw.headers.multi_items()), [model.id for model in models]


def openai_stream(url: str) -> Result:
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        options: dict[str, Any] = {**ASK, "stream": True, "stream_options": {"include_usage": True}}
        stream = client.chat.completions.create(**options, extra_body=EXTRA)
        return [steady(chunk.model_dump()) for chunk in stream]


def openai_async(url: str) -> Result:
    from openai import AsyncOpenAI

    async def both() -> Result:
        async with AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
            unary = await client.completions.create(
                model="smol", prompt=QUESTION, max_tokens=4, temperature=0, seed=1, extra_body=EXTRA
            )
            stream = await client.chat.completions.create(**ASK, stream=True, extra_body=EXTRA)
            return steady(unary.model_dump()), [steady(chunk.model_dump()) async for chunk in stream]

    return asyncio.run(both())


def openai_error(url: str) -> Result:
    from openai import APIStatusError, OpenAI

    with OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        seen_errors = []
        for path, body in (("/chat/completions", {"messages": 5}), ("/nowhere", {})):
            try:
                client.post(path, body=body, cast_to=object)
            except APIStatusError as wrong:
                seen_errors.append((wrong.status_code, wrong.type, str(wrong)))
        return seen_errors


def anthropic_unary(url: str) -> Result:
    from anthropic import Anthropic

    with Anthropic(base_url=url, api_key="k", max_retries=0) as client:
        answer = client.messages.create(
            model="smol",
            max_tokens=4,
            messages=[{"role": "user", "content": QUESTION}],
            extra_body={**EXTRA, "temperature": 0, "seed": 1},
        )
        return steady(answer.model_dump())


def anthropic_stream(url: str) -> Result:
    from anthropic import Anthropic

    with (
        Anthropic(base_url=url, api_key="k", max_retries=0) as client,
        client.messages.stream(
            model="smol",
            max_tokens=4,
            messages=[{"role": "user", "content": QUESTION}],
            extra_body={**EXTRA, "temperature": 0, "seed": 1},
        ) as stream,
    ):
        kinds = [event.type for event in stream]
        return kinds, stream.get_final_text()


def httpx_unary(url: str) -> Result:
    import httpx

    with httpx.Client(timeout=60) as client:
        answers = [client.post(f"{url}/v1/chat/completions", json={**ASK, **EXTRA}) for _ in range(2)]
        missing = client.head(f"{url}/nowhere")
        return [(a.status_code, seen(a.headers.multi_items()), steady(a.json())) for a in answers], missing.status_code


def httpx_stream(url: str) -> Result:
    import httpx

    body = {**ASK, **EXTRA, "stream": True}
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=60) as answer:
        return seen(answer.headers.multi_items()), events(answer.iter_lines())


def requests_unary(url: str) -> Result:
    import requests

    with requests.Session() as session:
        answers = [session.post(f"{url}/v1/chat/completions", json={**ASK, **EXTRA}, timeout=60) for _ in range(2)]
        parts = [session.post(f"{url}/tokenize", data=iter([b'{"content":', b'"hello"}']), timeout=60)]
        return [(a.status_code, seen(a.headers.items()), steady(a.json())) for a in answers + parts]


def requests_stream(url: str) -> Result:
    import requests

    body = {**ASK, **EXTRA, "stream": True}
    with requests.post(f"{url}/v1/chat/completions", json=body, stream=True, timeout=60) as answer:
        return seen(answer.headers.items()), events(line.decode() for line in answer.iter_lines())


def aiohttp_unary(url: str) -> Result:
    import aiohttp

    async def run() -> Result:
        async with aiohttp.ClientSession() as session:
            answers = []
            for _ in range(2):
                async with session.post(f"{url}/v1/chat/completions", json={**ASK, **EXTRA}) as answer:
                    answers.append((answer.status, seen(answer.headers.items()), steady(await answer.json())))
            return answers

    return asyncio.run(run())


def aiohttp_stream(url: str) -> Result:
    import aiohttp

    async def run() -> Result:
        body = {**ASK, **EXTRA, "stream": True}
        async with aiohttp.ClientSession() as session, session.post(f"{url}/v1/chat/completions", json=body) as answer:
            return events([line.decode().rstrip() async for line in answer.content])

    return asyncio.run(run())


def pycurl_unary(url: str) -> Result:
    """With `Expect: 100-continue`, as curl sends it for large bodies."""
    import pycurl

    out, head = io.BytesIO(), io.BytesIO()
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, f"{url}/v1/chat/completions")
    curl.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json", "Expect: 100-continue"])
    curl.setopt(pycurl.POSTFIELDS, json.dumps({**ASK, **EXTRA}))
    curl.setopt(pycurl.WRITEDATA, out)
    curl.setopt(pycurl.WRITEHEADER, head)
    curl.perform()
    status = curl.getinfo(pycurl.RESPONSE_CODE)
    curl.close()
    return status, steady(json.loads(out.getvalue()))


def pycurl_stream(url: str) -> Result:
    import pycurl

    out = io.BytesIO()
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, f"{url}/v1/chat/completions")
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2_0)  # sends `Upgrade: h2c`
    curl.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json"])
    curl.setopt(pycurl.POSTFIELDS, json.dumps({**ASK, **EXTRA, "stream": True}))
    curl.setopt(pycurl.WRITEDATA, out)
    curl.perform()
    curl.close()
    return events(out.getvalue().decode().splitlines())


QUICK: Final[tuple[Client, ...]] = (
    openai_unary,
    openai_stream,
    openai_error,
    anthropic_stream,
    httpx_unary,
    requests_stream,
    aiohttp_stream,
    pycurl_unary,
)
MORE: Final[tuple[Client, ...]] = (
    openai_async,
    anthropic_unary,
    httpx_stream,
    requests_unary,
    aiohttp_unary,
    pycurl_stream,
)


def openai_abort(url: str) -> None:
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        ask = {key: value for key, value in LONG.items() if key != "ignore_eos"}
        with client.chat.completions.create(**ask, extra_body={"ignore_eos": True}) as stream:
            for _, _chunk in zip(range(3), stream, strict=False):
                pass


def httpx_abort(url: str) -> None:
    import httpx

    with httpx.stream("POST", f"{url}/v1/chat/completions", json=LONG, timeout=60) as answer:
        next(answer.iter_raw())


def requests_abort(url: str) -> None:
    import requests

    with requests.post(f"{url}/v1/chat/completions", json=LONG, stream=True, timeout=60) as answer:
        next(answer.iter_content(1))


def aiohttp_abort(url: str) -> None:
    import aiohttp

    async def run() -> None:
        async with aiohttp.ClientSession() as session, session.post(f"{url}/v1/chat/completions", json=LONG) as answer:
            await answer.content.readany()
            answer.close()

    asyncio.run(run())


def pycurl_abort(url: str) -> None:
    import pycurl

    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, f"{url}/v1/chat/completions")
    curl.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json"])
    curl.setopt(pycurl.POSTFIELDS, json.dumps(LONG))
    curl.setopt(pycurl.WRITEFUNCTION, lambda _data: -1)  # refuses the first bytes
    try:
        curl.perform()
    except pycurl.error:
        pass
    curl.close()


QUICK_ABORTS: Final = (openai_abort, aiohttp_abort)
MORE_ABORTS: Final = (httpx_abort, requests_abort, pycurl_abort)
