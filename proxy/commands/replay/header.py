"""The first line of a stream: the sampler's epochs and the baseline of each route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from proxy.commands.replay.cells import Cells, Numbers, bin_of
from proxy.commands.replay.epochs import ALL_EVALUATED, Epochs, epochs_of
from proxy.commands.replay.errors import BadLine, BadStream
from proxy.commands.replay.prompts import Prompts
from proxy.core.baselines.baseline import Baseline, Kind, Standing
from proxy.core.baselines.baseline import from_json as baseline_from_json
from proxy.core.baselines.learning import Learning, absorb
from proxy.core.baselines.learning import baseline_of as learnt
from proxy.core.windows import Counts

ANY_ROUTE: Final = ""  # a baseline record without a route belongs to every route


@dataclass(frozen=True, slots=True)
class Header:
    """`baselines` by route, ANY_ROUTE for a route that has none of its own; a route without any learns one."""

    epochs: Epochs = ALL_EVALUATED
    baselines: Mapping[str, Baseline] = field(default_factory=dict)

    def baseline(self, route: str) -> Baseline | None:
        """What this route is compared with; None: it learns."""
        return self.baselines.get(route) or self.baselines.get(ANY_ROUTE)


def read_header(line: bytes) -> Header:
    """Raises BadStream where the line is no header."""
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError as wrong:
        raise BadStream(f"line 1: not JSON: {wrong}") from wrong
    if not isinstance(data, dict) or not ("meta" in data or "baseline" in data):
        raise BadStream('line 1 must be {"meta": {...}, "baseline": [records]}; records begin on line 2')
    meta = data.get("meta") or {}
    if not isinstance(meta, dict):
        raise BadStream("line 1: meta must be an object")
    return Header(epochs_of(meta.get("policy")), _baselines(data.get("baseline")))


def _baselines(data: Any) -> dict[str, Baseline]:
    if not data:
        return {}
    if isinstance(data, dict):
        return {ANY_ROUTE: baseline_from_json(data, "line 1: baseline")}
    if not isinstance(data, Sequence) or isinstance(data, str):
        raise BadStream("line 1: baseline must be a list of records, or a baseline as `baseline export` writes it")
    return {route: baseline_of(counts) for route, counts in _by_route(data).items()}


def baseline_of(counts: Counts) -> Baseline:
    """What live learning would make of these counts, confirmed, and whatever their number."""
    made = learnt(absorb(Learning(), counts), 0.0, "")
    why = "the records of the stream's first line"
    return replace(made, kind=Kind.FILE, standing=Standing.PROMOTED, who="replay", why=why)


def _by_route(records: Sequence[Any]) -> dict[str, Counts]:
    cells = Cells()
    numbers: dict[str, Numbers] = {}
    prompts: dict[str, Prompts] = {}
    for place, record in enumerate(records):
        try:
            route = record.get("route") or ANY_ROUTE
            if not prompts.setdefault(route, Prompts()).repeats(record.get("prompt_hash"), record.get("t")):
                _count(cells, numbers.setdefault(route, {}), record)
        except (BadLine, AttributeError, TypeError) as wrong:
            raise BadStream(f"line 1: baseline record {place}: {wrong}") from wrong
    return {route: cells.counts(of_route) for route, of_route in numbers.items()}


def _count(cells: Cells, numbers: Numbers, record: Mapping[str, Any]) -> None:
    """One evaluated answer, of weight 1."""
    for number in _numbers(cells, record):
        numbers[number] = numbers.get(number, 0) + 1


def _numbers(cells: Cells, record: Mapping[str, Any]) -> list[int]:
    level, category, refusal = cells.levels[0], record.get("harm_category"), record.get("refusal")
    judged = refusal is not None and category is not None
    if record.get("canary"):
        return [level.canary[category, refusal]] if judged else []
    found = [level.refusal[category, refusal]] if judged else []
    if (score := record.get("toxicity")) is not None:
        found.append(level.toxicity[bin_of(score)])
    for lookup, field_ in ((level.anomaly, "anomaly"), (level.length, "length"), (level.topic, "topic")):
        if (value := record.get(field_)) is not None:
            found.append(lookup[value])
    return found
