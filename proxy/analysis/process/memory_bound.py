"""The container's memory limit, kept from being reached: the kernel would end every process in the container at once
(cgroup v2 under Kubernetes), the supervisor too, and the pod would leave its Service for want of analysis.

A child that would pass its own bound is refused memory, ends, and is started again.
"""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Final

RESERVE_BYTES: Final = 64 * 1024 * 1024  # the supervisor's own, and the kernel's for both
LEAST_BYTES: Final = 256 * 1024 * 1024  # under it no child could start; then nothing is bounded
_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def container_memory_bytes(files: tuple[str, ...] = _LIMITS) -> int:
    """The memory limit of this container; 0 where there is none, or none can be read."""
    for file in files:
        try:
            text = Path(file).read_text().strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < 1 << 60:  # version 1 says "no limit" with a number near 2**63
            return int(text)
    return 0


def child_memory_bytes(limit_bytes: int) -> int:
    """What one child may have of a container with this limit; 0 is no bound."""
    bound = limit_bytes - RESERVE_BYTES
    return bound if bound >= LEAST_BYTES else 0


def bound_memory(pid: int, bound_bytes: int) -> None:
    """Refuse a process memory of its own above a bound (RLIMIT_DATA); 0 leaves it alone. Never raises."""
    if not bound_bytes:
        return
    try:
        resource.prlimit(pid, resource.RLIMIT_DATA, (bound_bytes, bound_bytes))
    except (OSError, ValueError):
        return  # it has ended, or this system does not let us
