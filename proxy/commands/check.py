"""`groundwire check`: mistakes in settings and the files that they name, by file, line and key."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path

from proxy.analysis.judging.triggers import load_triggers
from proxy.config.load import load
from proxy.config.policies import read_policy
from proxy.config.settings import Settings
from proxy.control.baselines.learning import file_baselines
from proxy.control.baselines.prompts import prompts_of
from proxy.control.bases.checks import load_checks
from proxy.control.policies.in_force import check_shadows, policy_files
from proxy.core.errors import ConfigError


def check(arguments: Namespace) -> int:
    """0 where everything can be used; 2 with every mistake on stderr."""
    name = arguments.file or arguments.config
    files = [arguments.policy] if arguments.policy else []
    readings: list[Callable[[], object]] = []
    problems: list[str] = []
    if name or not files:
        try:
            settings = load(Path(name) if name else None, arguments.set)
            files += policy_files(settings)
            readings += _readings(settings)
        except ConfigError as wrong:
            problems.append(str(wrong))
    readings += [partial(read_policy, file) for file in dict.fromkeys(files)]
    problems += [problem for read in readings if (problem := _problem(read))]
    if problems:
        sys.stderr.write("\n".join(problems) + "\n")
        return 2
    sys.stdout.write(f"{name or 'defaults and environment'}: can be used (policy {', '.join(dict.fromkeys(files))})\n")
    return 0


def _readings(settings: Settings) -> list[Callable[[], object]]:
    """Of all that a start reads besides policies, each on its own, so that one mistake hides no other."""
    return [
        lambda: check_shadows(settings),
        lambda: load_triggers(settings.triggers_file),
        lambda: load_checks(settings.checks_file),
        lambda: prompts_of(settings),
        lambda: file_baselines(settings),
    ]


def _problem(read: Callable[[], object]) -> str:
    try:
        read()
    except ConfigError as wrong:
        return str(wrong)
    return ""
