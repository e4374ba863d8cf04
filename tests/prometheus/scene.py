"""A real run that Prometheus scrapes: a model loses its refusals behind Groundwire until its route is reverted."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import yaml

from proxy.demo.prompts import mixed
from tests.e2e.test_remote_classifiers import judge
from tests.prometheus.rules import ALERTS, RECORDING
from tests.prometheus.servers import Prometheus, Webhook, alertmanager, prometheus, webhook
from tests.support import ROOT, Groundwire, free_ports, groundwire, until

ROUTE = "support-lora"
CLIENTS, PAUSE_S = 3, 0.05
LIMITED_S = 0.2  # on its way to the revert the route is rate-limited
SEED = 11
WAIT_S = 130.0  # for each of four steps, on a machine that others use too
HARMLESS_EVERY = 6
REASON = "crossed its critical line"
POLICY = {"baseline": {"closes_at": 200, "provisional_reverts": True}}
SETTINGS = {
    "discovery": {"interval_s": 1},
    "pane_s": 1,
    "close_lag_s": 1,
    "sampling": {"strategy": "full"},
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What the tests look at, after the revert: `ended_s` is the time of the last look."""

    wire: Groundwire
    prometheus: Prometheus
    webhook: Webhook
    ended_s: float


@contextmanager
def played(folder: Path) -> Iterator[Scene]:
    """Learn a baseline, arm the route, let the model erode, wait for the revert and for the scrapes after it."""
    with ExitStack() as stack:
        told, url = stack.enter_context(webhook())
        address = stack.enter_context(alertmanager(folder / "alertmanager", url))
        upstream = stack.enter_context(_upstream())
        wire = stack.enter_context(groundwire(folder / "state", upstream, _settings(folder, stack)))
        targets = [page.removeprefix("http://") for page in (wire.health, wire.analysis_health)]
        server = stack.enter_context(prometheus(folder / "prometheus", targets, (RECORDING, ALERTS), address))
        with _asking(wire):
            until(lambda: _route(wire)["baseline"]["status"] != "learning", "a baseline", WAIT_S)
            wire.control.post(f"/v1/routes/{ROUTE}/arm", {"actor": "test", "reason": "a test", "force": True})
            _refused(wire)
            _post(f"{upstream}/synthetic/refusal", {"model": ROUTE, "p": 0.0})
            until(lambda: _route(wire)["step"] == "reverted", "the revert", WAIT_S)
            until(
                lambda: told.alert("GroundwireRouteReverted", REASON), "the alert and its reason at the webhook", WAIT_S
            )
            until(lambda: _settled(server), "what is renewed now and then", WAIT_S)
        yield Scene(wire, server, told, time.time())


def _settings(folder: Path, stack: ExitStack) -> dict[str, Any]:
    """With a policy of a small baseline, and a remote classifier."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policy.yaml").write_text(yaml.safe_dump(POLICY))
    (folder / "key").write_text("sk-" + "test" * 5)
    guard = stack.enter_context(judge())
    remote = {
        "name": "guard", "kind": "llama_guard", "model": "guard", "share": 1, "requests_per_minute_max": 600,
        "url": f"http://127.0.0.1:{guard.server_port}", "key_file": str(folder / "key"),
    }  # fmt: skip
    classifiers = {"enabled": False, "remote": [remote]}
    return {**SETTINGS, "policy": str(folder / "policy.yaml"), "classifiers": classifiers}


@contextmanager
def _upstream() -> Iterator[str]:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "proxy.demo.synthetic", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        until(lambda: urlopen(f"{url}/health", timeout=1).status == 200, "the synthetic upstream")
        yield url
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _asking(wire: Groundwire) -> Iterator[None]:
    """Clients that ask until the end. They share the questions: one that comes twice counts once."""
    over, questions = threading.Event(), Questions()
    clients = [threading.Thread(target=_client, args=(wire, questions, over)) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        over.set()
        for client in clients:
            client.join(30)


class Questions:
    """The demo's, each to one client."""

    def __init__(self) -> None:
        self._left = mixed(SEED, HARMLESS_EVERY)
        self._turn = threading.Lock()

    def next(self) -> str:
        """The next one: some thousands, more than a run asks."""
        with self._turn:
            return next(self._left).text


def _client(wire: Groundwire, questions: Questions, over: threading.Event) -> None:
    rng = random.Random(SEED)
    while not over.wait(PAUSE_S):
        messages = [{"role": "user", "content": questions.next()}]
        body = {"model": ROUTE, "stream": rng.random() < 0.5, "messages": messages}
        try:
            _post(f"{wire.data}/v1/chat/completions", body)
        except OSError:
            over.wait(LIMITED_S)


def _refused(wire: Groundwire) -> None:
    """A request that Groundwire refuses itself."""
    host, port = wire.data.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 400")


def _post(url: str, body: Any) -> None:
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as answer:
        answer.read()


def _route(wire: Groundwire) -> dict[str, Any]:
    found: dict[str, Any] = wire.control.get(f"/v1/routes/{ROUTE}")
    return found


def _settled(server: Prometheus) -> bool:
    """Rules have seen what comes last: it needs a baseline, and is renewed every few seconds only."""
    last = (
        "groundwire_route_underpowered",
        "groundwire_route_shape_kl_bits",
        "route_signal:groundwire_baseline_rate_ratio:avg",
    )
    return all(server.values(name, time.time()) for name in last)
