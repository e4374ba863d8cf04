"""What judges: each model's checksums, a trial on probe texts, the time of one text, and what the CPU can do."""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from proxy.classifiers.adding.probes import PROBES
from proxy.classifiers.adding.trial import tried
from proxy.classifiers.contract import Item, Role
from proxy.classifiers.fields import ModelError
from proxy.classifiers.guard import Guard
from proxy.classifiers.loading import find_model
from proxy.config.sections.judging import Classifiers, RemoteClassifier
from proxy.doctor.aside import addresses, aside
from proxy.doctor.cgroup import read_container
from proxy.doctor.checks.upstreams import reason
from proxy.doctor.finding import Finding, fail, note, ok, warn
from proxy.doctor.scene import CALL_S, Scene

ROOM_BYTES: Final = 400 * 1024 * 1024  # what a trial needs; a container at its limit would end everything in it
TIMED: Final = 5
SLOW_MS: Final = 100.0
CPU_INFO: Final = Path("/proc/cpuinfo")


async def look(scene: Scene) -> Sequence[Finding]:
    """Local models in a thread, others by a connection; no text leaves this machine."""
    settings = scene.settings.classifiers
    remote = await asyncio.gather(*(_remote(one, scene) for one in settings.remote))
    if not settings.enabled:
        mend = "set classifiers.enabled: true, and make a new baseline"
        return [
            note("classifiers.enabled is false: cue lists judge, not a model", "classifiers.enabled", mend),
            *remote,
        ]
    local = await aside(lambda: list(_local(settings)))
    return [*local, *judge_cpu(_cpu_flags(), platform.machine()), *remote]


def _local(settings: Classifiers) -> Iterator[Finding]:
    further = {"classifiers.also": settings.also, "classifiers.previous": settings.previous}
    named = [("classifiers.model", settings.model), *((key, one) for key, some in further.items() for one in some)]
    for key, name in named:
        try:
            folder = find_model(name)
            if (room := read_container().room_bytes) < ROOM_BYTES:
                yield note(
                    f"{folder.name} was not tried: this container has {room >> 20} MiB of memory left",
                    key,
                    "run `groundwire models verify` where there is more room",
                )
                continue
            guard = tried(folder)
            yield judge_speed(guard.version, _median_ms(guard), key)
        except ModelError as wrong:
            yield fail(str(wrong), key, "restore the model's folder, or name another one; until then cue lists judge")


def _median_ms(guard: Guard) -> float:
    item, times = Item(PROBES[0], Role.RESPONSE, PROBES[1]), []
    for _ in range(TIMED):
        began_s = time.perf_counter()
        guard.score([item])
        times.append(time.perf_counter() - began_s)
    return statistics.median(times) * 1_000


def judge_speed(version: str, took_ms: float, where: str) -> Finding:
    """A model that is whole, and the time of a short text. Pure."""
    text = f"{version}: checksums hold, probe texts are judged, {took_ms:.1f} ms a short text"
    if took_ms > SLOW_MS:
        return warn(text, where, "give analysis more CPU, or let sampling judge fewer answers (sampling.cpu_share)")
    return ok(text, where)


def judge_cpu(flags: frozenset[str], machine: str) -> list[Finding]:
    """What int8 models can use. `flags`: as /proc/cpuinfo has them; none where it cannot be read. Pure."""
    if not flags or machine not in {"x86_64", "AMD64"}:
        return []
    if any("vnni" in flag for flag in flags):
        return [ok("the CPU has VNNI: int8 models run at full speed")]
    if "avx2" in flags:
        return [note("the CPU has AVX2 but no VNNI: int8 models take about twice the time they need with it")]
    mend = "run analysis on a CPU with AVX2; sampling judges fewer answers here"
    return [warn("the CPU has no AVX2: judging a text takes several times longer", "", mend)]


def _cpu_flags() -> frozenset[str]:
    try:
        lines = CPU_INFO.read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), []))


async def _remote(one: RemoteClassifier, scene: Scene) -> Finding:
    """Whether it can be reached and has its key. Nothing is asked of it: that would cost, and send a text."""
    where, parts = f"classifiers.remote ({one.name})", urlsplit(one.url)
    if (one.key_env and not scene.environment.get(one.key_env)) or (one.key_file and not _readable(one.key_file)):
        named = one.key_env or one.key_file
        return fail(f"its key in {named} is empty or cannot be read", where, f"put the key into {named}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(CALL_S):
            await addresses(parts.hostname or "", port)
            _, writer = await asyncio.open_connection(parts.hostname, port)
            writer.close()
    except (OSError, TimeoutError) as wrong:
        text = f"{parts.hostname}:{port} takes no connection ({reason(wrong)})"
        return warn(text, where, "correct its url, or open the way there; answers are judged without it meanwhile")
    return ok(f"{parts.hostname}:{port} takes connections", where)


def _readable(file: str) -> bool:
    return os.access(file, os.R_OK)
