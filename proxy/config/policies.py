"""Policy files: a shipped one by name, or any by path."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from proxy.config.document import Document, validate
from proxy.config.files import SHIPPED, Files
from proxy.core.errors import ConfigError, Place
from proxy.core.policies.policy import Policy

NAMES: Final = ("default", "observe", "strict")


def policy_path(name: str) -> Path:
    """The file of a policy. Raises ConfigError where the name is neither shipped nor a file."""
    path = SHIPPED / f"{name}.yaml" if name in NAMES else Path(name)
    if not path.is_file():
        raise ConfigError([(Place(name), f"no such policy file, and the shipped ones are {', '.join(NAMES)}")])
    return path


def read_policy(name: str, files: Files | None = None) -> tuple[Policy, str]:
    """A policy and the text it was read from (evidence records carry it). Raises ConfigError."""
    return (files or Files()).take(name, lambda text, source: (parse_policy(text, source), text), policy_path)


def parse_policy(text: str, source: str) -> Policy:
    """A policy from its text alone; `source` is named in errors. Raises ConfigError."""
    return validate(Policy, Document(text, source))
