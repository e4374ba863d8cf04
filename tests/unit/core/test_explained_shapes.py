"""How far shapes are from the baseline's, as a decision's record tells it: of the record alone, the furthest first."""

from __future__ import annotations

import random
from dataclasses import asdict, replace

import pytest

from proxy.core.decisions.explain import explain
from proxy.core.decisions.explained import explained
from proxy.core.decisions.record import Record, from_bytes, to_bytes
from proxy.core.decisions.replay import differences
from proxy.core.decisions.shapes import shapes_of
from proxy.core.drift.hours import hour_at
from proxy.core.policies.policy import Policy
from proxy.core.windows import Counts
from proxy.detectors.divergence import js_bits, kl_bits
from tests.unit.core.looks import BASELINE, ILL, T0, Route
from tests.unit.core.test_drift import LENGTHS, TOPICS, counts, merged, sample
from tests.unit.core.test_replay import OLD, RECORDS

SHAPES = {"length": LENGTHS, "topic": TOPICS, "finish": {"stop": 9_500, "length": 500}}
LONGER = {**LENGTHS, "11": 8_000}


def decided(pane: Counts, hours: dict[int, dict[str, dict[str, int]]] | None = None) -> Record:
    """The record of a route that erodes while its shapes are these."""
    route = Route(policy=Policy(mode="enforce"), baseline=replace(BASELINE, shapes=SHAPES, hours=hours or {}))
    route.run(merged(ILL, pane), 30)
    return next(one.record for one in route.outcomes if one.record is not None)


def drifted(dice: random.Random) -> Counts:
    parts = (("length", LONGER, 400), ("topic", {**TOPICS, "law": 4_500}, 400), ("finish", SHAPES["finish"], 400))
    return merged(*(counts(signal, sample(dice, shape, n)) for signal, shape, n in parts))


def test_the_furthest_is_first_and_what_chance_would_do_is_in_no_text() -> None:
    record = decided(drifted(random.Random(1)))
    told = {one["signal"]: one for one in explained(record)["shapes"]}
    assert list(told)[:2] == ["length", "topic"]
    assert set(told) == {"length", "topic", "finish"}, "JSON has all that can be told"
    cells = record.body["inputs"]["panes"][0][1]
    now = {stratum: count / 65_536 for signal, stratum, _, _, count in cells if signal == "length"}
    then = {name: float(n) for name, n in LENGTHS.items()}
    assert told["length"]["js_bits"] == pytest.approx(js_bits(now, then), abs=1e-6)
    assert told["length"]["kl_bits"] == pytest.approx(kl_bits(now, then), abs=1e-6)
    text = explain(record)
    assert f"length           JS {told['length']['js_bits']:.3f} bits" in text
    assert "topic            JS" in text and "finish           JS" not in text


def test_few_answers_tell_nothing() -> None:
    record = decided(counts("length", {"11": 24}))
    assert explained(record)["shapes"] == [], "24 answers are fewer than five for each of five bins"
    assert "Shapes" not in explain(record)


def test_the_hour_s_own_shape_is_compared_with_and_named() -> None:
    pane, hour = drifted(random.Random(2)), hour_at(T0 + 1, 1.0)
    record = decided(pane, {hour: {"length": LONGER}})
    shapes = shapes_of(record)
    assert shapes["length"].hour == hour and not shapes["length"].tells
    assert shapes["topic"].hour is None and shapes["topic"].tells
    assert "baseline of all hours" in explain(record)


@pytest.mark.parametrize("record", [*RECORDS, *OLD, decided(drifted(random.Random(3)))], ids=lambda record: record.id)
def test_it_follows_from_the_record_alone_of_whatever_version(record: Record) -> None:
    again = from_bytes(to_bytes(record))
    assert [asdict(one) for one in shapes_of(again).values()] == [asdict(one) for one in shapes_of(record).values()]
    assert explain(again) == explain(record)
    assert differences(again) == ()
