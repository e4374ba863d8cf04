"""Shapes: how answers (and prompts) of a signal spread over its bins. Counts, never shares. Pure.

A shape is {bin: observations}. `embedding` and `prompt_embedding` hold several histograms in one, bin "K.BIN": each
observation counts once in each projection K.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from proxy.core.evidence.estimates import Sums
from proxy.detectors.quantile import span

Shape = Mapping[str, int]
Shapes = Mapping[str, Shape]

TOXICITY_BIN: Final = "toxicity_bin"
SHAPES: Final = (
    "length",
    "prompt_length",
    "diversity",
    "formatting",
    "script",
    "prompt_script",
    "topic",
    "harm_share",
    "tool_use",
    "attack",
    "embedding",
    "prompt_embedding",
    "ttft",
    "tokens_per_s",
    "finish",
    "latency",
    "json_valid",
    "tool_parse",
    "regenerated",
    "feedback",
    "inconsistent",
    TOXICITY_BIN,
)
BINS_MAX: Final = 512  # of one shape
BIN_MAX: Final = 1_000_000_000  # observations in one bin
JOINT: Final = "."  # between a projection and its bin


def size(shape: Shape) -> int:
    """Observations in a shape; of several histograms in one, those of the largest."""
    groups: dict[str, int] = {}
    for name, n in shape.items():
        groups[_group(name)] = groups.get(_group(name), 0) + n
    return max(groups.values(), default=0)


def whole(sums: Mapping[str, Sums]) -> dict[str, int]:
    """Whole observations by bin, worth as much together as the weighted ones (floor of n_eff, of each histogram).

    Largest remainders (Hamilton's method), ties by name, so that the same sums give the same counts anywhere.
    """
    groups: dict[str, dict[str, Sums]] = {}
    for name, one in sums.items():
        groups.setdefault(_group(name), {})[name] = one
    return {name: n for of in groups.values() for name, n in _apportioned(of)}


def _apportioned(sums: Mapping[str, Sums]) -> Iterator[tuple[str, int]]:
    weight = sum(one.weight for one in sums.values())
    if not weight:
        return
    total = Sums(weight, weight, sum(one.squares for one in sums.values()), sum(one.n for one in sums.values()))
    seats = min(BIN_MAX, math.floor(total.n_eff + 1e-9))
    floors = {name: divmod(seats * one.weight, weight) for name, one in sums.items()}
    left = seats - sum(floor for floor, _ in floors.values())
    lucky = set(sorted(floors, key=lambda name: (-floors[name][1], name))[:left])
    yield from (
        (name, floor + (name in lucky)) for name, (floor, _) in sorted(floors.items()) if floor or name in lucky
    )


def added(shapes: Iterable[Shapes]) -> dict[str, dict[str, int]]:
    """The sum of several."""
    total: dict[str, dict[str, int]] = {}
    for one in shapes:
        for signal, shape in one.items():
            bins = total.setdefault(signal, {})
            for name, n in shape.items():
                bins[name] = bins.get(name, 0) + n
    return total


def to_json(shapes: Shapes) -> dict[str, dict[str, int]]:
    """Plain JSON values, in the order of names."""
    return {signal: dict(sorted(shape.items())) for signal, shape in sorted(shapes.items())}


def problems(key: str, data: Any) -> Iterator[tuple[str, str]]:
    """(key, mend) of everything that keeps `data` from being shapes."""
    if not isinstance(data, dict):
        yield key, "must be an object of signal to {bin: observations}"
        return
    for signal, shape in data.items():
        if signal not in SHAPES or not isinstance(shape, dict):
            yield f"{key}.{signal}", f"must be {{bin: observations}} under one of {', '.join(SHAPES)}"
        elif len(shape) > BINS_MAX:
            yield f"{key}.{signal}", f"holds {len(shape)} bins; at most {BINS_MAX} are read"
        else:
            yield from (_bin_problem(f"{key}.{signal}.{name}") for name, n in shape.items() if not _is_count(n))
            yield from _name_problems(f"{key}.{signal}", shape) if signal == TOXICITY_BIN else ()


def _bin_problem(key: str) -> tuple[str, str]:
    return key, f"must be a whole number of observations, 0 to {BIN_MAX}"


def _name_problems(key: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Lines are drawn by the names of these bins, so that a wrong one would stop a route's look."""
    for name in names:
        try:
            span(name)
        except ValueError as wrong:
            yield f"{key}.{name}", str(wrong)


def _is_count(n: Any) -> bool:
    return type(n) is int and 0 <= n <= BIN_MAX


def _group(name: str) -> str:
    return name.partition(JOINT)[0] if JOINT in name else ""
