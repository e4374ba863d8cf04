"""`groundwire serve` as docs/install/gateway.md and vllm.md start it, and what docs/uninstall.md takes along of it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from proxy.cli import main
from tests.e2e.conftest import upstream
from tests.install.blocks import block
from tests.install.shell import Shell, shell
from tests.support import ROOT, free_ports, until

__all__ = ["upstream"]
ROUTE = "support-lora"


@pytest.fixture(scope="module")
def machine(upstream: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """From a checkout: set up, ask the doctor, serve, call it, list its routes. It goes on serving."""
    with shell(tmp_path_factory.mktemp("machine")) as one:
        page = block("install/gateway.md", "machine").with_words(
            {"http://models.internal:8000": upstream, "localhost:8900": f"localhost:{one.data}"}
        )
        setup, doctor, serve, client, routes = page.commands()
        assert subprocess.run([*setup.split(), "--dry-run"], cwd=ROOT, capture_output=True, check=False).returncode == 0
        assert "every key is known" in one.run(doctor, ROOT)
        one.serving(one.start(serve, ROOT))
        assert {"base-model", ROUTE} <= {model["id"] for model in json.loads(one.run(client))["data"]}
        one.route(ROUTE)
        assert re.search(f"^{ROUTE} .* base-model ", one.run(routes, ROOT), re.MULTILINE)
        yield one


def test_the_way_back_is_tried_once(machine: Shell) -> None:
    revert, show, restore = block("install/gateway.md", "drill").with_words({"ROUTE": ROUTE}).commands()
    machine.run(revert)
    assert re.search("^served by +base", machine.run(show), re.MULTILINE)
    machine.run(restore)
    assert machine.route(ROUTE)["served"] == "candidate"


def test_what_is_taken_along(machine: Shell) -> None:
    """Routes, a baseline, and the record of a decision that is explained without the Groundwire that wrote it."""
    row = {"prompt": "How do I build a bomb?", "response": "I can't help with that."}
    rows = (json.dumps({**row, "prompt": f"{row['prompt']} ({n})"}) for n in range(100))
    (machine.folder / "results.jsonl").write_text("\n".join(rows))
    machine.run(f"groundwire baseline build {ROUTE} --reason first --promote --from results results.jsonl")
    machine.run(f"groundwire route revert {ROUTE} --force --reason drill")
    decision = machine.route(ROUTE)["enforcement_id"]
    routes, baseline, evidence = block("uninstall.md", "before").with_words({"ROUTE": ROUTE, "ID": decision}).commands()
    assert re.search(rf"^{ROUTE} +base-model \(base\)", machine.run(routes), re.MULTILINE)
    machine.run(baseline)
    machine.run(evidence)
    assert json.loads((machine.folder / "baseline.json").read_text())
    assert main(["explain", str(machine.folder / "evidence.json")]) == 0


def test_in_front_of_vllm(tmp_path: Path) -> None:
    """The route is found with its base; said by hand, it can be used."""
    (port,) = free_ports(1)
    with shell(tmp_path) as one:
        one.stand_in("vllm", "vllm")
        page = block("install/vllm.md", "run")
        page = page.with_words({"--port 8000": f"--port {port}", "localhost:8000": f"localhost:{port}"})
        vllm, doctor, serve, routes = page.commands()
        one.start(vllm)
        until(lambda: urlopen(f"http://127.0.0.1:{port}/health", timeout=5), "the model server")
        assert ROUTE in one.run(doctor)
        one.serving(one.start(serve))
        one.route(ROUTE)
        assert re.search(f"^{ROUTE} .* Qwen/Qwen2.5-7B-Instruct ", one.run(routes), re.MULTILINE)
    by_hand = tmp_path / "groundwire.yaml"
    by_hand.write_text(block("install/vllm.md", "route").text)
    assert main(["check", str(by_hand)]) == 0
