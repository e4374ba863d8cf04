"""From start to end: restored enforcement, the hold, readiness, reload, drain, unusable files and ports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import yaml

from proxy.core.enforcement import Enforcement, Snapshot, Step
from proxy.core.routes import Route, Target
from proxy.traffic.state import DATABASE, FILE, write_snapshot
from tests.support import ROOT, free_ports
from tests.wire.bare import BareUpstream, in_front_of
from tests.wire.house import Traffic
from tests.wire.rawhttp import OK, Message, ScriptedUpstream, Wire, connect, until

GET = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b'POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n{"model":"tuned"}'
REVERTED = Snapshot(
    5,
    (Route("tuned", Target("default", "tuned"), Target("default", "base")),),
    (Enforcement("tuned", Step.REVERTED, "e"),),
)


def page(running: Traffic, path: str) -> tuple[int, str]:
    try:
        with urlopen(running.health + path, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as wrong:
        return wrong.code, wrong.read().decode()


def log_lines(running: Traffic) -> list[dict[str, Any]]:
    return [json.loads(line) for line in running.log.read_text().splitlines() if line.startswith("{")]


def events(running: Traffic) -> list[str]:
    return [line["event"] for line in log_lines(running)]


def test_a_restart_alone_still_reverts(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    write_snapshot(tmp_path, REVERTED)
    (tmp_path / DATABASE).touch()
    upstream.clear()
    with (
        in_front_of(upstream.url, tmp_path, {"link": {"start_hold_s": 60.0}}) as running,
        connect(running.port) as wire,
    ):
        wire.send(POST)
        assert wire.response().status == 200
        assert upstream.requests[-1].content == b'{"model":"base"}'
        assert 'groundwire_route_step{route="tuned",step="reverted"} 1' in page(running, "/metrics")[1]
        assert "snapshot_version 5" in page(running, "/metrics")[1]


def test_without_its_file_requests_wait_and_then_it_serves_degraded(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    (tmp_path / DATABASE).touch()
    upstream.clear()
    with in_front_of(upstream.url, tmp_path, {"link": {"start_hold_s": 1.0}}) as running, connect(running.port) as wire:
        wire.send(GET + POST)
        status, text = page(running, "/readyz?verbose")
        if upstream.requests == []:
            assert (status, "[-] enforcement" in text) == (503, True)
        assert [wire.response().status for _ in range(2)] == [200, 200]
        until(lambda: page(running, "/readyz")[0] == 200, "readiness")
        assert 'groundwire_degraded{reason="enforcement_unknown"} 1' in page(running, "/metrics")[1]
        assert "serving_degraded" in events(running)


def test_a_corrupt_file_is_moved_aside_and_said(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    (tmp_path / FILE).write_text('{"version": 5, "rou')
    upstream.clear()
    with in_front_of(upstream.url, tmp_path) as running, connect(running.port) as wire:
        wire.send(GET)
        assert wire.response().status == 200
        assert "enforcement_file_corrupt" in events(running)
        assert [path.read_text() for path in tmp_path.glob(f"{FILE}.corrupt-*")] == ['{"version": 5, "rou']
        assert "degraded: enforcement_file_corrupt" in page(running, "/readyz?verbose")[1]


def test_a_fresh_folder_serves_at_once(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with in_front_of(upstream.url, tmp_path, {"link": {"start_hold_s": 600.0}}) as running:
        until(lambda: page(running, "/readyz")[0] == 200, "readiness")
        assert page(running, "/livez") == (200, "alive\n")
        assert page(running, "/nothing")[0] == 404


def test_an_upstream_that_is_away_at_start_is_waited_for(tmp_path: Path) -> None:
    with BareUpstream() as gone:
        url = gone.url
    with in_front_of(url, tmp_path) as running:
        until(lambda: "upstream_waiting" in events(running), "the line that says so")
        status, text = page(running, "/readyz?verbose")
        assert (status, "[-] upstream" in text) == (503, True)
        port = int(url.rpartition(":")[2])
        with BareUpstream(address=("127.0.0.1", port)):
            until(lambda: page(running, "/readyz")[0] == 200, "readiness")
        assert page(running, "/readyz")[0] == 200  # only the first success counts


def test_health_refuses_what_it_does_not_serve(proxied: Traffic) -> None:
    port = int(proxied.health.rpartition(":")[2])
    for data, status in (
        (b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405),
        (b"GET /livez HTTP/1.1\n\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000, 431),
    ):
        with connect(port) as wire:
            wire.send(data)
            assert wire.response().status == status
    with connect(port) as wire:
        wire.send(b"HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.response(to_head=True).get(b"content-length") == b"6"
        assert wire.response().content == b"alive\n"


def test_metrics_count(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with in_front_of(upstream.url, tmp_path) as running, connect(running.port) as wire:
        for data in (GET, POST, GET.replace(b"/x", b"/pause")):
            wire.send(data)
            wire.response()
        text = page(running, "/metrics")[1]
    for line in (
        'groundwire_requests_total{status="2xx"} 2',
        'groundwire_requests_total{status="4xx"} 1',
        'groundwire_refused_total{code="groundwire_denied_path"} 1',
        "groundwire_request_body_bytes_total 17",
        "groundwire_response_body_bytes_total 4",
        'groundwire_exchanges_dropped_total{reason="not_connected"} 3',
        "groundwire_connections_open 1",
        "groundwire_exchanges_in_flight 0",
    ):
        assert line in text.splitlines()


def test_a_drain_lets_streams_end_and_takes_no_more(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    release: list[bool] = []

    def slow(wire: Wire, _request: Message) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
        until(lambda: bool(release), "the release")
        wire.send(b"0\r\n\r\n")

    upstream.clear(slow)
    with in_front_of(upstream.url, tmp_path) as running:
        with connect(running.port) as idle, connect(running.port) as busy:
            busy.send(GET)
            busy.take_until(b"ok\r\n")
            running.process.send_signal(signal.SIGTERM)
            assert idle.rest() == b""
            assert page(running, "/readyz")[0] == 503
            until(lambda: refused(running.port), "the end of listening")
            release.append(True)
            assert busy.take_until(b"0\r\n\r\n") == b"0\r\n\r\n"
            assert busy.rest() == b""
        assert running.process.wait(20) == 0
        ended_as_it_should(running)


def test_what_does_not_end_in_time_is_cut(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    upstream.clear(lambda wire, request: None)
    with in_front_of(upstream.url, tmp_path, {"drain": {"grace_s": 0.3}}) as running:
        with connect(running.port) as wire:
            wire.send(GET)
            until(lambda: bool(upstream.requests), "the request")
            running.process.send_signal(signal.SIGTERM)
            assert wire.rest() == b""
        assert running.process.wait(20) == 0
        ended_as_it_should(running)


def ended_as_it_should(running: Traffic) -> None:
    """Tell the fixture, which takes an ended process for a crash."""
    setattr(running.process, "poll", lambda: None)  # noqa: B010 - a method may not be assigned otherwise


def refused(port: int) -> bool:
    try:
        connect(port).close()
    except ConnectionRefusedError:
        return True
    return False


def test_reload_takes_good_settings_and_keeps_old_ones_over_bad(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with in_front_of(upstream.url, tmp_path) as running, connect(running.port) as wire:
        config = tmp_path / "groundwire.yaml"
        values = yaml.safe_load(config.read_text())
        config.write_text(yaml.safe_dump({**values, "denied_paths": ["/secret"]}))
        running.process.send_signal(signal.SIGHUP)
        until(lambda: "reloaded" in events(running), "the reload")
        for path, status in ((b"/secret", 403), (b"/pause", 200)):
            wire.send(GET.replace(b"/x", path))
            assert wire.response().status == status
        config.write_text(yaml.safe_dump(values) + "no_such_key: 1\n")
        running.process.send_signal(signal.SIGHUP)
        until(lambda: "reload_refused" in events(running), "the refusal")
        (line,) = [line for line in log_lines(running) if line["event"] == "reload_refused"]
        assert "groundwire.yaml:" in line["error"]
        assert "no_such_key" in line["error"]
        wire.send(GET.replace(b"/x", b"/secret"))
        assert wire.response().status == 403


def test_reload_moves_requests_to_a_new_address_of_the_upstream(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with ScriptedUpstream() as other, in_front_of(upstream.url, tmp_path) as running, connect(running.port) as wire:
        wire.send(GET)
        assert wire.response().status == 200
        config = tmp_path / "groundwire.yaml"
        values = yaml.safe_load(config.read_text())
        config.write_text(yaml.safe_dump({**values, "upstreams": {"default": {"url": other.url}}}))
        running.process.send_signal(signal.SIGHUP)
        until(lambda: "reloaded" in events(running), "the reload")
        wire.send(GET)
        assert wire.response().status == 200
        assert (len(upstream.requests), len(other.requests)) == (1, 1)


def test_a_port_in_use_is_said_and_ends_with_1(tmp_path: Path, proxied: Traffic) -> None:
    health, other = free_ports(2)
    for data, health_port in ((proxied.port, health), (other, int(proxied.health.rpartition(":")[2]))):
        command = [sys.executable, "-m", "proxy.cli", "serve", "--only", "traffic"]
        for value in (
            f"listen.data=127.0.0.1:{data}",
            f"listen.health=127.0.0.1:{health_port}",
            f"state_dir={tmp_path}",
        ):
            command += ["--set", value]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 1
        assert "cannot listen on 127.0.0.1:" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_the_analysis_child_may_die_and_comes_again(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """Traffic's own spawning, with a child that is no analysis at all."""
    upstream.clear(lambda wire, request: wire.send(OK))
    data, health = free_ports(2)
    script = tmp_path / "run.py"
    script.write_text(
        "import sys\n"
        "from proxy.config.sections.serving import Listen, Upstream\n"
        "from proxy.config.settings import Settings\n"
        "from proxy.traffic.app import main\n"
        f"settings = Settings(state_dir={str(tmp_path)!r}, upstreams={{'default': Upstream(url={upstream.url!r})}},\n"
        f"    listen=Listen(data='127.0.0.1:{data}', health='127.0.0.1:{health}'))\n"
        f"sys.exit(main(settings, None, [sys.executable, '-c', 'import time; time.sleep(0.2)']))\n"
    )
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, str(script)], cwd=ROOT, stderr=out, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    try:
        until(lambda: log.read_text().count('"analysis_started"') >= 2, "the second start")
        with connect(data) as wire:
            wire.send(GET)
            assert wire.response().status == 200
        before = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert time.monotonic() - before < 20
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.wait()
