"""The files that settings name: policies, prompts, triggers, baselines. Read as a start would read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from proxy.analysis.judging.triggers import load_triggers
from proxy.classifiers.contract import HAZARDS
from proxy.config.policies import read_policy
from proxy.config.settings import Settings
from proxy.config.taxonomy import read_taxonomy
from proxy.control.baselines.learning import read_baseline
from proxy.control.baselines.prompts import prompts_of
from proxy.control.bases.checks import load_checks
from proxy.control.policies.in_force import check_shadows, policy_files
from proxy.core.errors import GroundwireError
from proxy.doctor.aside import aside
from proxy.doctor.finding import Finding, fail, note, ok
from proxy.doctor.scene import Scene

MEND = "mend the file, or name another one; until then the last good text is in force, if there is one"


async def look(scene: Scene) -> Sequence[Finding]:
    """Each file on its own, so that one mistake hides no other."""
    return await aside(lambda: list(_all(scene.settings)))


def _all(settings: Settings) -> Iterator[Finding]:
    for name in dict.fromkeys(policy_files(settings)):
        yield _policy(name)
    wrong = [*_tried(lambda: check_shadows(settings))]
    wrong += _tried(lambda: read_taxonomy(HAZARDS))
    wrong += _tried(lambda: load_triggers(settings.triggers_file))
    wrong += _tried(lambda: load_checks(settings.checks_file))
    wrong += _tried(lambda: prompts_of(settings))
    yield from wrong or [ok("check prompts, triggers and the taxonomy can be read")]
    yield from _baselines(settings)


def _policy(name: str) -> Finding:
    try:
        policy, _ = read_policy(name)
    except GroundwireError as wrong:
        return fail(str(wrong), name, MEND)
    if policy.mode == "enforce":
        return ok(f"policy {name}: mode enforce, {policy.revert_on} reverts a route")
    return note(f"policy {name}: mode shadow, nothing is limited or reverted", name)


def _tried(read: Callable[[], object]) -> Iterator[Finding]:
    try:
        read()
    except GroundwireError as wrong:
        yield fail(str(wrong), "", MEND)


def _baselines(settings: Settings) -> Iterator[Finding]:
    for name, route in settings.routes.items():
        if not route.baseline_file:
            continue
        if Path(route.baseline_file).is_file():
            yield from _tried(partial(read_baseline, route.baseline_file))
        else:
            where = f"routes.{name}.baseline_file"
            yield fail(f"{route.baseline_file} is not there", where, "write it with `groundwire baseline export`")
