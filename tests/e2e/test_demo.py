"""The story of `make demo`, end to end: real processes, a synthetic model server, exit code and words."""

from __future__ import annotations

import subprocess
import sys

from tests.support import ROOT


def test_the_synthetic_demo_ends_in_a_revert() -> None:
    command = [sys.executable, "-m", "proxy.cli", "demo", "--upstream", "synthetic", "--plain"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "reverted" in done.stdout
    assert "critical line" in done.stdout
