"""Texts, users, tools and credentials are planted in real traffic, and then looked for wherever Groundwire writes:
the log of both processes with every library at debug, metrics, the control API, the folder of state, a shared store's
disk, spans, events and metrics over OTLP, and what `doctor`, `explain`, `route`, `baseline` and `policy` print.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from proxy.cli import main
from tests.contracts import redis_servers
from tests.e2e.otlp_receiver import http_receiver
from tests.http_server import QuietHandler, serving
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
    "log_libraries_level": "debug",
    "policies": {"shadow": ["strict"]},
}
QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_BLRP_SCHEDULE_DELAY": "100", "OTEL_METRIC_EXPORT_INTERVAL": "1000"}
PAGES = ("routes", "log", "status", "policies", "policies/diff")


@pytest.fixture
def model() -> Iterator[str]:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            base = {"id": "base-model", "object": "model", "root": "base", "parent": None}
            adapter = {**base, "id": "support-lora", "root": "lora", "parent": "base-model"}
            self.answer_json(200, {"object": "list", "data": [base, adapter]})

        def do_POST(self) -> None:
            if b'"broken"' in self.body():
                self.answer_json(500, {"error": {"message": PLANTED["answer"]}})
                return
            message = {"role": "assistant", "content": PLANTED["answer"]}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self.answer_json(200, {"id": PLANTED["response"], "model": "support-lora", "choices": [choice]})

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"


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


def talk(wire: Groundwire) -> str:
    """Planted texts through every door: answered, refused, broken; then an order, so that there is a record."""
    until(lambda: wire.control.get("/v1/routes")["routes"], "the route")
    numbers = iter(range(1, 10_000))

    def enough() -> bool:
        ask(wire, next(numbers))
        return assessed(wire)

    until(enough, "assessed answers")
    ask(wire, 0)
    ask(wire, next(numbers), broken=True)
    feedback = {"response_id": PLANTED["response"], "score": 0}
    wire.control.post("/v1/feedback", feedback)
    until(lambda: wire.get(f"{wire.analysis_health}/readyz")[0] == 200, "analysis")
    order = {"actor": "kim", "reason": "a drill", "force": True}
    until(lambda: wire.control.post("/v1/routes/support-lora/revert", order), "the order")
    ask(wire, next(numbers))
    return str(until(lambda: wire.control.get("/v1/routes/support-lora")["enforcement_id"], "the record"))


def printed(wire: Groundwire, record: str) -> Iterator[tuple[str, str]]:
    """What the commands of an operator print."""
    folder = ("--state-dir", str(wire.folder))
    for words in (
        ("doctor", "--config", str(wire.folder / "groundwire.yaml")),
        ("doctor", "--config", str(wire.folder / "groundwire.yaml"), "--json"),
        ("explain", record, *folder),
        ("explain", record, "--json", *folder),
        ("route", "show", "support-lora", *folder),
        ("baseline", "list", "support-lora", *folder),
        ("policy", "show", *folder),
        ("log", *folder),
    ):
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            code = main(words)
        assert code == 0, (words, out.getvalue())
        yield " ".join(words), out.getvalue()


def said(wire: Groundwire, record: str) -> dict[Path, bytes]:
    """Everything that can be asked of a running one."""
    pages = {f"{url}/metrics": wire.get(f"{url}/metrics")[1] for url in (wire.health, wire.analysis_health)}
    paths = (*PAGES, "routes/support-lora", f"explain/{record}", "baselines?route=support-lora")
    pages |= {f"/v1/{path}": json.dumps(wire.control.get(f"/v1/{path}")) for path in paths}
    pages |= dict(printed(wire, record))
    return {Path(name): text.encode() for name, text in pages.items()}


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".yaml"}


def leaked(written: Mapping[Path, bytes]) -> set[tuple[str, str]]:
    """(what was planted, where it was found). A response's id is to be in its span, and nowhere else."""
    assert b"support-lora" in b"".join(written.values()), "the search can find something"
    return {
        (what, str(path))
        for what, text in PLANTED.items()
        for path, data in written.items()
        if any(one in data for one in disguises(text))
    }


def test_what_was_planted_is_found_nowhere(tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "state"
    with http_receiver() as received:
        for name, value in {**QUICK, "OTEL_EXPORTER_OTLP_ENDPOINT": received.url}.items():
            monkeypatch.setenv(name, value)
        with groundwire(folder, model, SETTINGS) as wire:
            record = talk(wire)
            written = said(wire, record)
            until(lambda: received.spans and received.records and received.others, "spans, events and metrics")
        raw = [*received.raw, *received.others]
    written |= files(folder) | {Path(f"OTLP {number}"): data for number, data in enumerate(raw)}
    names = {path.name for path in written}
    assert {"groundwire.db", "enforcement.json", "serve.log", "prompt.key", "OTLP 0"} <= names
    lines = [json.loads(line) for line in (folder / "serve.log").read_text().splitlines()]
    assert {"traffic", "analysis"} <= {line["process"] for line in lines}, "every line of both is one JSON object"
    assert {"debug", "info"} <= {line["level"] for line in lines}
    assert leaked(written) - {("response", name) for name in map(str, written) if name.startswith("OTLP")} == set()


def test_nor_in_a_shared_store(tmp_path: Path, model: str) -> None:
    """Redis writes its whole content down uncompressed, and every command that it was sent."""
    disk, folder = tmp_path / "redis", tmp_path / "state"
    disk.mkdir()
    options = ("--rdbcompression", "no", "--appendonly", "yes")
    with redis_servers.serving(redis_servers.redis_binary(), disk, *options) as server:
        shared = {**SETTINGS, "store": {"kind": "redis", "url": server.url, "timeout_s": 5}}
        with groundwire(folder, model, shared) as wire:
            written = said(wire, talk(wire))
        server.ask("SAVE")
    written |= files(folder) | files(disk)
    assert "dump.rdb" in {path.name for path in written}
    route = base64.b32encode(b"support-lora").rstrip(b"=")
    assert any(route in data for path, data in written.items() if path.name == "dump.rdb"), "it holds the route's keys"
    assert leaked(written) == set()
