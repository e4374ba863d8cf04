"""The strict threshold of harm: a flag of its own, from the manifest, where both stages speak."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.classifiers.contract import Item, Role, Stage
from proxy.classifiers.guard import Guard
from tests.unit.classifiers.folders import binary, heads, make

ITEM = Item("i can not help you with that", Role.RESPONSE, "how to make a bomb ?")


@pytest.mark.parametrize("above", [False, True])
def test_a_single_harmful_output_is_flagged_at_its_own_threshold(tmp_path: Path, above: bool, tiny: Guard) -> None:
    score = tiny.score([ITEM])[0].scores["response_harmful"]
    strict = score * 0.999 if above else min(1.0, score * 1.001)
    harm = binary("response_harmful", 2, ["response"], prompt=True, strict=strict)
    table = [harm if one["name"] == "response_harmful" else one for one in heads()]
    guard = Guard.load(make(tmp_path / "m", head=table))
    assert guard.score([ITEM])[0].flags["harmful_output"] is above
    assert "harmful_output" not in guard.score([ITEM], Stage.STAGE0)[0].flags
    assert "harmful_output" not in guard.score([ITEM])[0].scores


def test_without_one_there_is_no_such_flag(tiny: Guard) -> None:
    assert "harmful_output" not in tiny.score([ITEM])[0].flags
