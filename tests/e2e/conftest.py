"""A synthetic model server as its own process, once for a module."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from urllib.request import urlopen

import pytest

from tests.support import ROOT, free_ports, until


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    """The URL of a vLLM-shaped server with `base-model` and its adapter `support-lora`."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "proxy.demo.synthetic", "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        until(lambda: urlopen(f"{url}/health", timeout=1).status == 200, "the synthetic upstream")
        yield url
    finally:
        process.terminate()
        process.wait(10)
