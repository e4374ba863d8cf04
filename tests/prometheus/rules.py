"""The chart's rules as data, and the machinery that runs promtool on them."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT

FOLDER = ROOT / "helm" / "groundwire" / "files" / "rules"
ALERTS, RECORDING = FOLDER / "alerts.yaml", FOLDER / "recording.yaml"
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus)")


@cache
def rules_of(file: Path) -> list[dict[str, Any]]:
    """All rules of a file, in order."""
    return [rule for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


@cache
def alerts() -> dict[str, dict[str, Any]]:
    """Every alert by its name."""
    return {rule["alert"]: rule for rule in rules_of(ALERTS)}


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it; what it says is in the result."""
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=120, check=False)
