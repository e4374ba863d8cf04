"""Evidence records: computed again bit for bit, changed by nobody unnoticed, told in plain words."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxy.core.decisions.engine import ordered
from proxy.core.decisions.explain import explain, one_line
from proxy.core.decisions.ladder import Command
from proxy.core.decisions.record import Record, from_bytes, seal, to_bytes
from proxy.core.decisions.replay import differences, recompute
from proxy.core.decisions.severity import Flags
from proxy.core.errors import StateError
from proxy.core.policies.policy import BaselineRules, Policy
from tests.unit.core.looks import CONTEXT, ILL, SLIPPING, WELL, Route, pane


def story() -> list[Record]:
    """Records of every kind: climb, shadow, hold, learning, recovery, flag, order, open pane, weights."""
    routes = [
        Route(),
        Route(policy=Policy()),
        Route(context=replace(CONTEXT, armed=False)),
        Route(context=replace(CONTEXT, flags=Flags(harmful_output=True))),
        Route(policy=Policy(mode="enforce", baseline=BaselineRules(closes_at=100)), baseline=None),
    ]
    for route in routes:
        for counts in [WELL] * 10 + [SLIPPING] * 60 + [ILL] * 20 + [WELL] * 30:
            route.look(counts, opened=counts)
        route.run(pane({"fraud": 1}, {"fraud": 9}, r=2), 20)
    last = ordered(routes[0].state, Command.RESTORE, CONTEXT, "ada", "adapter replaced")
    records = [outcome.record for route in routes for outcome in [*route.outcomes, last] if outcome.record]
    return list({record.id: record for record in records}.values())


RECORDS = story()


def test_the_story_has_every_kind_of_record() -> None:
    actions = {record.body["decision"]["action"] for record in RECORDS}
    assert {"watch", "limit", "revert", "lift", "restore", None} <= actions


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.id)
def test_a_record_is_computed_again_bit_for_bit(record: Record) -> None:
    kept = from_bytes(to_bytes(record))
    assert kept == record
    assert recompute(kept) == record.body["decision"]
    assert differences(kept) == ()


KEPT = sorted((Path(__file__).parent / "kept").glob("*.jsonl"))
OLD = [from_bytes(line) for file in KEPT for line in file.read_bytes().splitlines()]


@pytest.mark.parametrize("record", OLD, ids=lambda record: record.id)
def test_a_record_of_an_older_version_is_computed_again_bit_for_bit(record: Record) -> None:
    assert differences(record) == ()


def altered(record: Record, change: Any) -> Record:
    body = json.loads(json.dumps(record.body))
    change(body)
    return seal(record.route, record.at_s, body)


def test_a_changed_decision_or_input_shows() -> None:
    revert = next(record for record in RECORDS if record.body["decision"]["action"] == "revert")

    def other_step(body: Any) -> None:
        body["decision"]["step"] = "steady"

    def fewer(body: Any) -> None:
        for cell in body["inputs"]["panes"][-1][1]:
            cell[4] = 1

    assert altered(revert, other_step).id != revert.id
    assert differences(altered(revert, other_step)) == ("step",)
    assert "findings" in differences(altered(revert, fewer))


def test_the_stored_tables_decide_not_those_of_this_machine() -> None:
    revert = next(record for record in RECORDS if record.body["decision"]["action"] == "revert")

    def flat_tables(body: Any) -> None:
        for test in body["inputs"]["plan"]["tests"]:
            test[3] = [[*row[:3], [0] * 6] for row in test[3]]

    assert "findings" in differences(altered(revert, flat_tables))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"format": 2}', b'{"format": 1, "route": "r"}'])
def test_a_broken_record_is_named(data: bytes) -> None:
    with pytest.raises(StateError):
        from_bytes(data)


def test_a_record_without_its_inputs_is_named() -> None:
    with pytest.raises(StateError):
        recompute(seal("support", 1.0, {"inputs": {}, "decision": {}}))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.id)
def test_plain_words_never_say_critical_alone(record: Record) -> None:
    for text in (explain(record), one_line(record)):
        assert not re.search(
            r"critical(?! line)", text.replace("severity critical", "").replace("Severity critical", "")
        )
        assert "{" not in text and "None" not in text
        assert all(len(line) < 200 for line in text.splitlines())


def test_an_explanation_says_all_that_section_8_asks() -> None:
    revert = next(record for record in RECORDS if record.body["decision"]["action"] == "revert")
    text = explain(revert)
    for needed in (
        "is reverted to its base",
        "Severity critical",
        "proved     below 0.",
        "95 % interval",
        "n_eff",
        "line       0.",
        "baseline   0.",
        " : ",
        "at most one false alarm in 365 days over 3 critical lines",
        "began      2023-11-14 22:1",
        "patterns-1",
        "Policy: mode enforce",
    ):
        assert needed in text, needed


def test_shadow_is_told_as_would() -> None:
    shadow = next(
        r for r in RECORDS if r.body["decision"]["would_action"] == "revert" and not r.body["decision"]["action"]
    )
    assert "would be reverted to its base" in explain(shadow)
    assert "Not done: mode is shadow" in explain(shadow)
