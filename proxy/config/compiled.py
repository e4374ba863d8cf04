"""Settings for the traffic process, which may not load the validator: a child reads, checks, and answers in JSON."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import orjson

from proxy.config.plain import from_plain
from proxy.config.settings import Settings
from proxy.core.errors import ConfigError, Place

TIMEOUT_S = 30.0


def compile_settings(file: str | None, flags: Sequence[str] = ()) -> Settings:
    """The settings of `load`, read in a child process. Raises ConfigError with the child's words."""
    command = [sys.executable, "-m", "proxy.config.load", *([file] if file else []), *flags]
    try:
        child = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)  # noqa: S603 - our own module
    except subprocess.TimeoutExpired as late:
        text = f"reading the settings took over {TIMEOUT_S:.0f} s"
        raise ConfigError([(Place(file or "environment"), text)]) from late
    if child.returncode != 0:
        raise ConfigError([(Place(file or "environment"), child.stderr.decode(errors="replace").strip())])
    return from_plain(Settings, orjson.loads(child.stdout))
