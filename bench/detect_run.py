"""Detectors on streams: what each said and where, and what it cost."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from bench.detect_peers import ANOMALY, REFUSAL, TOX, Contender, Peer, size_bytes
from proxy.commands.replay.header import Header
from proxy.commands.replay.output import Output
from proxy.commands.replay.reading import Replay
from proxy.core.evidence.state import to_json
from proxy.core.policies.policy import Policy

PAGES: Final = ("warning", "critical", "critical*")
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


def run_ours(first: Header, stream: Sequence[Mapping[str, Any]], policy: Policy) -> Result:
    """Groundwire, by the engine of `groundwire replay`, with panes of 60 s."""
    lines, printed = [orjson.dumps(one) for one in stream], io.BytesIO()
    replay = Replay(first, policy, 60, Output(printed, io.StringIO()))
    begin_s = time.process_time()
    replay.feed(lines, 2)
    replay.finish()
    result = Result(spent_s=time.process_time() - begin_s)
    for alarm in map(orjson.loads, printed.getvalue().splitlines()):
        _note(result, alarm)
    states = (to_json(one.state) for one in replay.followers.values())
    result.state_bytes = max(len(json.dumps(state, separators=(",", ":"))) for state in states)
    return result


def _note(result: Result, alarm: Mapping[str, Any]) -> None:
    if alarm["severity"] in PAGES:
        result.pages.append((alarm["i"], alarm["signal"]))
        result.criticals += alarm["severity"] != "warning"
    elif alarm["severity"] == "changed":
        result.changes.append((alarm["i"], alarm["signal"]))
    elif alarm["severity"] == "recovered" and alarm["signal"] == REFUSAL and result.recovered_at is None:
        result.recovered_at = alarm["i"]


def run_theirs(contender: Contender, values: Sequence[tuple[int, str, float]]) -> Result:
    """A peer: one detector for each signal that it watches."""
    made = ((signal, contender.make(signal)) for signal in (REFUSAL, TOX, ANOMALY))
    series: dict[str, Peer] = {signal: peer for signal, peer in made if peer is not None}
    result = Result()
    begin_s = time.process_time()
    for i, signal, value in values:
        if signal in series and series[signal].update(value):
            result.pages.append((i, signal))
    result.spent_s = time.process_time() - begin_s
    result.state_bytes = sum(map(size_bytes, series.values()))
    return result


def values_of(stream: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, str, float]]:
    """What a monitor sees that knows no weights and no categories: evaluated answers of users."""
    for record in stream:
        if record["weight"] is None or record["canary"]:
            continue
        if record["harm_category"] is not None:
            yield record["i"], REFUSAL, record["refusal"]
        yield record["i"], TOX, float(record["toxicity"] > TOXIC_OVER)
        yield record["i"], ANOMALY, record["anomaly"]
