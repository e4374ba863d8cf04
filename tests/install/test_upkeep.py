"""What is left behind in Redis: docs/uninstall.md; and the log line of docs/operations.md."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from proxy.inventory.logs import LOG_FIELDS
from tests.install.blocks import block
from tests.install.shell import shell
from tests.support import PATIENCE_S, free_ports, until


def test_a_log_line_has_declared_fields_alone() -> None:
    assert set(json.loads(block("operations.md", "log").text)) <= set(LOG_FIELDS)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a real redis-server of this test's own."""
    if shutil.which("redis-server") is None or shutil.which("redis-cli") is None:
        pytest.skip("redis-server is not installed")
    (port,) = free_ports(1)
    command = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(tmp_path_factory.mktemp("r")),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until(lambda: redis.Redis(port=port).ping(), "redis-server")
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def test_its_keys_go_and_others_stay(store: int, tmp_path: Path) -> None:
    (line,) = block("uninstall.md", "redis").commands()
    client = redis.Redis(port=store, decode_responses=True)
    client.mset({f"gw:{{mnqw4zi}}:n:{n}": "1" for n in range(250)} | {"another": "1"})
    with shell(tmp_path) as one:
        one.run(line.replace("-h HOST", f"-h 127.0.0.1 -p {store}"))
    assert client.keys() == ["another"]
