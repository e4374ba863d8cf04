"""alibi-detect's online Fisher exact test, in a Python of its own: it wants an older numpy than ours.

The other side is `bench/detect_alibi_server.py`: one line in, the refusals of a stream as 0 and 1; one line out, the
places at which it says drift, and the seconds that took.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from bench.detect_peers import REFUSAL
from bench.detect_run import Result, Value

SERVER = Path(__file__).with_name("detect_alibi_server.py")


class Alibi:
    """Configured once, for a reference with this rate (that takes minutes); begun anew for each stream."""

    def __init__(self, python: str, rate: float) -> None:
        self._process = subprocess.Popen(
            [python, str(SERVER), str(rate)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def run(self, refusals: Sequence[tuple[int, int]]) -> Result:
        """Its pages on the refusals (record, 0 or 1) of a stream. Raises RuntimeError where the other side ended."""
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None and pipe_out is not None
        pipe_in.write(orjson.dumps([value for _, value in refusals]) + b"\n")
        pipe_in.flush()
        answer = pipe_out.readline()
        if not answer:
            raise RuntimeError(f"{SERVER.name} ended; run it by hand to see why: it needs alibi-detect")
        said = orjson.loads(answer)
        pages = [(refusals[place][0], REFUSAL) for place in said["drifts"]]
        return Result(pages=pages, spent_s=said["spent_s"], state_bytes=said["state_bytes"])


class AlibiRun:
    """It on one stream."""

    def __init__(self, alibi: Alibi) -> None:
        self._alibi, self._refusals = alibi, list[tuple[int, int]]()

    def feed(self, _block: Sequence[Mapping[str, Any]], values: Sequence[Value]) -> None:
        """Kept until the end: it takes a stream whole."""
        self._refusals.extend((i, int(value)) for i, signal, value in values if signal == REFUSAL)

    def result(self) -> Result:
        """What it said."""
        return self._alibi.run(self._refusals)
