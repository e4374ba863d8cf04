"""A real Prometheus, a real Alertmanager, and a webhook that keeps what it is told; each on a free port of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from tests.support import free_ports, until

ALERTMANAGER = "prometheus-alertmanager"


def need(*programs: str) -> None:
    """Skip where one is missing; scripts/test-setup brings them."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed, and scripts/test-setup could not install it")


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running server."""

    url: str

    def get(self, path: str, **query: str) -> Any:
        """`data` of an answer. Raises OSError (HTTPError) where the server refuses it."""
        with urlopen(f"{self.url}{path}?{urlencode(query)}", timeout=20) as answer:
            return json.load(answer)["data"]

    def values(self, expression: str, at_s: float, past_s: float = 0.0) -> list[float]:
        """All values of an instant query; with `past_s` those of the range before, a second apart. NaN is none."""
        if not past_s:
            found = self.get("/api/v1/query", query=expression, time=str(at_s))["result"]
            samples = [one["value"] for one in found]
        else:
            span = {"start": str(at_s - past_s), "end": str(at_s), "step": "1"}
            found = self.get("/api/v1/query_range", query=expression, **span)["result"]
            samples = [sample for one in found for sample in one["values"]]
        return [float(value) for _, value in samples if value != "NaN"]


@contextmanager
def prometheus(folder: Path, targets: Sequence[str], rules: Sequence[Path], alertmanager: str) -> Iterator[Prometheus]:
    """Scrape these addresses each second under the job `groundwire`, with these rules; alerts go to `alertmanager`."""
    (port,) = free_ports(1)
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(one) for one in rules],
        "scrape_configs": [{"job_name": "groundwire", "static_configs": [{"targets": list(targets)}]}],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
    }
    file = _written(folder, "prometheus", config)
    command = ["prometheus", f"--config.file={file}", f"--storage.tsdb.path={folder / 'tsdb'}", "--log.level=warn"]
    with _running(folder, "prometheus", [*command, f"--web.listen-address=127.0.0.1:{port}"]):
        server = Prometheus(f"http://127.0.0.1:{port}")
        until(lambda: _answers(f"{server.url}/-/ready"), "Prometheus")
        yield server


@contextmanager
def alertmanager(folder: Path, webhook: str) -> Iterator[str]:
    """The address of an Alertmanager that tells a webhook at once, grouped by route."""
    (port,) = free_ports(1)
    route = {
        "receiver": "team",
        "group_by": ["alertname", "route"],
        "group_wait": "0s",
        "group_interval": "1s",
        "repeat_interval": "2s",  # an annotation that was better known a second later is told again
    }
    config = {"route": route, "receivers": [{"name": "team", "webhook_configs": [{"url": webhook}]}]}
    file, address = _written(folder, "alertmanager", config), f"127.0.0.1:{port}"
    command = [ALERTMANAGER, f"--config.file={file}", f"--storage.path={folder / 'alerts'}", "--log.level=warn"]
    with _running(folder, "alertmanager", [*command, f"--web.listen-address={address}", "--cluster.listen-address="]):
        until(lambda: _answers(f"http://{address}/-/ready"), "Alertmanager")
        yield address


class Webhook(ThreadingHTTPServer):
    """Keeps the body of every call."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _WebhookHandler)
        self.told: list[dict[str, Any]] = []

    def alert(self, name: str, words: str = "") -> dict[str, Any] | None:
        """The first firing alert of this name that it was told of, with these words in its description."""
        alerts = [alert for message in self.told for alert in message["alerts"] if alert["status"] == "firing"]
        named = [alert for alert in alerts if alert["labels"]["alertname"] == name]
        return next((alert for alert in named if words in alert["annotations"]["description"]), None)


class _WebhookHandler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        self.server.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@contextmanager
def webhook() -> Iterator[tuple[Webhook, str]]:
    """One, with its URL."""
    server = Webhook()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}/alerts"
    finally:
        server.shutdown()
        server.server_close()


def _written(folder: Path, name: str, config: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(dict(config)))
    return file


@contextmanager
def _running(folder: Path, name: str, command: list[str]) -> Iterator[None]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    with urlopen(url, timeout=2) as answer:
        return bool(answer.status == 200)
