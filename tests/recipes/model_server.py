"""A model server for the recipes: it lists an adapter with its parent, streams when asked, fails when told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.http_server import QuietHandler, serving

BASE, CANDIDATE, SPARE = "base-model", "support-lora", "spare-model"
WORDS = ("A", " green", " apple", ".")
PATIENCE_S = 60.0


@dataclass(slots=True)
class Asked:
    """One request, as it came; field names in lower case."""

    model: str
    fields: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(slots=True)
class ModelServer:
    """What it was asked, and how it behaves. A stream waits before its second event until `gate` is set."""

    url: str = ""
    gate: threading.Event = field(default_factory=threading.Event)
    asked: list[Asked] = field(default_factory=list)
    status: dict[str, int] = field(default_factory=dict)  # what a model answers instead of words

    def __post_init__(self) -> None:
        self.gate.set()

    def models_asked(self) -> list[str]:
        """Which model each request named, in order of arrival."""
        return [one.model for one in self.asked]


class _Handler(QuietHandler):
    model: ModelServer

    def do_GET(self) -> None:
        data = [{"id": one, "object": "model", "parent": None} for one in (BASE, SPARE)]
        data.append({"id": CANDIDATE, "object": "model", "parent": BASE})
        self.answer_json(200, {"object": "list", "data": data})

    def do_POST(self) -> None:
        body = json.loads(self.body())
        self.model.asked.append(
            Asked(body["model"], {name.lower(): value for name, value in self.headers.items()}, body)
        )
        status = self.model.status.get(body["model"], 200)
        if status != 200:
            self.answer_json(status, {"error": {"message": f"made to answer {status}", "type": "made", "code": status}})
        elif body.get("stream"):
            self._stream(body["model"])
        else:
            said = {"role": "assistant", "content": "".join(WORDS)}
            choice = {"index": 0, "message": said, "finish_reason": "stop"}
            usage = {"prompt_tokens": 3, "completion_tokens": len(WORDS), "total_tokens": 3 + len(WORDS)}
            head = {"id": "c", "object": "chat.completion", "created": 1, "model": body["model"]}
            self.answer_json(200, {**head, "choices": [choice], "usage": usage})

    def _stream(self, model: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model}
        for number, word in enumerate(WORDS):
            if number == 1:
                assert self.model.gate.wait(PATIENCE_S)
            delta = {"index": 0, "delta": {"content": word}, "finish_reason": None}
            self._event({**head, "choices": [delta]})
        self._event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _event(self, body: Mapping[str, Any]) -> None:
        self._chunk(b"data: " + json.dumps(body).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """A running one, on a free port of loopback."""
    model = ModelServer()
    handler = type("Handler", (_Handler,), {"model": model})
    with serving(handler) as port:
        model.url = f"http://127.0.0.1:{port}"
        try:
            yield model
        finally:
            model.gate.set()
