"""Less CPU priority than traffic: what analysis can wait for, a client cannot."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

NICE: Final = 10
AUTOGROUP: Final = Path("/proc/self/autogroup")


def give_way() -> None:
    """Be nice to all others, also to those of other sessions. Never raises."""
    if os.getpriority(os.PRIO_PROCESS, 0) < NICE:
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    if os.getsid(0) == os.getpid():  # only where the session is ours alone
        _give_way_as_a_session()


def _give_way_as_a_session() -> None:
    """Linux may share a CPU out by session first (sched(7), autogroup); nice then counts only inside one."""
    try:
        AUTOGROUP.write_text(str(NICE))
    except OSError:
        return  # a kernel without it, or a container that may not: nice alone has to do
