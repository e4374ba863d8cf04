"""What this container may have: memory and CPU, of cgroup version 1 and 2."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path("/sys/fs/cgroup")
NO_LIMIT: Final = 1 << 60  # version 1 says "no limit" with a number near 2**63


@dataclass(frozen=True, slots=True)
class Container:
    """Limits, 0 where there is none or none can be read. `used_bytes`: without what the kernel can let go at once."""

    memory_bytes: int = 0
    used_bytes: int = 0
    cpus: float = 0.0

    @property
    def room_bytes(self) -> int:
        """What is left of the limit; without a limit, very much."""
        return max(0, self.memory_bytes - self.used_bytes) if self.memory_bytes else NO_LIMIT


def read_container(root: Path = ROOT) -> Container:
    """The limits of this process's container."""
    return Container(_memory(root), _used(root), _cpus(root))


def _memory(root: Path) -> int:
    found = _number(root / "memory.max") or _number(root / "memory/memory.limit_in_bytes")
    return found if found < NO_LIMIT else 0


def _used(root: Path) -> int:
    used = _number(root / "memory.current") or _number(root / "memory/memory.usage_in_bytes")
    stat = _text(root / "memory.stat") or _text(root / "memory/memory.stat")
    words = dict(line.split(maxsplit=1) for line in stat.splitlines() if " " in line)
    cached = words.get("total_inactive_file") or words.get("inactive_file") or "0"
    return max(0, used - int(cached)) if cached.isdigit() else used


def _cpus(root: Path) -> float:
    quota, _, period = _text(root / "cpu.max").partition(" ")
    if not quota:
        quota, period = _text(root / "cpu/cpu.cfs_quota_us"), _text(root / "cpu/cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else 0.0


def _number(path: Path) -> int:
    text = _text(path)
    return int(text) if text.isdigit() else 0


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text().strip()
    return ""
