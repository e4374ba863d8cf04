"""Which baseline a route has: the one of its file, the one it learnt, or none yet. Pure but for reading the file."""

from __future__ import annotations

import hashlib

import orjson

from proxy.config.files import Files
from proxy.config.settings import Settings
from proxy.core.baselines import baseline as baselines
from proxy.core.baselines import versions
from proxy.core.baselines.baseline import Baseline
from proxy.core.errors import ConfigError, Place
from proxy.core.policies.policy import Policy


def read_baseline(file: str, files: Files | None = None) -> Baseline:
    """A baseline from its JSON file, or from what `groundwire baseline export` wrote. Raises ConfigError."""
    return (files or Files()).take(file, parse_baseline)


def parse_baseline(text: str, file: str) -> Baseline:
    """A baseline from the text of a file. Raises ConfigError."""
    try:
        return versions.from_json(orjson.loads(text), file).baseline
    except ValueError as wrong:
        raise ConfigError([(Place(file), f"not JSON: {wrong}")]) from wrong


def file_baselines(settings: Settings, files: Files | None = None) -> dict[str, Baseline]:
    """By route name, those that the settings name a file for. Raises ConfigError with every problem."""
    found: dict[str, Baseline] = {}
    problems: list[tuple[Place, str]] = []
    for name, own in settings.routes.items():
        if own.baseline_file:
            try:
                found[name] = read_baseline(own.baseline_file, files)
            except ConfigError as wrong:
                problems += wrong.problems
    if problems:
        raise ConfigError(problems)
    return found


def warning_line(baseline: Baseline | None, policy: Policy) -> float | None:
    """The overall warning line as a rate, in the baseline's own mix; None without a baseline.

    It is drawn from the lower limit of the whole rate: a base is held to what the candidate is held to.
    """
    if baseline is None or baseline.n == 0:
        return None
    return policy.lines.refusal_overall.warning * lower(baseline, policy)


def lower(baseline: Baseline, policy: Policy) -> float:
    """The rate over all categories that the true one exceeds, each category at its own lower limit."""
    if baseline.n == 0:
        return 0.0
    confidence = policy.baseline.confidence
    return sum(tally.n * tally.lower(confidence) for tally in baseline.refusals.values()) / baseline.n


def digest(baseline: Baseline) -> str:
    """The first 16 hex digits of the SHA-256 of its JSON: what people compare."""
    return hashlib.sha256(orjson.dumps(baselines.to_json(baseline))).hexdigest()[:16]
