"""`groundwire check`: mistakes in settings and policies, named by file, line and key."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from proxy.config.load import load
from proxy.config.policies import read_policy
from proxy.core.errors import ConfigError


def check(arguments: Namespace) -> int:
    """0 where everything can be used; 2 with every mistake on stderr."""
    name = arguments.file or arguments.config
    problems: list[str] = []
    policy = arguments.policy
    if name or not policy:
        try:
            settings = load(Path(name) if name else None, arguments.set)
            policy = policy or settings.policy
        except ConfigError as wrong:
            problems.append(str(wrong))
    if policy:
        try:
            read_policy(policy)
        except ConfigError as wrong:
            problems.append(str(wrong))
    if problems:
        sys.stderr.write("\n".join(problems) + "\n")
        return 2
    sys.stdout.write(f"{name or 'defaults and environment'}: can be used (policy {policy})\n")
    return 0
