"""What is done for speed changes nothing: the same lines, to the byte, as from a replay that looks every second."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterable
from typing import Any

import orjson
import pytest

from bench.detect_streams import NULLS, PLANTED, Scenario, Size, busier, header, records
from proxy.commands.replay.header import read_header
from proxy.commands.replay.output import Output
from proxy.commands.replay.reading import Replay
from proxy.core.policies.policy import Policy
from tests.unit.replay.reference import Reference

SIZE = Size(6_000, baseline=20_000, all_pi=0.5, canary=0.01)
SCENES = {one.name: busier(one, 20.0) for one in (*NULLS, *PLANTED)}

Records = list[dict[str, Any]]


def as_it_is(stream: Records) -> Records:
    return stream


def out_of_order(stream: Records) -> Records:
    """Written down when answers ended: some seconds late, some minutes late."""
    rng = random.Random(5)
    late = [0.0 if rng.random() < 0.9 else rng.choice((2.0, 30.0)) * rng.random() for _ in stream]
    return [one for _, one in sorted(zip(late, stream, strict=True), key=lambda pair: pair[0] + pair[1]["t"])]


def with_pauses(stream: Records) -> Records:
    """Nothing for minutes at a time."""
    return [{**one, "t": one["t"] + 400.0 * (place // 1_000)} for place, one in enumerate(stream)]


@pytest.mark.parametrize(
    ("name", "changed", "signals"),
    [
        ("sudden", as_it_is, {"refusal"}),
        ("sudden", out_of_order, {"refusal"}),
        ("selective", as_it_is, {"refusal_catcyber"}),
        ("recovery", with_pauses, {"refusal"}),
        ("toxic tail", as_it_is, {"tox"}),
        ("rare backdoor", as_it_is, {"anomaly"}),
        ("duplicates", as_it_is, set()),
    ],
)
def test_the_lines_are_those_of_a_replay_that_looks_every_second(
    name: str, changed: Callable[[Records], Records], signals: set[str]
) -> None:
    first, stream = made(SCENES[name], changed)
    reference = Reference(first)
    reference.feed(stream)
    replay, printed = replayed(first, stream)
    assert printed == b"".join(reference.lines)
    assert signals <= {orjson.loads(line)["signal"] for line in reference.lines}
    for route, plain in reference.routes.items():
        assert replay.followers[route].state.evidence == plain.state.evidence
        assert replay.followers[route].looks < plain.looks / 2


def made(scene: Scenario, changed: Callable[[Records], Records]) -> tuple[dict[str, Any], Records]:
    stream = changed(list(records(3, scene, SIZE)))
    return header(3, SIZE), [{**one, "i": place} for place, one in enumerate(stream)]


def replayed(first: dict[str, Any], stream: Iterable[Any]) -> tuple[Replay, bytes]:
    printed = io.BytesIO()
    replay = Replay(read_header(orjson.dumps(first)), Policy(), 60, Output(printed, io.StringIO()))
    replay.feed(map(orjson.dumps, stream), 2)
    replay.finish()
    return replay, printed.getvalue()
