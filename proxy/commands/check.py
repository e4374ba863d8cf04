"""`groundwire check`: mistakes in settings and policies, named by file, line and key."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from proxy.analysis.judging.triggers import load_triggers
from proxy.config.load import load
from proxy.config.policies import read_policy
from proxy.control.policies.in_force import check_shadows, policy_files
from proxy.core.errors import ConfigError


def check(arguments: Namespace) -> int:
    """0 where everything can be used; 2 with every mistake on stderr."""
    name = arguments.file or arguments.config
    problems: list[str] = []
    files = [arguments.policy] if arguments.policy else []
    if name or not files:
        try:
            settings = load(Path(name) if name else None, arguments.set)
            files += policy_files(settings)
            check_shadows(settings)
            load_triggers(settings.triggers_file)
        except ConfigError as wrong:
            problems.append(str(wrong))
    for file in dict.fromkeys(files):
        try:
            read_policy(file)
        except ConfigError as wrong:
            problems.append(str(wrong))
    if problems:
        sys.stderr.write("\n".join(problems) + "\n")
        return 2
    sys.stdout.write(f"{name or 'defaults and environment'}: can be used (policy {', '.join(dict.fromkeys(files))})\n")
    return 0
