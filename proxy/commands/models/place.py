"""Where the commands look for models, and the few ways in which they print."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import Any

from proxy.classifiers.fields import ModelError
from proxy.classifiers.installed import Library
from proxy.classifiers.loading import find_model
from proxy.config.load import load


def library(arguments: Namespace) -> Library:
    """`--models-dir`, or the folder `models` in the state folder of the settings. Raises ConfigError."""
    if arguments.models_dir:
        return Library(Path(arguments.models_dir))
    settings = load(Path(arguments.config) if arguments.config else None)
    return Library(Path(settings.state_dir) / "models")


def in_use(arguments: Namespace) -> dict[Path, str]:
    """Folder -> what the settings use it for: it "judges", or its signals are "added". Raises ConfigError."""
    settings = load(Path(arguments.config) if arguments.config else None).classifiers
    names = [(name, "added") for name in settings.also] + [(settings.model, "judges")]
    found: dict[Path, str] = {}
    for name, use in names if settings.enabled else []:
        with suppress(ModelError):  # `models list` is about what is there
            found[find_model(name).resolve()] = use
    return found


def printed(text: str) -> int:
    """Print, and exit with 0."""
    sys.stdout.write(text + "\n")
    return 0


def printed_json(data: Any) -> int:
    """Print as JSON, and exit with 0."""
    return printed(json.dumps(data, indent=2))


def said(text: str) -> None:
    """A line on stderr about how far the work is, so that stdout stays the result."""
    sys.stderr.write(text + "\n")
