"""Limits of this machine and container beside what the settings will ask for: memory, CPU, open files."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.config.settings import Settings
from proxy.doctor.cgroup import Container, read_container
from proxy.doctor.finding import Finding, note, ok, warn
from proxy.doctor.scene import Scene

CPUS_MIN: Final = 0.5
FILES_BESIDE: Final = 256  # what Python, the link, the store and logs keep open
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Machine:
    """`memory_bytes` of the machine; `files_max`: the soft limit of open files, of this shell or container."""

    container: Container
    memory_bytes: int
    cpus: int
    files_max: int
    root: bool


async def look(scene: Scene) -> Sequence[Finding]:
    """All from files of the kernel."""
    return list(judge(scene.settings, _machine()))


def _machine() -> Machine:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(read_container(), memory, cpus, files, os.geteuid() == 0)


def judge(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """Pure."""
    yield from _memory(settings.analysis.memory_bytes_max, machine)
    yield from _cpu(settings.classifiers.threads, machine)
    yield _files(settings, machine.files_max)
    if machine.root:
        yield note("this runs as root; the image runs as user 65532", "", "run Groundwire as a user of its own")


def _memory(wanted: int, machine: Machine) -> Iterator[Finding]:
    limit = machine.container.memory_bytes or machine.memory_bytes
    whose = "container" if machine.container.memory_bytes else "machine"
    where = "analysis.memory_bytes_max"
    told = f"{limit // MIB} MiB of memory in this {whose}"
    if not wanted:
        mend = f"set {where} to 70 % of the container's limit"
        yield warn(f"{told}, and analysis has no limit of its own", where, mend)
    elif wanted >= limit:
        mend = f"set {where} below it (70 % leaves room), or give the {whose} more memory"
        yield warn(f"{told}, and analysis may take {wanted // MIB}: it is ended before it ends itself", where, mend)
    else:
        yield ok(f"{told}, analysis ends itself above {wanted // MIB}", where)


def _cpu(threads: int, machine: Machine) -> Iterator[Finding]:
    cpus = min(machine.container.cpus or machine.cpus, machine.cpus)
    if cpus < CPUS_MIN:
        yield warn(f"{cpus:g} CPUs: most answers will not be judged", "", "give analysis at least half a core")
    elif threads > cpus:
        yield warn(f"{threads} threads on {cpus:g} CPUs", "classifiers.threads", "set it to 1")
    else:
        yield ok(f"{cpus:g} CPUs")


def _files(settings: Settings, files_max: int) -> Finding:
    limits, where = settings.limits, "limits.connections_max"
    needed = limits.connections_max + len(settings.upstreams) * limits.upstream_connections_max + FILES_BESIDE
    if files_max == resource.RLIM_INFINITY or files_max >= needed:
        return ok(f"{_count(files_max)} open files are allowed, {needed} would be the most")
    text = f"{files_max} open files are allowed here, and the limits of connections need {needed}"
    return warn(text, where, f"raise the limit where Groundwire starts (ulimit -n {needed}), or lower {where}")


def _count(files_max: int) -> str:
    return "any number of" if files_max == resource.RLIM_INFINITY else str(files_max)
