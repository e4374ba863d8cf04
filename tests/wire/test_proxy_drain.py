"""Draining before SIGTERM, as a pod's preStop hooks do it."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support import ROOT
from tests.wire.bare import in_front_of
from tests.wire.rawhttp import Message, ScriptedUpstream, Wire, connect, until
from tests.wire.test_proxy_life import GET, ended_as_it_should, page, refused


def drain(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "proxy.cli", "drain", "--state-dir", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_hooks_wait_for_the_streams_and_the_process_for_sigterm(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    release: list[bool] = []

    def slow(wire: Wire, _request: Message) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
        until(lambda: bool(release), "the release")
        wire.send(b"0\r\n\r\n")

    upstream.clear(slow)
    with in_front_of(upstream.url, tmp_path) as running, ThreadPoolExecutor(2) as hooks:
        with connect(running.port) as busy:
            busy.send(GET)
            busy.take_until(b"ok\r\n")
            models_hook = hooks.submit(page, running, "/drained")
            own_hook = hooks.submit(drain, tmp_path)
            until(lambda: refused(running.port), "the end of listening")
            assert page(running, "/readyz")[0] == 503
            assert not models_hook.done()
            assert not own_hook.done()
            release.append(True)
            assert busy.take_until(b"0\r\n\r\n") == b"0\r\n\r\n"
        assert models_hook.result(30) == (200, "drained\n")
        assert own_hook.result(30).stdout == "drained\n"
        assert page(running, "/drained") == (200, "drained\n"), "a late hook does not wait"
        assert page(running, "/livez")[0] == 200, "it stays until SIGTERM"
        running.process.terminate()
        assert running.process.wait(20) == 0
        ended_as_it_should(running)


def test_a_model_server_that_alone_is_restarted_is_not_held_up(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with in_front_of(upstream.url, tmp_path) as running:
        began_s = time.monotonic()
        assert page(running, "/drained") == (200, "not draining: nothing to wait for\n")
        assert time.monotonic() - began_s >= 5.0, "the other container's hook has time to begin"
        until(lambda: page(running, "/readyz")[0] == 200, "readiness")


def test_nobody_drains_over_the_network(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with in_front_of(upstream.url, tmp_path) as running:
        host, port = running.health.removeprefix("http://").split(":")
        with connect(int(port)) as wire:
            wire.send(f"POST /drain HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n".encode())
            assert wire.response().status == 405
        until(lambda: page(running, "/readyz")[0] == 200, "readiness")


def test_without_a_traffic_process_the_command_says_so(tmp_path: Path) -> None:
    done = drain(tmp_path)
    assert done.returncode == 1
    assert "no traffic process answers" in done.stderr


def test_a_socket_that_cannot_be_made_stops_nothing(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    (tmp_path / "traffic.sock").mkdir()
    upstream.clear()
    with in_front_of(upstream.url, tmp_path) as running:
        until(lambda: page(running, "/readyz")[0] == 200, "readiness")
        assert "orders_not_heard" in running.log.read_text()
