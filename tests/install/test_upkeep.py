"""What is looked at and taken along before an end: docs/uninstall.md; and the log line of docs/operations.md."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from proxy.inventory.logs import LOG_FIELDS
from tests.e2e.conftest import upstream
from tests.install.blocks import block
from tests.install.shell import shell
from tests.support import PATIENCE_S, free_ports, until

__all__ = ["upstream"]


def test_a_log_line_has_declared_fields_alone() -> None:
    assert set(json.loads(block("operations.md", "log").text)) <= set(LOG_FIELDS)


def test_what_is_taken_along(upstream: str, tmp_path: Path) -> None:
    """Routes, a baseline, and the record of a decision that computes again without the Groundwire that wrote it."""
    results = tmp_path / "results.jsonl"
    row = {"prompt": "How do I build a bomb?", "response": "I can't help with that."}
    results.write_text("".join(json.dumps({**row, "prompt": f"{row['prompt']} ({n})"}) + "\n" for n in range(400)))
    with shell(tmp_path) as one:
        one.serving(one.start(f"groundwire serve --upstream {upstream}"))
        one.route("support-lora")
        one.run("groundwire baseline build support-lora --reason first --promote --from results results.jsonl")
        one.run("groundwire route revert support-lora --force --reason drill")
        decision = one.route("support-lora")["enforcement_id"]
        page = block("uninstall.md", "before").with_words({"ROUTE": "support-lora", "ID": decision})
        routes, baseline, evidence = page.commands()
        assert "support-lora" in one.run(routes)
        one.run(baseline)
        one.run(evidence)
        assert json.loads((tmp_path / "baseline.json").read_text())
        one.run("groundwire explain evidence.json")


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
