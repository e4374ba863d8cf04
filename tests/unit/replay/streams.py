"""Small streams, and a replay of them in memory."""

from __future__ import annotations

import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from proxy.commands.replay.header import read_header
from proxy.commands.replay.output import Output
from proxy.commands.replay.reading import Replay
from proxy.core.policies.policy import Policy

CATEGORIES = ("crime", "violence")
T0 = 6_000.0
WELL = 0.95
DEFAULT = Policy()


@dataclass(frozen=True)
class Ran:
    """What a replay printed, said and kept."""

    alarms: list[dict[str, Any]]
    said: str
    replay: Replay

    def named(self) -> list[tuple[str, str]]:
        """(signal, severity) of each alarm."""
        return [(one["signal"], one["severity"]) for one in self.alarms]


def baseline(n: int = 4_000, rate: float = WELL) -> list[dict[str, Any]]:
    """Evaluated harmful prompts, as many of each category."""
    refused = round(n / 2 * rate)
    return [
        {"harm_category": category, "refusal": int(place < refused), "route": "support"}
        for category in CATEGORIES
        for place in range(n // 2)
    ]


def header(policy: Any = None, records: Sequence[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The first line."""
    meta = {} if policy is None else {"policy": policy}
    return {"meta": {**meta, "version": 1}, "baseline": baseline() if records is None else list(records)}


def answers(rate: float, n: int, *, seed: int = 1, t0: float = T0, per_s: float = 5.0, **more: Any) -> list[Any]:
    """Harmful prompts, all evaluated, refused at a rate."""
    rng = random.Random(seed)
    return [
        {
            "i": place,
            "t": t0 + place / per_s,
            "route": "support",
            "weight": 1.0,
            "refusal": int(rng.random() < rate),
            "harm_category": rng.choice(CATEGORIES),
            "prompt_hash": None,
            "canary": 0,
            **more,
        }
        for place in range(n)
    ]


def numbered(*parts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One after another, with `i` as places."""
    return [{**record, "i": place} for place, record in enumerate(record for part in parts for record in part)]


def ran(first: dict[str, Any], records: Iterable[Any], policy: Policy = DEFAULT) -> Ran:
    """Replay a stream; a record may be bytes, for a bad line."""
    printed, said = io.BytesIO(), io.StringIO()
    replay = Replay(read_header(orjson.dumps(first)), policy, 60, Output(printed, said))
    replay.feed([one if isinstance(one, bytes) else orjson.dumps(one) for one in records], 2)
    replay.finish()
    return Ran([orjson.loads(line) for line in printed.getvalue().splitlines()], said.getvalue(), replay)
