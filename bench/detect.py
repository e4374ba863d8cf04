"""Groundwire's detector beside others, on seeded streams: pages where nothing is wrong, delay where something is.

    python -m bench.detect [--quick] [--seeds N] [--alibi PYTHON]

Prints Markdown. Pages are lines that wake somebody (warning, critical, critical*). A delay is counted in responses, all
traffic (ten a second), from the moment at which the line is truly crossed. Times are of this machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Final

import orjson

from bench.detect_alibi import Alibi
from bench.detect_peers import ANOMALY, REFUSAL, TOX, contenders, missing
from bench.detect_run import Result, run_ours, run_theirs, values_of
from bench.detect_streams import NULLS, PLANTED, RATES, Scenario, Size, header, records
from bench.detect_tables import OURS, Key, Ran, cost_table, delay_table, null_table, rival_table, shift_table
from proxy.commands.replay.header import Header, read_header
from proxy.config.policies import read_policy

LINES: Final = {REFUSAL: 0.9 * statistics.mean(RATES.values()), TOX: 0.05, ANOMALY: 0.001}
QUICK, WHOLE = Size(24_000, baseline=60_000), Size(150_000)
ALIBI: Final = ("alibi-detect FET", "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all of it and print."""
    parser = argparse.ArgumentParser(description="Detectors beside each other.")
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--seeds", type=int, default=0, help="streams of each kind (default: 1 with --quick, else 2)")
    parser.add_argument("--alibi", default="", help="a Python that has alibi-detect; it wants an older numpy than ours")
    asked = parser.parse_args(arguments)
    size, seeds = (QUICK, asked.seeds or 1) if asked.quick else (WHOLE, asked.seeds or 2)
    begin_s = time.perf_counter()
    firsts = [read_header(orjson.dumps(header(seed, size))) for seed in range(seeds)]
    alibi = Alibi(asked.alibi, statistics.mean(RATES.values())) if asked.alibi else None
    found = {scenario.name: _all_on(scenario, size, firsts, alibi) for scenario in (*NULLS, *PLANTED)}
    defaults = [(one.name, one.setting) for one in contenders(LINES) if one.is_default]
    ran = Ran(found, [*defaults, *([ALIBI] if alibi else [])], size.records)
    for table in (null_table(ran), delay_table(ran), rival_table(ran), cost_table(ran), shift_table(quick=asked.quick)):
        _print(table)
    if gone := [*missing(), *([] if alibi else ["alibi-detect (make bench-detect-alibi)"])]:
        _print([f"Not run here, so not compared: {', '.join(gone)}."])
    _print([f"{seeds} streams of {size.records:,} responses each; {time.perf_counter() - begin_s:.0f} s in all."])
    return 0


def _all_on(scenario: Scenario, size: Size, firsts: Sequence[Header], alibi: Alibi | None) -> dict[Key, list[Result]]:
    """Every detector on this scenario: one result for each seed."""
    policy, _ = read_policy("default")
    found: dict[Key, list[Result]] = {}
    for seed, first in enumerate(firsts):
        sys.stderr.write(f"{scenario.name} {seed}\n")
        stream = list(records(seed, scenario, size))
        values = list(values_of(stream))
        found.setdefault((OURS, ""), []).append(run_ours(first, stream, policy))
        for one in contenders(LINES):
            found.setdefault((one.name, one.setting), []).append(run_theirs(one, values))
        if alibi is not None:
            found.setdefault(ALIBI, []).append(alibi.run(values))
    return found


def _print(rows: Iterable[str]) -> None:
    sys.stdout.write("\n".join(rows) + "\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
