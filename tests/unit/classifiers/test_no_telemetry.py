"""onnxruntime tells its vendor nothing: its telemetry keeps an id and a queue in the cache folder once it is on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

USED = """
from proxy.classifiers.loading import find_model, load
load(find_model())
"""
BARE = "import onnxruntime"


def left_behind(script: str, folder: Path) -> list[str]:
    """Files of a home folder after a script."""
    folder.mkdir()
    environment = {
        **os.environ,
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "ORT_DISABLE_TELEMETRY": "",
    }
    subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, check=True, timeout=60, capture_output=True
    )
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_a_loaded_model_leaves_nothing_behind(tmp_path: Path) -> None:
    if not left_behind(BARE, tmp_path / "bare"):
        pytest.skip("this build of onnxruntime has no telemetry")
    assert left_behind(USED, tmp_path / "used") == []
