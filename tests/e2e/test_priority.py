"""The analysis process gives way to traffic, also where the kernel shares CPUs out by session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import groundwire, until


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel has no autogroups")
def test_analysis_is_nice_inside_its_session_and_as_a_session(tmp_path: Path) -> None:
    with groundwire(tmp_path, "http://127.0.0.1:9", wait_ready=False) as wire:
        analysis = until(wire.analysis_pid, "the analysis process")
        group = Path(f"/proc/{analysis}/autogroup")
        until(lambda: group.read_text().split()[-1] == "10", "a nice session")
        assert os.getpriority(os.PRIO_PROCESS, analysis) == 10
        assert os.getpriority(os.PRIO_PROCESS, wire.process.pid) < 10
