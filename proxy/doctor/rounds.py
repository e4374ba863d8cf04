"""The round of a doctor: every check side by side, each bounded in time; one that raises is itself a finding."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.config.load import load
from proxy.core.errors import ConfigError
from proxy.doctor.finding import Finding, Level, fail, ok, redacted, warn
from proxy.doctor.registry import CHECKS
from proxy.doctor.running import look
from proxy.doctor.scene import Check, Scene

SETTINGS: Final = "Settings"
ROUND_S: Final = 28.0  # with all that is around it under half a minute


@dataclass(frozen=True, slots=True)
class Told:
    """The findings of one check."""

    title: str
    findings: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The whole round, in the order of the registry. `source` names the settings."""

    source: str
    told: Sequence[Told]

    def count(self, level: Level) -> int:
        """How many findings are of this level."""
        return sum(one.level is level for told in self.told for one in told.findings)

    @property
    def exit_code(self) -> int:
        """1 where something must be mended, else 0."""
        return int(self.count(Level.FAIL) > 0)


async def diagnose(
    file: str, flags: Sequence[str], environment: Mapping[str, str], checks: Sequence[Check] = CHECKS
) -> Diagnosis:
    """Everything that can be said. Settings with a mistake are the only finding: nothing else can be looked at."""
    source = file or "defaults and environment"
    try:
        settings = load(Path(file) if file else None, flags, environment)
    except ConfigError as wrong:
        return Diagnosis(source, [Told(SETTINGS, mistakes(wrong))])
    scene = Scene(settings, await look(settings), file, environment)
    begin, *rest = await ask_all(checks, scene)
    read = ok("every key is known and every value can be used", source)
    return Diagnosis(source, [Told(begin.title, [read, *begin.findings]), *rest])


def mistakes(wrong: ConfigError) -> list[Finding]:
    """Each problem of a file as a finding; its text says what is expected there."""
    mend = "mend it there; `groundwire check FILE` reads the file again"
    return [fail(text, str(place), mend) for place, text in wrong.problems]


async def ask_all(checks: Iterable[Check], scene: Scene) -> list[Told]:
    """All checks at once; checks of one title are told together, in their order."""
    checks = list(checks)
    found = await asyncio.gather(*(ask(check, scene) for check in checks))
    by_title: dict[str, list[Finding]] = {}
    for check, findings in zip(checks, found, strict=True):
        by_title.setdefault(check.title, []).extend(findings)
    return [Told(title, findings) for title, findings in by_title.items() if findings]


async def ask(check: Check, scene: Scene) -> list[Finding]:
    """What one check says, within its time. Never raises."""
    try:
        async with asyncio.timeout(min(check.bound_s, ROUND_S)):
            return [redacted(one) for one in await check.look(scene)]
    except TimeoutError:
        text = f"no answer within {check.bound_s:g} s"
        return [
            warn(text, "", "look why it is so slow (a name server, a network disk, a busy machine), and run it again")
        ]
    except ConfigError as wrong:
        return [redacted(one) for one in mistakes(wrong)]
    except ImportError as wrong:
        mend = "install what is missing (`make setup` in a checkout), or use the image"
        return [fail(f"a library that this needs cannot be loaded: {wrong}", "", mend)]
    except Exception as wrong:
        return [_broken(wrong)]


def _broken(wrong: Exception) -> Finding:
    """The kind and the place of a fault. Never its message: that may hold anything."""
    frames = traceback.extract_tb(wrong.__traceback__)
    at = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    text = f"this check itself failed: {type(wrong).__name__}"
    return warn(text, at, "please report it with this line; what it would have looked at is not known")
