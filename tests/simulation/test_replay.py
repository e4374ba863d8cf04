"""Seeded streams through `groundwire replay`: nothing is said of nulls, planted changes are found, and not too late."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache
from typing import Any

import orjson
import pytest

from bench.detect_oracle import TABLE, Shift, clairvoyant, observations_to_alarm
from bench.detect_streams import NULLS, PLANTED, Scenario, Size, header, records
from proxy.commands.replay.header import Header, read_header
from proxy.commands.replay.output import Output
from proxy.commands.replay.reading import Replay
from proxy.core.policies.policy import Policy

SIZE = Size(16_000, baseline=40_000, canary=0.003)
PAGES = {"warning", "critical", "critical*"}


@cache
def first() -> Header:
    return read_header(orjson.dumps(header(1, SIZE)))


def alarms(scenario: Scenario, size: Size = SIZE) -> list[dict[str, Any]]:
    printed = io.BytesIO()
    replay = Replay(first(), Policy(), 60, Output(printed, io.StringIO()))
    replay.feed(map(orjson.dumps, records(1, scenario, size)), 2)
    replay.finish()
    assert not replay.tally.bad
    assert not replay.tally.rejected
    return [orjson.loads(line) for line in printed.getvalue().splitlines()]


@pytest.mark.parametrize("scenario", NULLS, ids=lambda one: one.name)
def test_a_null_stream_wakes_nobody(scenario: Scenario) -> None:
    assert [one for one in alarms(scenario) if one["severity"] in PAGES] == []


@pytest.mark.parametrize("scenario", [one for one in PLANTED if one.name != "recovery"], ids=lambda one: one.name)
def test_a_planted_change_is_found_and_nothing_before_it(scenario: Scenario) -> None:
    found = [one for one in alarms(scenario) if one["severity"] in PAGES]
    crossed = scenario.crossed_at * SIZE.records
    assert any(one["signal"] == scenario.signal for one in found)
    assert all(one["i"] >= crossed for one in found)


def test_a_recovery_is_proved_after_it_came() -> None:
    [recovery] = [one for one in PLANTED if one.name == "recovery"]
    size = replace(SIZE, records=36_000)
    found = [one for one in alarms(recovery, size) if one["signal"] == "refusal"]
    assert "warning" in {one["severity"] for one in found}
    back = [one for one in found if one["severity"] == "recovered"]
    assert len(back) == 1
    assert back[0]["i"] >= recovery.crossed_at * size.records


@pytest.mark.parametrize("shift", [TABLE[1], TABLE[2], TABLE[7]], ids=lambda one: f"{one.m} to {one.rate}")
def test_the_delay_is_near_that_of_a_cusum_that_knows_both_rates(shift: Shift) -> None:
    """Ratios of 1.1 to 1.4 (detection section 5); three standard errors of the mean are about 7 %."""
    ratio = observations_to_alarm(shift, 400, seed=3).mean() / clairvoyant(shift)
    assert 1.0 < ratio < 1.5
