"""`groundwire doctor` as its user meets it: before the first start, beside a running one, where things are broken."""

from __future__ import annotations

import io
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from proxy.cli import main
from tests.http_server import QuietHandler, serving
from tests.support import ROOT, free_ports, groundwire, until

SECRET = "zqvxkjwq-secret"
QUICK = ("--set", "classifiers.enabled=false")


class Doctor:
    """What `groundwire doctor --json` said."""

    def __init__(self, *words: str) -> None:
        self.code, self.text = run(*words, "--json")
        self.findings: list[dict[str, str]] = json.loads(self.text)["findings"]

    def of(self, check: str, *levels: str) -> str:
        """The words of a check's findings, of these levels or of all."""
        return " | ".join(
            f"{one['what']} {one['where']} {one['mend']}"
            for one in self.findings
            if one["check"] == check and (not levels or one["level"] in levels)
        )


def run(*words: str) -> tuple[int, str]:
    """The command in this process, as a pipe sees it: the exit code, and all that it wrote."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        code = main(["doctor", *words])
    return code, out.getvalue()


def settings(folder: Path, **values: Any) -> str:
    """A settings file with ports of its own and no classifier, unless said otherwise."""
    data, health, analysis = free_ports(3)
    listen = {
        name: f"127.0.0.1:{port}" for name, port in (("data", data), ("health", health), ("analysis_health", analysis))
    }
    whole = {"state_dir": str(folder / "state"), "classifiers": {"enabled": False}, "listen": listen, **values}
    file = folder / "groundwire.yaml"
    file.write_text(yaml.safe_dump(whole))
    return str(file)


@pytest.fixture
def stranger() -> Iterator[str]:
    """A server that is no model server: it wants a key for everything, and its clock is wrong."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self.send_error(401)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(1_767_312_000.0)

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"


def test_before_the_first_start(tmp_path: Path, upstream: str) -> None:
    file = settings(tmp_path, upstream=upstream, classifiers={"enabled": True})
    found = Doctor("--config", file)
    assert found.of("Classifiers", "fail") == ""
    assert found.code == 0, found.text
    assert "no Groundwire runs here" in found.of("Running", "note")
    assert "support-lora: base base-model on the same server" in found.of("Upstreams and routes", "ok")
    assert "probe texts are judged" in found.of("Classifiers")
    assert "agrees within" in found.of("Clock", "ok")
    assert not (tmp_path / "state").exists(), "looking changes nothing"
    command = [sys.executable, "-m", "proxy.cli", "doctor", "--config", file, *QUICK]
    plain = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (plain.returncode, plain.stderr) == (0, "")
    assert plain.stdout.isascii(), "no colours and no signs where nobody looks"
    assert plain.stdout.startswith("Groundwire ")


def test_beside_a_running_one(tmp_path: Path, upstream: str) -> None:
    with groundwire(tmp_path, upstream, {"discovery": {"interval_s": 1}, "policy": "strict"}) as wire:
        until(lambda: wire.control.get("/v1/routes")["routes"], "the route")
        until(lambda: wire.get(f"{wire.analysis_health}/readyz")[0] == 200, "analysis")
        found = Doctor("--config", str(tmp_path / "groundwire.yaml"))
        assert found.code == 0, found.text
        assert found.of("Addresses", "fail") == ""
        assert found.of("Addresses").count("held by the Groundwire that runs") == 3
        assert f"pid {wire.process.pid}" in found.of("Addresses")
        told = found.of("Running", "ok")
        for word in ("traffic process", "analysis process", "link to analysis", "newest enforcements"):
            assert word in told
        assert "in use" in found.of("Store", "ok")
        assert found.of("Permissions", "warn", "fail") == ""
        other = Doctor(
            *QUICK, "--set", f"listen.data={wire.data.removeprefix('http://')}", "--state-dir", str(tmp_path / "x")
        )
        assert "taken by" in other.of("Addresses", "fail")


def test_a_house_where_much_is_broken(tmp_path: Path, stranger: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thing is named with what to do; no secret is told; the whole takes no longer for it."""
    state, policy, secret = tmp_path / "state", tmp_path / "policy.yaml", tmp_path / "key"
    state.mkdir()
    (state / "groundwire.db").write_bytes(b"this is no database" * 100)
    (state / "prompt.key").write_bytes(b"k" * 32)
    (state / "prompt.key").chmod(0o644)
    policy.write_text("mode: sometimes\n")
    secret.write_text(f"Bearer {SECRET}")
    secret.chmod(0o644)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken, (free,) = holder.getsockname()[1], free_ports(1)
        listen = {"data": f"127.0.0.1:{taken}", "health": f"127.0.0.1:{free}", "analysis_health": f"127.0.0.1:{free}"}
        upstreams = {
            "default": {"url": stranger, "auth": {"value_file": str(secret)}},
            "gone": {"url": f"http://127.0.0.1:{free}"},
            "lost": {"url": "http://no-such-host.invalid:8000"},
            "shut": {"url": f"unix:{tmp_path}/none.sock"},
        }
        file = settings(
            tmp_path,
            listen=listen,
            upstreams=upstreams,
            policy=str(policy),
            replicas=3,
            classifiers={"model": str(tmp_path)},
            routes={"m": {"baseline_file": str(tmp_path / "none.json")}},
        )
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://kim:{SECRET}@127.0.0.1:{free}")
        found = Doctor("--config", file)
    assert found.code == 1
    assert SECRET not in found.text
    for check, level, word in (
        ("Settings", "fail", "mode"),
        ("Settings", "fail", "none.json"),
        ("Upstreams and routes", "warn", "upstreams.default.auth"),
        ("Upstreams and routes", "fail", f"127.0.0.1:{free} takes no connection (Connection refused)"),
        ("Upstreams and routes", "fail", "no-such-host.invalid does not resolve"),
        ("Upstreams and routes", "fail", "none.sock"),
        ("Enforcement", "warn", "3 replicas"),
        ("Classifiers", "fail", "no model folder"),
        ("Store", "fail", "broken"),
        ("Clock", "warn", "behind this machine"),
        ("Permissions", "warn", "prompt.key has mode 0644"),
        ("Permissions", "warn", "key (mode 0644)"),
        ("Addresses", "fail", f"127.0.0.1:{taken} is taken by "),
        ("Addresses", "fail", f"pid {os.getpid()}"),
        ("Addresses", "fail", "the same port"),
        ("Traces and metrics", "warn", "127.0.0.1 takes no connection"),
    ):
        assert word in found.of(check, level), (check, word, found.of(check))
    assert all(one["mend"] for one in found.findings if one["level"] in {"warn", "fail"})
    assert "itself failed" not in found.text


def test_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self.answer_json(200, {"data": [{"id": "base"}, {"id": "tuned", "parent": "base"}]})

    with serving(Handler, tls=context) as port:
        url = f"https://localhost:{port}"
        distrusted = Doctor("--config", settings(tmp_path, upstreams={"default": {"url": url}}))
        assert "upstreams.default.tls_ca_file" in distrusted.of("Upstreams and routes", "fail")
        trusted = {"default": {"url": url, "tls_ca_file": str(tmp_path / "ca.pem")}}
        found = Doctor("--config", settings(tmp_path, upstreams=trusted))
        assert "route tuned: base base" in found.of("Upstreams and routes", "ok"), found.text


def test_our_own_port_is_no_upstream(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    found = Doctor(*QUICK, "--set", f"listen.data=0.0.0.0:{port}", "--set", f"upstream=http://localhost:{port}")
    assert "requests would go round" in found.of("Upstreams and routes", "fail")


def test_settings_that_cannot_be_read_and_flags_that_are_wrong(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("upstreem: http://x\n")
    code, text = run("--config", str(tmp_path / "bad.yaml"))
    assert code == 1
    assert "bad.yaml:1 (upstreem)" in text
    assert text.rstrip().endswith("1 to mend.")
    with pytest.raises(SystemExit) as wrong:
        run("--nonsense")
    assert wrong.value.code == 2
