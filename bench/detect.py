"""Groundwire's detector beside others, on seeded streams: pages where nothing is wrong, delay where something is.

    python -m bench.detect [--quick] [--seeds N] [--nulls RECORDS] [--alibi PYTHON]

Prints Markdown. Pages are lines that wake somebody (warning, critical, critical*). A delay is counted in responses, all
traffic (ten a second), from the moment at which the line is truly crossed. Times are of this machine.

`--nulls 1000000` makes the nulls longer (a million responses are a day): how rarely something pages cannot be told from
hours. Peers that are slow are left out of those: they find none of the rarer changes anyhow.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final

import orjson

from bench.detect_alibi import Alibi, AlibiRun
from bench.detect_peers import ANOMALY, REFUSAL, TOX, contenders, missing
from bench.detect_run import Ours, Result, Running, Theirs, values_of
from bench.detect_streams import NULLS, PLANTED, RATES, Scenario, Size, header, records
from bench.detect_tables import OURS, Key, Ran, cost_table, delay_table, null_table, rival_table, shift_table
from proxy.commands.replay.header import Header, read_header
from proxy.config.policies import read_policy

LINES: Final = {REFUSAL: 0.9 * statistics.mean(RATES.values()), TOX: 0.05, ANOMALY: 0.001}
QUICK, WHOLE = Size(24_000, baseline=60_000), Size(150_000)
BLOCK: Final = 20_000  # records made and fed at a time
ALIBI: Final = ("alibi-detect FET", "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all of it and print."""
    parser = argparse.ArgumentParser(description="Detectors beside each other.")
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--seeds", type=int, default=0, help="streams of each kind (default: 1 with --quick, else 2)")
    parser.add_argument("--nulls", type=int, default=0, help="responses of each null (default: as of the others)")
    parser.add_argument("--alibi", default="", help="a Python that has alibi-detect; it wants an older numpy than ours")
    asked = parser.parse_args(arguments)
    size, seeds = (QUICK, asked.seeds or 1) if asked.quick else (WHOLE, asked.seeds or 2)
    longer = replace(size, records=asked.nulls or size.records)
    begin_s = time.perf_counter()
    firsts = [read_header(orjson.dumps(header(seed, size))) for seed in range(seeds)]
    alibi = Alibi(asked.alibi, statistics.mean(RATES.values())) if asked.alibi else None
    found = {one.name: _all_on(one, longer if one in NULLS else size, firsts, alibi) for one in (*NULLS, *PLANTED)}
    defaults = [(one.name, one.setting) for one in contenders(LINES) if one.is_default]
    ran = Ran(found, [*defaults, *([ALIBI] if alibi else [])], size.records, longer.records)
    for table in (null_table(ran), delay_table(ran), rival_table(ran), cost_table(ran), shift_table(quick=asked.quick)):
        _print(table)
    if gone := [*missing(), *([] if alibi else ["alibi-detect (make bench-detect-alibi)"])]:
        _print([f"Not run here, so not compared: {', '.join(gone)}."])
    nulls_m = len(NULLS) * seeds * longer.records / 1e6
    bound = -math.log(0.05) / nulls_m  # the rule of three: Poisson, none seen
    _print([f"Nulls: {nulls_m:.1f} million responses. No page on them: under {bound:.2f} a million (95 % confidence)."])
    lengths = f"{size.records:,} responses each, the nulls of {longer.records:,}"
    _print([f"{seeds} streams of {lengths}; {time.perf_counter() - begin_s:.0f} s in all."])
    return 0


def _all_on(scenario: Scenario, size: Size, firsts: Sequence[Header], alibi: Alibi | None) -> dict[Key, list[Result]]:
    """Every detector on this scenario: one result for each seed."""
    found: dict[Key, list[Result]] = {}
    for seed, first in enumerate(firsts):
        sys.stderr.write(f"{scenario.name} {seed}\n")
        running = _begun(first, alibi, is_long=size.records > WHOLE.records)
        for block in _blocks(records(seed, scenario, size)):
            values = list(values_of(block))
            for one in running.values():
                one.feed(block, values)
        for key, one in running.items():
            found.setdefault(key, []).append(one.result())
    return found


def _begun(first: Header, alibi: Alibi | None, *, is_long: bool) -> dict[Key, Running]:
    policy, _ = read_policy("default")
    peers = {(one.name, one.setting): Theirs(one) for one in contenders(LINES) if not (is_long and one.is_slow)}
    return {(OURS, ""): Ours(first, policy), **peers, **({ALIBI: AlibiRun(alibi)} if alibi else {})}


def _blocks(stream: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while block := list(islice(stream, BLOCK)):
        yield block


def _print(rows: Iterable[str]) -> None:
    sys.stdout.write("\n".join(rows) + "\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
