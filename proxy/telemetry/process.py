"""What any process says of itself: its version, times, CPU, memory, files, and whether its settings were taken."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from proxy import VERSION
from proxy.telemetry import both as declared
from proxy.telemetry.metrics import Sample, sample

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class Life:
    """Of one process, `name` is traffic or analysis. `started_s`, `taken_s`: Unix seconds.

    `taken` says whether the last reading of settings and policies was taken, `taken_s` when one was last.
    """

    name: str
    started_s: float
    taken: bool = True
    taken_s: float = 0.0

    def took(self, now_s: float) -> None:
        """New settings hold."""
        self.taken, self.taken_s = True, now_s

    def refused(self) -> None:
        """New settings were wrong: the old ones hold."""
        self.taken = False

    def samples(self) -> Iterator[Sample]:
        """The metrics of this moment. Where the system does not tell, one is left out."""
        yield sample(declared.BUILD, 1, version=VERSION, process=self.name)
        yield sample(declared.START_TIME, self.started_s)
        yield sample(declared.RELOADED, self.taken)
        yield sample(declared.RELOADED_TIMESTAMP, self.taken_s or self.started_s)
        yield sample(declared.CPU, time.process_time())
        yield sample(declared.OPEN_FILES_MAX, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        for metric, value in ((declared.MEMORY, resident_bytes()), (declared.OPEN_FILES, open_files())):
            if value:
                yield sample(metric, value)


def open_files() -> int:
    """Open file descriptors, 0 where the system does not tell.

    Linux tells from 6.2 on; before that they would have to be listed, which takes traffic milliseconds with thousands.
    """
    try:
        return os.stat("/proc/self/fd").st_size  # noqa: PTH116 - no Path for each
    except OSError:
        return 0


def resident_bytes() -> int:
    """Resident memory of this process, 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0
