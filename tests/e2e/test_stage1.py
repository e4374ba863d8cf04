"""The classifier end to end: real processes, the model that ships, an upstream whose answers change."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from proxy.demo import prompts
from proxy.features.judge import JUDGE_VERSION
from tests.support import Groundwire, groundwire, until
from tests.unit.classifiers import folders

SETTINGS = {"discovery": {"interval_s": 1}, "pane_s": 1, "close_lag_s": 4}
HARMFUL = [prompt.text for prompt in prompts.harmful(prompts.DEMO, prompts.FRAMES, 3)]
HARMLESS = [prompt.text for prompt in prompts.harmless_demo(3)]
REFUSAL = "I'm sorry, but I can't help with that. It could hurt someone."
ANSWER = "Start with warm water and a clean bowl. Stir it slowly, let it rest for an hour, and then it is ready."
INSULT = "Shut up, you stupid worthless idiot. Everybody hates you, you ugly piece of garbage, so get lost."
MAIL = "ada.miller@" + "mailbox.example"  # invented
PHONE = "212-" + "555-0143"  # of the range kept for fiction


@dataclass
class Model:
    """A model server with a base and its adapter; a test sets what it says to a prompt."""

    say: Callable[[str], str]
    asked: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.asked += 1
        message = {"role": "assistant", "content": self.say(body["messages"][-1]["content"])}
        return {"model": body["model"], "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


def listing() -> dict[str, Any]:
    base = {"id": "base-model", "object": "model", "root": "base", "parent": None}
    return {"object": "list", "data": [base, {**base, "id": "support-lora", "root": "lora", "parent": "base-model"}]}


@pytest.fixture
def model() -> Iterator[tuple[Model, str]]:
    served = Model(lambda prompt: REFUSAL if prompt.partition(" Answer ")[0] in HARMFUL else ANSWER)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(listing())

        def do_POST(self) -> None:
            self._send(served.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

        def _send(self, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield served, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def ask(wire: Groundwire, text: str) -> str:
    body = json.dumps({"model": "support-lora", "messages": [{"role": "user", "content": text}]}).encode()
    request = Request(f"{wire.data}/v1/chat/completions", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=60) as answer:
        assert answer.status == 200
        return str(json.load(answer)["choices"][0]["message"]["content"])


def route(wire: Groundwire) -> dict[str, Any]:
    routes: list[dict[str, Any]] = wire.control.get("/v1/routes")["routes"]
    found = [one for one in routes if one["name"] == "support-lora"]
    if not found:
        raise RuntimeError("the route is not discovered yet")
    return found[0]


def metric(wire: Groundwire, line: str) -> float:
    """The value of a metric with its labels; 0 where it is not there."""
    page = wire.get(f"{wire.analysis_health}/metrics")[1]
    return next((float(one.rpartition(" ")[2]) for one in page.splitlines() if one.startswith(line)), 0.0)


def judge(wire: Groundwire) -> str:
    page = wire.get(f"{wire.analysis_health}/metrics")[1]
    return page.partition('groundwire_classifier_info{version="')[2].partition('"')[0]


def endless(texts: list[str]) -> Iterator[str]:
    """Each text once, then once more with a word that makes it another: what is repeated counts once."""
    yield from texts
    yield from (f"{text} Answer {number}." for number in count(2) for text in texts)


@pytest.mark.timeout(300)
def test_answers_that_turn_toxic_raise_the_line_and_a_leak_is_flagged(tmp_path: Path, model: tuple[Model, str]) -> None:
    served, url = model
    policy = tmp_path / "policy.yaml"
    policy.write_text(yaml.safe_dump({"mode": "enforce", "baseline": {"closes_at": 40, "provisional_reverts": True}}))
    settings = {**SETTINGS, "policy": str(policy), "classifiers": {"enabled": True}}
    harmful, harmless = endless(HARMFUL), endless(HARMLESS)
    with groundwire(tmp_path, url, settings) as wire:
        until(lambda: route(wire)["status"] == "learning", "the route")
        until(lambda: judge(wire).startswith("guard-small@"), "the model")

        def learnt() -> bool:
            for text in (next(harmful), next(harmless), next(harmless)):
                ask(wire, text)
            return bool(route(wire)["baseline"]["status"] != "learning")

        until(learnt, "a baseline")
        calm = route(wire)
        assert calm["step"] == "steady"
        assert calm["window"]["signals"]["toxicity"]["rate"] == 0.0
        assert metric(wire, 'groundwire_answers_flagged_total{route="support-lora",signal="toxicity"}') == 0

        number = count()
        served.say = lambda _: f"{INSULT} That was number {next(number)}. Write to {MAIL} or call {PHONE}."

        def watched() -> Any:
            ask(wire, next(harmless))
            tests = {one["metric"]: one for one in route(wire)["tests"] if one["line"] == "warning"}
            return tests if tests.get("toxicity", {"status": ""})["status"] == "crossed" else None

        found = until(watched, "the toxicity line")["toxicity"]
        assert found["baseline"] < found["m"] < found["estimate"]
        now = until(lambda: one if (one := route(wire))["step"] != "steady" else None, "the step")
        # More than medium as soon as the tail of toxicity is above its critical line too.
        assert now["severity"] in {"medium", "high", "critical"}
        why = wire.control.get(f"/v1/explain/{now['enforcement_id']}")["text"]
        assert "above its" in why
        assert metric(wire, 'groundwire_sensitive_found_total{route="support-lora",type="EMAIL_ADDRESS"}') >= 1
        assert metric(wire, 'groundwire_answers_flagged_total{route="support-lora",signal="sensitive"}') >= 1
        assert MAIL not in wire.log.read_text()
        assert resident_mib(wire.analysis_pid()) <= 350


def resident_mib(process_id: int) -> float:
    status = Path(f"/proc/{process_id}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def test_a_corrupt_model_stops_nothing_and_a_whole_one_takes_over_under_traffic(
    tmp_path: Path, model: tuple[Model, str]
) -> None:
    folder = folders.make(tmp_path / "model")
    whole = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(whole[: len(whole) // 2])
    settings = {**SETTINGS, "classifiers": {"enabled": True, "model": str(folder)}}
    with groundwire(tmp_path / "state", model[1], settings) as wire:
        until(lambda: route(wire)["status"] == "learning", "the route")
        ready = until(lambda: wire.get(f"{wire.analysis_health}/readyz")[1], "readiness of analysis")
        assert ready.startswith("ok, degraded: ")
        assert str(folder / "model.onnx") in ready
        assert "classifier_refused" in wire.log.read_text()
        assert judge(wire) == JUDGE_VERSION
        assert metric(wire, "groundwire_classifier_degraded") == 1

        texts = endless(HARMLESS)
        until(lambda: ask(wire, next(texts)) and route(wire)["counts"]["assessed"], "an assessed answer")
        (folder / "model.onnx").write_bytes(whole)
        until(lambda: ask(wire, next(texts)) and judge(wire).startswith("tiny@3"), "the whole model")
        until(lambda: ask(wire, next(texts)) and metric(wire, "groundwire_classifier_items_total"), "its first scores")
        assert wire.get(f"{wire.analysis_health}/readyz")[1] == "ok\n"
        folders.make(folder, version="4")
        until(lambda: ask(wire, next(texts)) and judge(wire).startswith("tiny@4"), "the next version")
        assert metric(wire, 'groundwire_analysis_skipped_total{reason="fault"}') == 0
        assert metric(wire, 'groundwire_classifier_changes_total{result="loaded"}') == 2
