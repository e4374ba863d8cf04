"""`groundwire serve` as its user meets it: started, watched, reloaded, ordered about, stopped."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.support import ROOT, Groundwire, free_ports, groundwire, until

FAST = {"discovery": {"interval_s": 1}, "pane_s": 1, "close_lag_s": 1}


def ask(wire: Groundwire, model: str, text: str = "What is the capital of France?") -> dict[str, Any]:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
    request = Request(f"{wire.data}/v1/chat/completions", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as answer:
        return dict(json.load(answer))


def route(wire: Groundwire, name: str = "support-lora") -> dict[str, Any] | None:
    routes: list[dict[str, Any]] = wire.control.get("/v1/routes")["routes"]
    return next((one for one in routes if one["name"] == name), None)


def cli(wire: Groundwire, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "proxy.cli", *words, "--state-dir", str(wire.folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def assessed(wire: Groundwire, text: str) -> str:
    """The answer to a question, once analysis has assessed one; before the link is up exchanges are only counted."""
    said: str = ask(wire, "support-lora", text)["choices"][0]["message"]["content"]
    return said if (route(wire) or {"counts": {"assessed": 0}})["counts"]["assessed"] else ""


def test_an_adapter_becomes_a_route_that_only_watches(tmp_path: Path, upstream: str) -> None:
    with groundwire(tmp_path, upstream, FAST) as wire:
        found = until(lambda: route(wire), "the route")
        assert found["candidate"]["model"] == "support-lora"
        assert found["base"]["model"] == "base-model"
        assert (found["mode"], found["step"], found["status"]) == ("shadow", "steady", "learning")
        assert ask(wire, "support-lora")["model"] == "support-lora"
        until(lambda: wire.get(f"{wire.analysis_health}/readyz")[0] == 200, "analysis")
        status, metrics = wire.get(f"{wire.health}/metrics")
        assert status == 200
        assert "# TYPE groundwire_" in metrics
        listing = cli(wire, "route", "list")
        assert listing.returncode == 0, listing.stderr
        assert "support-lora" in listing.stdout
        assert cli(wire, "route", "show", "support-lora").returncode == 0


def test_an_operator_reverts_and_restores(tmp_path: Path, upstream: str) -> None:
    with groundwire(tmp_path, upstream, FAST) as wire:
        until(lambda: route(wire), "the route")
        done = cli(wire, "route", "revert", "support-lora", "--reason", "a drill", "--actor", "kim", "--force")
        assert done.returncode == 0, done.stderr
        until(lambda: ask(wire, "support-lora")["model"] == "base-model", "the base's answer")
        now = route(wire)
        assert now is not None
        assert (now["step"], now["served"]) == ("reverted", "base")
        why = cli(wire, "explain", now["enforcement_id"])
        assert why.returncode == 0, why.stderr
        assert "a drill" in why.stdout
        assert "kim" in cli(wire, "log").stdout
        assert cli(wire, "route", "restore", "support-lora", "--reason", "over").returncode == 0
        until(lambda: ask(wire, "support-lora")["model"] == "support-lora", "the candidate's answer")


def test_a_revert_outlives_both_processes(tmp_path: Path, upstream: str) -> None:
    with groundwire(tmp_path, upstream, FAST) as wire:
        until(lambda: route(wire), "the route")
        cli(wire, "route", "revert", "support-lora", "--reason", "a drill", "--force")
        until(lambda: ask(wire, "support-lora")["model"] == "base-model", "the base's answer")
        wire.process.kill()
        wire.process.wait()
    with groundwire(tmp_path, upstream, FAST) as wire:
        assert ask(wire, "support-lora")["model"] == "base-model", "the very first answer is the base's"
        until(lambda: route(wire), "the route")
        now = route(wire)
        assert now is not None
        assert now["step"] == "reverted"


def test_a_pin_works_with_everything_else_down(tmp_path: Path, upstream: str) -> None:
    pinned = {**FAST, "routes": {"support-lora": {"base_model": "base-model", "pin": "base"}}}
    with groundwire(tmp_path, upstream, {**pinned, "discovery": {"enabled": False}}) as wire:
        assert ask(wire, "support-lora")["model"] == "base-model"


def test_a_reload_takes_a_good_file_and_refuses_a_bad_one(tmp_path: Path, upstream: str) -> None:
    with groundwire(tmp_path, upstream, FAST) as wire:
        until(lambda: route(wire), "the route")
        config = wire.folder / "groundwire.yaml"
        good = yaml.safe_load(config.read_text())
        config.write_text(yaml.safe_dump({**good, "routes": {"support-lora": {"pim": "base"}}}))
        wire.process.send_signal(signal.SIGHUP)
        until(lambda: "unknown key; did you mean `pin`?" in wire.log.read_text(), "the refusal in the log")
        assert ask(wire, "support-lora")["model"] == "support-lora"
        pinned = {"routes": {"support-lora": {"base_model": "base-model", "pin": "base"}}}
        config.write_text(yaml.safe_dump({**good, **pinned}))
        wire.process.send_signal(signal.SIGHUP)
        until(lambda: ask(wire, "support-lora")["model"] == "base-model", "the pin")


def test_a_port_in_use_is_said_plainly(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "proxy.cli", "serve", "--set", f"state_dir={tmp_path}"]
        ports = free_ports(2)
        for key, value in (("data", port), ("health", ports[0]), ("analysis_health", ports[1])):
            command += ["--set", f"listen.{key}=127.0.0.1:{value}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "listen.data" in done.stderr


def test_an_upstream_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with groundwire(tmp_path, f"http://127.0.0.1:{port}", FAST, wait_ready=False) as wire:
        until(lambda: wire.get(f"{wire.health}/livez")[0] == 200, "life")
        assert wire.get(f"{wire.health}/readyz")[0] == 503
        until(lambda: f"127.0.0.1:{port}" in wire.log.read_text(), "a word about the upstream")
        process = subprocess.Popen([sys.executable, "-m", "proxy.demo.synthetic", "--port", str(port)], cwd=ROOT)
        try:
            until(lambda: wire.get(f"{wire.health}/readyz")[0] == 200, "readiness")
            assert ask(wire, "support-lora")["model"] == "support-lora"
            until(lambda: route(wire), "the route")
        finally:
            process.terminate()
            process.wait(10)


def test_settings_with_a_mistake_stop_it_before_it_listens(tmp_path: Path) -> None:
    config = tmp_path / "groundwire.yaml"
    config.write_text("listen:\n  dota: x\n")
    command = [sys.executable, "-m", "proxy.cli", "serve", "--config", str(config)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"{config}:2 (listen.dota): unknown key; did you mean `data`?" in done.stderr


@pytest.mark.parametrize("what", ["groundwire.db", "enforcement.json"])
def test_a_corrupt_state_file_is_moved_aside_and_said(tmp_path: Path, upstream: str, what: str) -> None:
    tmp_path.joinpath(what).write_bytes(b"\x00not what it should be" * 100)
    with groundwire(tmp_path, upstream, {**FAST, "link": {"start_hold_s": 3}}) as wire:
        until(lambda: route(wire), "the route")
        assert ask(wire, "support-lora")["model"] == "support-lora"
        assert list(tmp_path.glob(f"{what}.corrupt-*")), "moved aside"
        assert "corrupt" in wire.log.read_text()


def test_sigterm_lets_a_running_answer_end(tmp_path: Path, upstream: str) -> None:
    with groundwire(tmp_path, upstream, FAST) as wire:
        host, port = wire.data.removeprefix("http://").split(":")
        body = json.dumps({"model": "support-lora", "messages": [{"role": "user", "content": "hi"}]}).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        with socket.create_connection((host, int(port)), timeout=30) as client:
            client.sendall(head + body[:-1])
            until(lambda: wire.get(f"{wire.health}/livez")[0] == 200, "life")
            wire.process.terminate()
            until(lambda: wire.get(f"{wire.health}/readyz")[0] == 503, "readiness to fail")
            client.sendall(body[-1:])
            answer = b""
            while chunk := client.recv(65_536):
                answer += chunk
        assert answer.startswith(b"HTTP/1.1 200")
        assert wire.process.wait(30) == 0


def test_no_text_of_a_prompt_or_an_answer_is_in_the_log(tmp_path: Path, upstream: str) -> None:
    with groundwire(tmp_path, upstream, {**FAST, "log_level": "debug"}) as wire:
        until(lambda: route(wire), "the route")
        said = until(lambda: assessed(wire, "Tell me about the zanzibarquux, please"), "an assessed answer")
        text = wire.log.read_text()
        assert "zanzibarquux" not in text
        assert said not in text
        for page in (f"{wire.health}/metrics", f"{wire.analysis_health}/metrics"):
            assert "zanzibarquux" not in wire.get(page)[1]
