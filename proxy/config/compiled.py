"""Settings for the traffic process, which may not load the validator: a child reads, checks, and answers in JSON."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Final

import orjson

from proxy.config.plain import from_plain
from proxy.config.settings import Settings
from proxy.core.errors import ConfigError, Place

TIMEOUT_S: Final = 30.0


def compile_settings(file: str | None, flags: Sequence[str] = ()) -> Settings:
    """The settings of `load`, read in a child process. Raises ConfigError with the child's words."""
    return start_compiling(file, flags)()


def start_compiling(file: str | None, flags: Sequence[str] = ()) -> Callable[[], Settings]:
    """Begin to read the settings; the call of what is returned waits for them. Raises ConfigError there.

    A starting process loads its own modules meanwhile: on two cores that halves the time to the first answer.
    """
    command = [sys.executable, "-m", "proxy.config.load", *([file] if file else []), *flags]
    environment = {**os.environ, "PYDANTIC_DISABLE_PLUGINS": "__all__"}  # looking for plugins takes 20 ms
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)  # noqa: S603
    place = Place(file or "environment")

    def settings() -> Settings:
        try:
            answer, problems = child.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired as late:
            child.kill()
            child.communicate()
            raise ConfigError([(place, f"reading the settings took over {TIMEOUT_S:.0f} s")]) from late
        if child.returncode != 0:
            raise ConfigError([(place, problems.decode(errors="replace").strip())])
        return from_plain(Settings, orjson.loads(answer))

    return settings
