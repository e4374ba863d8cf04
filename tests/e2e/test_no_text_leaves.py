"""Texts, users, tools and credentials are planted in real traffic, and then looked for wherever Groundwire writes."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.support import Groundwire, groundwire, until

PLANTED = {
    "prompt": "Please tell me how the zqvxkjwqa lever works in a small workshop.",
    "system": "You are the helpful zqvxkjwqb of a quiet library.",
    "user": "zqvxkjwqc-4711",
    "tool": "zqvxkjwqd_lookup",
    "credential": "sk-zqvxkjwqe",
    "tenant": "zqvxkjwqf",
    "answer": "A zqvxkjwqg turns around a fixed point, so that a small force far away lifts a large load close to it.",
    "response": "chatcmpl-zqvxkjwqh",
}
SETTINGS = {
    "discovery": {"interval_s": 1},
    "pane_s": 1,
    "close_lag_s": 1,
    "log_level": "debug",
    "policies": {"shadow": ["strict"]},
}
PAGES = ("routes", "log", "status", "policies", "policies/diff")


@pytest.fixture
def model() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            base = {"id": "base-model", "object": "model", "root": "base", "parent": None}
            adapter = {**base, "id": "support-lora", "root": "lora", "parent": "base-model"}
            self._send(200, {"object": "list", "data": [base, adapter]})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if b'"broken"' in body:
                self._send(500, {"error": {"message": PLANTED["answer"]}})
                return
            message = {"role": "assistant", "content": PLANTED["answer"]}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._send(200, {"id": PLANTED["response"], "model": "support-lora", "choices": [choice]})

        def _send(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def ask(wire: Groundwire, number: int, **more: Any) -> None:
    tool = {"type": "function", "function": {"name": PLANTED["tool"], "parameters": {"type": "object"}}}
    messages = [
        {"role": "system", "content": PLANTED["system"]},
        {"role": "user", "content": f"{PLANTED['prompt']} {number}"},
    ]
    body = {"model": "support-lora", "messages": messages, "user": PLANTED["user"], "tools": [tool], **more}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {PLANTED['credential']}"}
    headers["X-Tenant"] = PLANTED["tenant"]
    data = json.dumps(body).encode() if number else PLANTED["prompt"].encode() + b'"model": "support-lora"'
    try:
        urlopen(Request(f"{wire.data}/v1/chat/completions", data, headers), timeout=30).read()
    except HTTPError as wrong:
        wrong.close()


def disguises(text: str) -> Iterator[bytes]:
    """A word of the text as it stands, as base64 might hold it, and digests that nobody needs a key for."""
    word = next(word for word in text.replace("-", " ").split() if "zqv" in word).encode()
    yield word
    yield from (base64.b64encode(b"x" * skip + word)[4:-4] for skip in range(3))
    for name in ("md5", "sha1", "sha256"):
        yield hashlib.new(name, text.encode()).hexdigest()[:24].encode()
        yield hashlib.new(name, text.encode()).digest()[:16]


def assessed(wire: Groundwire) -> bool:
    routes = wire.control.get("/v1/routes")["routes"]
    return bool(routes and routes[0]["counts"]["assessed"] >= 10)


def test_what_was_planted_is_found_nowhere(tmp_path: Path, model: str) -> None:
    folder = tmp_path / "state"
    with groundwire(folder, model, SETTINGS) as wire:
        until(lambda: wire.control.get("/v1/routes")["routes"], "the route")
        numbers = iter(range(1, 10_000))

        def enough() -> bool:
            ask(wire, next(numbers))
            return assessed(wire)

        until(enough, "assessed answers")
        ask(wire, 0)
        ask(wire, next(numbers), broken=True)
        until(lambda: wire.get(f"{wire.analysis_health}/readyz")[0] == 200, "analysis")
        said = [wire.get(f"{url}/metrics")[1] for url in (wire.health, wire.analysis_health)]
        said += [json.dumps(wire.control.get(f"/v1/{page}")) for page in PAGES]
    written = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".yaml"}
    assert {"groundwire.db", "enforcement.json", "serve.log", "prompt.key"} <= {path.name for path in written}
    written |= {Path(f"answer {number}"): text.encode() for number, text in enumerate(said)}
    assert b"support-lora" in b"".join(written.values()), "the search can find something"
    found = [
        (what, str(path))
        for what, text in PLANTED.items()
        for path, data in written.items()
        if any(one in data for one in disguises(text))
    ]
    assert found == []
