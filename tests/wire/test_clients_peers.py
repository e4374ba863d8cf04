"""Suites that others wrote, run directly and through Groundwire: the difference is empty."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from xml.etree import ElementTree as ET

import pytest

from tests.support import ROOT, free_ports, until
from tests.wire.house import traffic

pytestmark = [pytest.mark.wire, pytest.mark.timeout(900)]

HOME = ROOT / ".cache" / "wire"  # made by scripts/wire-setup
PYTHON = HOME / "bin" / "python"

HTTPBIN = """
import sys
from httpbin import app
from werkzeug.serving import WSGIRequestHandler, run_simple
WSGIRequestHandler.protocol_version = "HTTP/1.1"
run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=True)
"""
# These reach for addresses outside of this machine.
DESELECTED = "not connect_timeout and not timeout_connect and not test_errors"


@contextmanager
def server(command: list[str], port: int) -> Iterator[str]:
    """A server of the command on a port of this machine."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: accepts(port), " ".join(command[:3]))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def accepts(port: int) -> bool:
    import socket

    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def requests_suite(url: str, report: Path) -> dict[str, str]:
    """The outcome of each test of the suite of `requests` against an httpbin."""
    subprocess.run(
        [str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", ".",
         "-k", DESELECTED, f"--junitxml={report}", "tests/test_requests.py", "tests/test_lowlevel.py"],
        cwd=HOME / "src", env={**os.environ, "HTTPBIN_URL": url}, check=False, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    outcomes = {}
    for case in ET.parse(report).iter("testcase"):
        kinds = sorted(child.tag for child in case if child.tag in ("failure", "error", "skipped"))
        outcomes[f"{case.get('classname')}.{case.get('name')}"] = " ".join(kinds) or "passed"
    return outcomes


def test_the_suite_of_requests(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with server([str(PYTHON), "-c", HTTPBIN, str(port)], port) as url:
        assert urlopen(f"{url}/get", timeout=20).status == 200
        direct = requests_suite(url, tmp_path / "direct.xml")
        with traffic(tmp_path / "groundwire", {"default": url}) as running:
            proxied = requests_suite(f"http://127.0.0.1:{running.port}", tmp_path / "proxied.xml")
    print(f"\nrequests: {sum(one == 'passed' for one in direct.values())} of {len(direct)} passed directly")
    assert sum(one == "passed" for one in direct.values()) > 300
    assert {name: (direct.get(name), proxied.get(name)) for name in direct | proxied if
            direct.get(name) != proxied.get(name)} == {}  # fmt: skip


def websocket_cases(port: int, folder: Path) -> dict[str, Any]:
    """The verdict of each Autobahn case against an echo server, as kosoku gives it."""
    subprocess.run(
        [str(HOME / "bin" / "kosoku"), "-m", "fuzzingclient", "-x", "9.*", "-x", "12.*", "-x", "13.*",
         "-o", str(folder), f"127.0.0.1:{port}"],
        check=False, stdout=subprocess.DEVNULL, timeout=600,
    )  # fmt: skip
    (index,) = folder.rglob("index.json")
    (cases,) = json.loads(index.read_text()).values()
    return {case: (verdict["behavior"], verdict.get("behaviorClose")) for case, verdict in cases.items()}


def test_the_websocket_cases_of_kosoku(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with server([sys.executable, "-m", "tests.wire.echo", str(port)], port) as url:
        direct = websocket_cases(port, tmp_path / "direct")
        with traffic(tmp_path / "groundwire", {"default": url}) as running:
            proxied = websocket_cases(running.port, tmp_path / "proxied")
    print(f"\nkosoku: {sum(one[0] == 'OK' for one in direct.values())} of {len(direct)} OK directly")
    assert len(direct) > 200
    assert {case: (direct.get(case), proxied.get(case)) for case in direct | proxied if
            direct.get(case) != proxied.get(case)} == {}  # fmt: skip
