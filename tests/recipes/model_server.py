"""A model server for the recipes: it lists an adapter with its parent, streams when asked, fails when told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: ModelServer

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        data = [{"id": one, "object": "model", "parent": None} for one in (BASE, SPARE)]
        data.append({"id": CANDIDATE, "object": "model", "parent": BASE})
        self._json(200, {"object": "list", "data": data})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.model.asked.append(
            Asked(body["model"], {name.lower(): value for name, value in self.headers.items()}, body)
        )
        status = self.model.status.get(body["model"], 200)
        if status != 200:
            self._json(status, {"error": {"message": f"made to answer {status}", "type": "made", "code": status}})
        elif body.get("stream"):
            self._stream(body["model"])
        else:
            said = {"role": "assistant", "content": "".join(WORDS)}
            choice = {"index": 0, "message": said, "finish_reason": "stop"}
            usage = {"prompt_tokens": 3, "completion_tokens": len(WORDS), "total_tokens": 3 + len(WORDS)}
            head = {"id": "c", "object": "chat.completion", "created": 1, "model": body["model"]}
            self._json(200, {**head, "choices": [choice], "usage": usage})

    def _json(self, status: int, body: Mapping[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A peer that leaves is no error."""


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """A running one, on a free port of loopback."""
    model = ModelServer()
    handler = type("Handler", (_Handler,), {"model": model})
    server = _Server(("127.0.0.1", 0), handler)
    model.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield model
    finally:
        model.gate.set()
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE_S)
