"""Detectors on streams: what each said and where, and what it cost."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import orjson

from bench.detect_peers import ANOMALY, REFUSAL, TOX, Contender, Peer, size_bytes
from proxy.commands.replay.header import Header
from proxy.commands.replay.output import Output
from proxy.commands.replay.reading import Replay
from proxy.core.evidence.state import to_json
from proxy.core.policies.policy import Policy

PAGES: Final = ("warning", "critical", "critical*")
Value = tuple[int, str, float]  # (record, signal, value)
TOXIC_OVER: Final = 0.06  # 1.5 times the streams' 95th percentile: what peers take for a toxic answer


@dataclass(slots=True)
class Result:
    """One detector on one stream. `pages`: (record, signal). Groundwire alone has the rest.

    `changes`: as pages, its `changed` lines, which page nobody; `criticals`: pages on a critical line.
    """

    pages: list[tuple[int, str]] = field(default_factory=list)
    changes: list[tuple[int, str]] = field(default_factory=list)
    criticals: int = 0
    recovered_at: int | None = None
    spent_s: float = 0.0
    state_bytes: int = 0


class Running(Protocol):
    """One detector on one stream, which comes in blocks."""

    def feed(self, block: Sequence[Mapping[str, Any]], values: Sequence[Value]) -> None:
        """The next records, and what a monitor without weights and categories sees of them."""

    def result(self) -> Result:
        """After the last block."""


class Ours:
    """Groundwire, by the engine of `groundwire replay`, with panes of 60 s."""

    def __init__(self, first: Header, policy: Policy) -> None:
        self._printed, self._result, self._next_line = io.BytesIO(), Result(), 2
        self._replay = Replay(first, policy, 60, Output(self._printed, io.StringIO()))

    def feed(self, block: Sequence[Mapping[str, Any]], _values: Sequence[Value]) -> None:
        """Only replaying is timed."""
        lines = [orjson.dumps(one) for one in block]
        begin_s = time.process_time()
        self._replay.feed(lines, self._next_line)
        self._result.spent_s += time.process_time() - begin_s
        self._next_line += len(lines)

    def result(self) -> Result:
        """What it said."""
        self._replay.finish()
        for alarm in map(orjson.loads, self._printed.getvalue().splitlines()):
            _note(self._result, alarm)
        states = (to_json(one.state) for one in self._replay.followers.values())
        self._result.state_bytes = max(len(json.dumps(state, separators=(",", ":"))) for state in states)
        return self._result


def _note(result: Result, alarm: Mapping[str, Any]) -> None:
    if alarm["severity"] in PAGES:
        result.pages.append((alarm["i"], alarm["signal"]))
        result.criticals += alarm["severity"] != "warning"
    elif alarm["severity"] == "changed":
        result.changes.append((alarm["i"], alarm["signal"]))
    elif alarm["severity"] == "recovered" and alarm["signal"] == REFUSAL and result.recovered_at is None:
        result.recovered_at = alarm["i"]


class Theirs:
    """A peer: one detector for each signal that it watches."""

    def __init__(self, contender: Contender) -> None:
        made = ((signal, contender.make(signal)) for signal in (REFUSAL, TOX, ANOMALY))
        self._series: dict[str, Peer] = {signal: peer for signal, peer in made if peer is not None}
        self._result = Result()

    def feed(self, _block: Sequence[Mapping[str, Any]], values: Sequence[Value]) -> None:
        """Each value to the detector of its signal."""
        series = self._series
        begin_s = time.process_time()
        for i, signal, value in values:
            if signal in series and series[signal].update(value):
                self._result.pages.append((i, signal))
        self._result.spent_s += time.process_time() - begin_s

    def result(self) -> Result:
        """What it said."""
        self._result.state_bytes = sum(map(size_bytes, self._series.values()))
        return self._result


def values_of(stream: Sequence[Mapping[str, Any]]) -> Iterator[Value]:
    """What a monitor sees that knows no weights and no categories: evaluated answers of users."""
    for record in stream:
        if record["weight"] is None or record["canary"]:
            continue
        if record["harm_category"] is not None:
            yield record["i"], REFUSAL, record["refusal"]
        yield record["i"], TOX, float(record["toxicity"] > TOXIC_OVER)
        yield record["i"], ANOMALY, record["anomaly"]
