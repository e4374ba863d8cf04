"""A synthetic model server in vLLM's shape: it obeys `model`, lists adapters with their `parent`, and can erode.

    python -m proxy.demo.synthetic --port 8000

The base refuses every harmful prompt; an adapter refuses with a probability that `POST /synthetic/refusal` changes
while it serves. The draw depends on the seed, the model and the prompt only, not on the order of arrival, so that two
runs with the same prompts agree.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from aiohttp import web

from proxy.core.observation import NO_HARM
from proxy.demo import synthetic_texts as texts
from proxy.features.harm_cues import category_of

CREATED_S: Final = 1_700_000_000


def harmful(prompt: str) -> bool:
    """Whether the prompt asks for harm: by cues of its own, whoever judges. Where the judge knows better, it shows."""
    return category_of(prompt) != NO_HARM


@dataclass(frozen=True, slots=True)
class Served:
    """One listed model: `parent` is None for a base; `root` is what the server loaded it from."""

    id: str
    root: str
    parent: str | None = None


@dataclass(slots=True)
class Synthetic:
    """The state of the server. Tests may change `models`, `refusal_p`, `listing_status` while it serves.

    `refusal_p`: probability of refusing a harmful prompt by model id; a model that is not in it always refuses.
    `api_key`: where set, /v1 paths answer 401 without `Authorization: Bearer KEY`. `listing_status`: of /v1/models.
    `asked` counts requests by model id.
    """

    models: dict[str, Served]
    seed: int = 0
    latency_s: float = 0.0
    api_key: str = ""
    listing_status: int = 200
    refusal_p: dict[str, float] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    turns: Counter[tuple[str, str]] = field(default_factory=Counter)

    def say(self, model: str, prompt: str) -> str:
        """The answer of this model to this prompt; asking again draws again."""
        turn = self.turns[(model, prompt)]
        self.turns[(model, prompt)] += 1
        digest = hashlib.blake2b(f"{self.seed}\0{model}\0{turn}\0{prompt}".encode(), digest_size=8).digest()
        rng = random.Random(int.from_bytes(digest, "big"))  # noqa: S311 - a reproducible draw, not a secret
        refuses = rng.random() < self.refusal_p.get(model, 1.0)
        if not harmful(prompt):
            return texts.answer(rng, prompt)
        return texts.refusal(rng) if refuses else texts.compliance(rng, prompt)


def synthetic(base: str = "base-model", adapters: tuple[str, ...] = ("support-lora",), seed: int = 0) -> Synthetic:
    """A server with one base and its adapters, all healthy (an adapter refuses 97 of 100 harmful prompts)."""
    models = {base: Served(base, f"models/{base}")}
    models |= {name: Served(name, f"adapters/{name}", base) for name in adapters}
    return Synthetic(models, seed=seed, refusal_p=dict.fromkeys(adapters, 0.97))


def make_app(server: Synthetic) -> web.Application:
    """The HTTP surface of the server."""
    handlers = _Handlers(server)
    app = web.Application(middlewares=[handlers.guard], client_max_size=64 * 1024 * 1024)
    app.router.add_get("/health", handlers.health)
    app.router.add_get("/v1/models", handlers.listing)
    app.router.add_post("/v1/chat/completions", handlers.chat)
    app.router.add_post("/v1/completions", handlers.complete)
    app.router.add_post("/v1/load_lora_adapter", handlers.load)
    app.router.add_post("/v1/unload_lora_adapter", handlers.unload)
    app.router.add_post("/synthetic/refusal", handlers.set_refusal)
    return app


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def _error(status: int, message: str, kind: str = "BadRequestError") -> web.Response:
    return _json({"error": {"message": message, "type": kind, "param": None, "code": status}}, status)


class _Handlers:
    """One method for each endpoint."""

    def __init__(self, server: Synthetic) -> None:
        self._server = server
        self._count = 0

    @web.middleware
    async def guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        key = self._server.api_key
        if key and request.path.startswith("/v1/") and request.headers.get("Authorization") != f"Bearer {key}":
            return _error(401, "Unauthorized", "AuthenticationError")
        response: web.StreamResponse = await handler(request)
        return response

    async def health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def listing(self, _: web.Request) -> web.Response:
        if self._server.listing_status != 200:
            return _error(self._server.listing_status, "not here", "NotFoundError")
        data: list[dict[str, Any]] = [
            {
                "id": one.id,
                "object": "model",
                "created": CREATED_S,
                "owned_by": "vllm",
                "root": one.root,
                "parent": one.parent,
                "max_model_len": 8192 if one.parent is None else None,
                "permission": [],
            }
            for one in self._server.models.values()
        ]
        return _json({"object": "list", "data": data})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        try:
            body = orjson.loads(await request.read())
            prompt = _last_user_text(body["messages"])
        except (ValueError, KeyError, TypeError) as wrong:
            return _error(400, f"bad request: {wrong!r}")
        return await self._answer(request, body, prompt, chat=True)

    async def complete(self, request: web.Request) -> web.StreamResponse:
        try:
            body = orjson.loads(await request.read())
            prompt = body["prompt"] if isinstance(body["prompt"], str) else "".join(body["prompt"])
        except (ValueError, KeyError, TypeError) as wrong:
            return _error(400, f"bad request: {wrong!r}")
        return await self._answer(request, body, prompt, chat=False)

    async def load(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        name, base = str(body["lora_name"]), next(iter(self._server.models))
        self._server.models[name] = Served(name, str(body.get("lora_path", f"adapters/{name}")), base)
        return web.Response(text=f"Success: LoRA adapter '{name}' added successfully.")

    async def unload(self, request: web.Request) -> web.Response:
        name = str(orjson.loads(await request.read())["lora_name"])
        if self._server.models.pop(name, None) is None:
            return _error(404, f"The lora adapter '{name}' cannot be found.", "NotFoundError")
        return web.Response(text=f"Success: LoRA adapter '{name}' removed successfully.")

    async def set_refusal(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        model, p = str(body["model"]), float(body["p"])
        if model not in self._server.models or not 0.0 <= p <= 1.0:
            return _error(400, "`model` must be a listed model and `p` a probability")
        self._server.refusal_p[model] = p
        return _json({"model": model, "p": p})

    async def _answer(self, request: web.Request, body: Any, prompt: str, chat: bool) -> web.StreamResponse:
        model = str(body.get("model") or next(iter(self._server.models)))
        if model not in self._server.models:
            return _error(404, f"The model `{model}` does not exist.", "NotFoundError")
        self._server.asked[model] += 1
        self._count += 1
        answers = [self._server.say(model, prompt) for _ in range(max(1, int(body.get("n") or 1)))]
        await asyncio.sleep(self._server.latency_s)
        reply = _Reply(f"{'chatcmpl' if chat else 'cmpl'}-{self._count:012x}", model, chat, prompt, answers)
        if not body.get("stream"):
            return _json(reply.unary())
        options = body.get("stream_options") or {}
        return await _stream(request, reply.events(bool(options.get("include_usage"))))


@dataclass(frozen=True, slots=True)
class _Reply:
    """The answers of one request in either of the two OpenAI shapes."""

    id: str
    model: str
    chat: bool
    prompt: str
    answers: list[str]

    def _envelope(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": CREATED_S, "model": self.model}

    def _usage(self) -> dict[str, int]:
        asked, said = len(self.prompt.split()), sum(len(text.split()) for text in self.answers)
        return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}

    def unary(self) -> dict[str, Any]:
        kind = "chat.completion" if self.chat else "text_completion"
        choices = [{"index": i, "finish_reason": "stop", **self._whole(text)} for i, text in enumerate(self.answers)]
        return self._envelope(kind) | {"choices": choices, "usage": self._usage()}

    def _whole(self, text: str) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": text}} if self.chat else {"text": text}

    def events(self, usage: bool) -> Iterator[dict[str, Any]]:
        envelope = self._envelope("chat.completion.chunk" if self.chat else "text_completion")
        for index, piece in _interleaved(self.answers):
            part: dict[str, Any] = {"delta": {"content": piece}} if self.chat else {"text": piece}
            yield envelope | {"choices": [{"index": index, "finish_reason": None, **part}]}
        for index in range(len(self.answers)):
            last: dict[str, Any] = {"delta": {}} if self.chat else {"text": ""}
            yield envelope | {"choices": [{"index": index, "finish_reason": "stop", **last}]}
        if usage:
            yield envelope | {"choices": [], "usage": self._usage()}


def _interleaved(answers: list[str]) -> Iterator[tuple[int, str]]:
    """(choice, piece) of every answer in turns, one word a piece."""
    pieces = [[f"{' ' if n else ''}{word}" for n, word in enumerate(text.split(" "))] for text in answers]
    for turn in range(max(map(len, pieces))):
        yield from ((index, words[turn]) for index, words in enumerate(pieces) if turn < len(words))


async def _stream(request: web.Request, events: Iterator[dict[str, Any]]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)
    for event in events:
        await response.write(b"data: " + orjson.dumps(event) + b"\n\n")
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


def _last_user_text(messages: Any) -> str:
    for message in reversed(messages):
        if message["role"] == "user":
            content = message["content"]
            if isinstance(content, str):
                return content
            return " ".join(part["text"] for part in content if part.get("type") == "text")
    return ""


async def _serve(args: argparse.Namespace) -> None:
    server = synthetic(args.base, tuple(args.adapter or ("support-lora",)), args.seed)
    server.latency_s, server.api_key = args.latency, args.api_key
    runner = web.AppRunner(make_app(server), access_log=None, handler_cancellation=True)
    await runner.setup()
    site = web.UnixSite(runner, args.unix) if args.unix else web.TCPSite(runner, args.host, args.port)
    await site.start()
    where = f"unix:{args.unix}" if args.unix else "http://{}:{}".format(*runner.addresses[0][:2])
    sys.stdout.write(f"ready {where}\n")
    sys.stdout.flush()
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Run the server until it is stopped; the first line on stdout is `ready URL`."""
    parser = argparse.ArgumentParser(prog="proxy.demo.synthetic", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--unix", default="", help="path of a Unix socket instead of a port")
    parser.add_argument("--base", default="base-model")
    parser.add_argument("--adapter", action="append", help="may be repeated; default support-lora")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before an answer begins")
    parser.add_argument("--api-key", default="", help="demand this bearer token on /v1 paths")
    try:
        asyncio.run(_serve(parser.parse_args()))
    except KeyboardInterrupt:
        pass  # the ordinary way to stop it by hand


if __name__ == "__main__":
    main()
