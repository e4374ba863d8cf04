"""Groundwire's detector beside others, on seeded streams: pages where nothing is wrong, delay where something is.

    python -m bench.detect [--quick] [--seeds N]

Prints Markdown. Pages are lines that wake somebody (warning, critical, critical*). A delay is counted in responses, all
traffic, from the moment at which the line is truly crossed. Times are of this machine.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from bench.detect_oracle import TABLE, clairvoyant, observations_to_alarm
from bench.detect_peers import ANOMALY, REFUSAL, TOX, Peer, missing, peers, size_bytes
from bench.detect_streams import NULLS, PLANTED, RATES, Scenario, Size, header, records
from proxy.commands.replay.header import Header, read_header
from proxy.commands.replay.output import Output
from proxy.commands.replay.reading import Replay
from proxy.config.policies import read_policy
from proxy.core.policy import Policy
from proxy.core.state import to_json

OURS: Final = "Groundwire"
PAGES: Final = ("warning", "critical", "critical*")
LINES: Final = {REFUSAL: 0.9 * statistics.mean(RATES.values()), TOX: 0.05, ANOMALY: 0.001}
QUICK, WHOLE = Size(24_000, baseline=60_000), Size(150_000)
SHOWN: Final = (0, 1, 3, 5, 7, 8)  # rows of the table of shifts that `--quick` has time for: all but the smallest


@dataclass(slots=True)
class Result:
    """One detector on one stream. `pages`: (record, signal); `criticals`: of them, those on a critical line."""

    pages: list[tuple[int, str]] = field(default_factory=list)
    criticals: int = 0
    recovered_at: int | None = None
    spent_s: float = 0.0
    state_bytes: int = 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all of it and print."""
    parser = argparse.ArgumentParser(description="Detectors beside each other.")
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--seeds", type=int, default=0, help="streams of each kind (default: 1 with --quick, else 2)")
    asked = parser.parse_args(arguments)
    size, seeds = (QUICK, asked.seeds or 1) if asked.quick else (WHOLE, asked.seeds or 2)
    begin_s = time.perf_counter()
    firsts = [read_header(orjson.dumps(header(seed, size))) for seed in range(seeds)]
    found = {scenario.name: _all_on(scenario, size, firsts) for scenario in (*NULLS, *PLANTED)}
    _print(_null_table(found, size, seeds))
    _print(_delay_table(found, size))
    _print(_cost_table(found, size, seeds))
    _print(_shift_table(quick=asked.quick))
    if gone := missing():
        _print([f"Not installed here, so not compared: {', '.join(gone)}."])
    _print([f"{seeds} streams of {size.records:,} responses each; {time.perf_counter() - begin_s:.0f} s in all."])
    return 0


Found = dict[str, list[Result]]  # detector -> one for each seed


def _all_on(scenario: Scenario, size: Size, firsts: Sequence[Header]) -> Found:
    found: Found = defaultdict(list)
    policy, _ = read_policy("default")
    for seed, first in enumerate(firsts):
        sys.stderr.write(f"{scenario.name} {seed}\n")
        stream = list(records(seed, scenario, size))
        found[OURS].append(_ours(first, stream, policy))
        for name, make in peers(LINES).items():
            series = {signal: peer for signal in LINES if (peer := make(signal)) is not None}
            found[name].append(_theirs(series, stream))
    return found


def _ours(first: Header, stream: list[dict[str, Any]], policy: Policy) -> Result:
    lines, printed = [orjson.dumps(one) for one in stream], io.BytesIO()
    replay = Replay(first, policy, 60, Output(printed, io.StringIO()))
    begin_s = time.process_time()
    replay.feed(lines, 2)
    replay.finish()
    result = Result(spent_s=time.process_time() - begin_s)
    for alarm in map(orjson.loads, printed.getvalue().splitlines()):
        if alarm["severity"] in PAGES:
            result.pages.append((alarm["i"], alarm["signal"]))
            result.criticals += alarm["severity"] != "warning"
        elif alarm["severity"] == "recovered" and alarm["signal"] == REFUSAL and result.recovered_at is None:
            result.recovered_at = alarm["i"]
    states = (to_json(one.state) for one in replay.followers.values())
    result.state_bytes = max(len(json.dumps(state, separators=(",", ":"))) for state in states)
    return result


def _theirs(series: dict[str, Peer], stream: list[dict[str, Any]]) -> Result:
    result, values = Result(), list(_values(stream, series))
    begin_s = time.process_time()
    for i, signal, value in values:
        if series[signal].update(value):
            result.pages.append((i, signal))
    result.spent_s = time.process_time() - begin_s
    result.state_bytes = sum(map(size_bytes, series.values()))
    return result


def _values(stream: list[dict[str, Any]], series: dict[str, Peer]) -> Iterator[tuple[int, str, float]]:
    """What a monitor sees that knows no weights: evaluated answers of users. The 0.05 line is on scores above 0.06."""
    for record in stream:
        if record["weight"] is None or record["canary"]:
            continue
        if record["harm_category"] is not None and REFUSAL in series:
            yield record["i"], REFUSAL, record["refusal"]
        if TOX in series:
            yield record["i"], TOX, float(record["toxicity"] > 0.06)
        if ANOMALY in series:
            yield record["i"], ANOMALY, record["anomaly"]


def _null_table(found: dict[str, Found], size: Size, seeds: int) -> list[str]:
    names = [scenario.name for scenario in NULLS]
    rows = [
        "| pages per million responses | " + " | ".join(names) + " | all | critical |",
        "|---" * (len(names) + 3) + "|",
    ]
    millions = size.records * seeds / 1e6
    for detector in found[names[0]]:
        pages = [sum(len(one.pages) for one in found[name][detector]) / millions for name in names]
        criticals = sum(one.criticals for name in names for one in found[name][detector])
        shown = str(criticals) if detector == OURS else ""
        cells = " | ".join(f"{n:.0f}" for n in (*pages, statistics.mean(pages)))
        rows.append(f"| {detector} | {cells} | {shown} |")
    return rows


def _delay_table(found: dict[str, Found], size: Size) -> list[str]:
    names = [scenario.name for scenario in PLANTED]
    rows = ["| delay in responses (false pages before) | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for detector in found[names[0]]:
        cells = [_delay(scenario, found[scenario.name][detector], size) for scenario in PLANTED]
        rows.append(f"| {detector} | " + " | ".join(cells) + " |")
    return rows


def _delay(scenario: Scenario, results: Sequence[Result], size: Size) -> str:
    crossed = scenario.crossed_at * size.records
    if scenario.severity == "recovered":
        delays = [one.recovered_at - crossed for one in results if one.recovered_at is not None]
        return f"{statistics.mean(delays):,.0f}" if delays else "-"
    family = scenario.signal.partition("_")[0]
    after = [[i for i, signal in one.pages if i >= crossed and signal.startswith(family)] for one in results]
    early = sum(i < crossed for one in results for i, _ in one.pages)
    if not all(after):
        return f"missed ({early})"
    return f"{statistics.mean(pages[0] - crossed for pages in after):,.0f} ({early})"


def _cost_table(found: dict[str, Found], size: Size, seeds: int) -> list[str]:
    rows = ["| cost | us a response | bytes of state a route |", "|---|---|---|"]
    for detector in next(iter(found.values())):
        results = [one for of in found.values() for one in of[detector]]
        each_us = sum(one.spent_s for one in results) / (size.records * seeds * len(found)) * 1e6
        rows.append(f"| {detector} | {each_us:.2f} | {max(one.state_bytes for one in results):,} |")
    return rows


def _shift_table(*, quick: bool) -> list[str]:
    """The table of detection section 5, computed anew."""
    rows = ["| line -> rate | clairvoyant CUSUM | e-detector: mean, p90 | ratio |", "|---|---|---|---|"]
    for place in SHOWN if quick else range(len(TABLE)):
        shift = TABLE[place]
        best, found = clairvoyant(shift), observations_to_alarm(shift, 400, seed=place)
        mean, p90 = float(found.mean()), statistics.quantiles(found, n=10)[-1]
        rows.append(f"| {shift.m} -> {shift.rate} | {best:,.0f} | {mean:,.0f}, {p90:,.0f} | {mean / best:.2f} |")
    return rows


def _print(rows: Sequence[str]) -> None:
    sys.stdout.write("\n".join(rows) + "\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
