"""The official npm clients against the real model server, directly and through Groundwire."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from tests.support import ROOT, until
from tests.wire.house import Traffic
from tests.wire.test_clients import between, llama, processing

__all__ = ["between", "llama"]  # fixtures
pytestmark = [pytest.mark.wire, pytest.mark.real, pytest.mark.timeout(600)]

HOME = ROOT / ".cache" / "wire" / "npm"  # made by scripts/wire-setup


def seen(url: str) -> Any:
    """What the clients saw."""
    script = shutil.copy(ROOT / "tests" / "wire" / "npm" / "clients.mjs", HOME)  # beside its node_modules
    ran = subprocess.run(["node", str(script), url], capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_openai_and_anthropic_from_npm(llama: str, between: Traffic) -> None:
    proxied = seen(f"http://127.0.0.1:{between.port}")
    until(lambda: processing(llama) == 0, "an idle model")
    assert proxied == seen(llama)
