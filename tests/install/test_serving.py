"""`groundwire serve` as docs/install/gateway.md and vllm.md start it, line by line."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from urllib.request import urlopen

from tests.e2e.conftest import upstream
from tests.install.blocks import block
from tests.install.shell import shell
from tests.support import ROOT, free_ports, until

__all__ = ["upstream"]


def test_on_a_machine(upstream: str, tmp_path: Path) -> None:
    """From a checkout: set up, ask the doctor, serve, call it, list its routes."""
    with shell(tmp_path) as one:
        page = block("install/gateway.md", "machine").with_words(
            {"http://models.internal:8000": upstream, "localhost:8900": f"localhost:{one.data}"}
        )
        setup, doctor, serve, client, routes = page.commands()
        assert subprocess.run([*setup.split(), "--dry-run"], cwd=ROOT, capture_output=True, check=False).returncode == 0
        assert "every key is known" in one.run(doctor, ROOT)
        one.serving(one.start(serve, ROOT))
        assert {"base-model", "support-lora"} <= {model["id"] for model in json.loads(one.run(client))["data"]}
        one.route("support-lora")
        assert "support-lora" in one.run(routes, ROOT)
        for drill in block("install/gateway.md", "drill").with_words({"ROUTE": "support-lora"}).commands():
            one.run(drill)
        assert one.route("support-lora")["served"] == "candidate"


def test_in_front_of_vllm(tmp_path: Path) -> None:
    """The route is found with its base; said by hand, it is the same."""
    (port,) = free_ports(1)
    with shell(tmp_path) as one:
        one.stand_in("vllm", "vllm")
        page = block("install/vllm.md", "run")
        page = page.with_words({"--port 8000": f"--port {port}", "localhost:8000": f"localhost:{port}"})
        vllm, doctor, serve, routes = page.commands()
        one.start(vllm)
        until(lambda: urlopen(f"http://127.0.0.1:{port}/health", timeout=5), "the model server")
        assert "support-lora" in one.run(doctor)
        one.serving(one.start(serve))

        one.route("support-lora")
        assert re.search("^support-lora .*Qwen/Qwen2.5-7B-Instruct", one.run(routes), re.MULTILINE)
        route = block("install/vllm.md", "route").text
        by_hand = tmp_path / "groundwire.yaml"
        by_hand.write_text(f"upstream: http://localhost:{port}\n{route}")
        one.run(f"groundwire check {by_hand}")
        report = json.loads(one.run(f"groundwire doctor --json --config {by_hand} || true"))
        assert any("support-lora" in finding["what"] for finding in report["findings"])
