"""`groundwire replay`: records in, alarms out."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from proxy.commands.replay.errors import BadStream
from proxy.commands.replay.header import read_header
from proxy.commands.replay.output import Output
from proxy.commands.replay.panes import replay_panes
from proxy.commands.replay.reading import Replay
from proxy.config.policies import read_policy
from proxy.config.settings import Settings


def replay(arguments: Namespace) -> int:
    """0; 1 where a line could not be used, or a stored decision comes out otherwise: named on stderr, with the number.

    Raises BadStream where nothing can be replayed.
    """
    output = Output(sys.stdout.buffer, sys.stderr)
    if arguments.panes is not None:
        return 1 if replay_panes(arguments.panes, output) else 0
    policy, _ = read_policy(arguments.policy)
    with _opened(arguments.file) as source:
        begin_s = time.process_time()
        run = Replay(read_header(source.readline()), policy, round(Settings().pane_s), output)
        learnt_s = time.process_time()
        run.feed(source, 2)
        run.finish()
        used_s = time.process_time() - learnt_s
    _warn(run, output)
    if arguments.stats:
        _stats(run, output, learnt_s - begin_s, used_s)
    return 1 if run.tally.bad else 0


@contextmanager
def _opened(name: str | None) -> Iterator[BinaryIO]:
    if name is None:
        yield sys.stdin.buffer
        return
    try:
        with Path(name).open("rb", buffering=1 << 20) as source:
            yield source
    except OSError as wrong:
        raise BadStream(f"{name}: {wrong.strerror or wrong}") from wrong


def _warn(run: Replay, output: Output) -> None:
    """What was left out of the evidence, and why."""
    for what, n in sorted(run.tally.rejected.items()):
        output.note(
            f"{n} records in no count of {what}: an inclusion probability off the grid, or below the lowest published"
        )
    if run.tally.late:
        output.note(f"{run.tally.late} records came after their pane had closed, and are in no count")


def _stats(run: Replay, output: Output, header_s: float, used_s: float) -> None:
    tally, looks = run.tally, sum(follower.looks for follower in run.followers.values())
    records = max(0, tally.lines - 1)
    output.note(
        f"{records} records of {len(run.followers)} routes in {used_s:.3f} s of one core:"
        f" {records / max(used_s, 1e-9):,.0f} a second; header {header_s:.3f} s; {looks} looks;"
        f" {output.alarms} lines printed; {tally.unsampled} unsampled, {tally.duplicates} duplicates,"
        f" {tally.late} late, {tally.bad} bad"
    )
