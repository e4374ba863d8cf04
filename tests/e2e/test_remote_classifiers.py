"""`groundwire serve` with a remote classifier: it gets masked texts only, and its outage changes nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.support import Groundwire, groundwire, samples, until

FAST = {"discovery": {"interval_s": 1}, "pane_s": 1, "close_lag_s": 30}
MAIL = "robin.smith@" + "mail.example.com"
CARD = " ".join(["4111", "1111", "1111", "1111"])  # the payment industry's own test number
KEY = "sk-" + "test" * 5
PATIENT = {
    "name": "guard",
    "kind": "llama_guard",
    "model": "llama-guard-3-8b",
    "share": 1,
    "requests_per_minute_max": 600,
}


class Judge(ThreadingHTTPServer):
    """A guard model's server: keeps what it was asked; judges, or breaks while `broken`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), JudgeHandler)
        self.asked: list[str] = []
        self.broken = False


class JudgeHandler(BaseHTTPRequestHandler):
    server: Judge

    def do_POST(self) -> None:
        self.server.asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        choice = {"message": {"role": "assistant", "content": "\n\nunsafe\nS7"}, "finish_reason": "stop"}
        data = b"<html>" if self.server.broken else json.dumps({"choices": [choice]}).encode()
        self.send_response(500 if self.server.broken else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@contextmanager
def judge() -> Iterator[Judge]:
    server = Judge()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def ask(wire: Groundwire, text: str) -> bytes:
    body = json.dumps({"model": "support-lora", "messages": [{"role": "user", "content": text}]}).encode()
    request = Request(f"{wire.data}/v1/chat/completions", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as answer:
        assert answer.status == 200
        return bytes(answer.read())


def metric(wire: Groundwire, name: str) -> float:
    return sum(samples(wire.get(f"{wire.analysis_health}/metrics")[1], f"groundwire_{name}"))


def assessed(wire: Groundwire) -> float:
    return metric(wire, 'analysis_observations_total{route="support-lora",outcome="ok"}')


def test_it_gets_masked_texts_only_and_its_outage_changes_nothing(tmp_path: Path, upstream: str) -> None:
    with judge() as guard:
        (tmp_path / "key").write_text(KEY)
        remote = {**PATIENT, "url": f"http://127.0.0.1:{guard.server_port}", "key_file": str(tmp_path / "key")}
        settings = {**FAST, "classifiers": {"enabled": False, "remote": [remote]}}
        with groundwire(tmp_path / "state", upstream, settings) as wire:
            until(lambda: wire.get(f"{wire.analysis_health}/readyz")[0] == 200, "analysis")
            until(lambda: ask(wire, "What is the capital of France?") and assessed(wire), "the first assessment")

            text = f"Please write to {MAIL} about my card {CARD}, which I lost on a train last week."
            ask(wire, text)
            until(lambda: any("lost on a train" in one for one in guard.asked), "the question at the guard")
            for sent in guard.asked:
                assert MAIL not in sent
                assert CARD not in sent
            until(lambda: metric(wire, "remote_flagged_total") >= 1, "a judgement that counts")

            guard.broken = True
            before = assessed(wire)
            for number in range(20):
                ask(wire, f"Tell me fact number {number} about the sea and its tides.")
            until(lambda: assessed(wire) >= before + 20, "all twenty assessed")
            until(lambda: metric(wire, "remote_unavailable_total") >= 15, "their failures")
            until(lambda: metric(wire, 'remote_breaker_state{classifier="guard",state="open"}') == 1, "an open breaker")
            asked = len(guard.asked)
            ask(wire, "One more, please, about mountains and valleys.")
            until(lambda: assessed(wire) >= before + 21, "the next assessment")
            assert len(guard.asked) == asked, "a server that is down is left alone"
            assert metric(wire, "analysis_skipped_total") == 0
        log = wire.log.read_text()
    assert "remote_classifier_down" in log
    for secret in (KEY, MAIL, CARD, "lost on a train"):
        assert secret not in log
