"""The shipped policies: each equal to its parse, each saying every choice; and values that make no sense refused."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from proxy.config.policies import NAMES, policy_path, read_policy
from proxy.core.policies.policy import Budgets, Policy


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys to values."""
    out: dict[str, Any] = {}
    for key, value in values.items():
        out |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return out


EXPECTED = {
    "default": Policy(),
    "observe": Policy(budgets=Budgets(warning_s=604_800.0), baseline=replace(Policy().baseline, closes_at=1_000)),
    "strict": Policy(mode="enforce", revert_on="high"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_policy_is_its_parse(name: str) -> None:
    assert read_policy(name)[0] == EXPECTED[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_policy_says_every_choice_with_a_comment(name: str) -> None:
    text = policy_path(name).read_text(encoding="utf-8")
    assert flat(yaml.safe_load(text)) == flat(asdict(EXPECTED[name]))
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line and not line.startswith("#") and line.rstrip().endswith(":") is False and ":" in line:
            explained = "#" in line or (number > 0 and "#" in lines[number - 1])
            assert explained, f"{name}.yaml:{number + 1} has no reason: {line}"


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"lines": {"refusal_overall": {"warning": 0.5, "critical": 0.8}}}, ("lines", "refusal_overall")),
        ({"lines": {"refusal_category": {"warning": 1.0}}}, ("lines", "refusal_category")),
        ({"budgets": {"critical_s": 1}}, ("budgets",)),
        ({"guard_probability": 0.3}, ()),
        ({"duplicate_memory_s": -1}, ()),
        ({"limited": {"burst": 0}}, ("limited",)),
        ({"baseline": {"closes_at": 0}}, ("baseline",)),
        ({"baseline": {"confidence": 0.7}}, ("baseline",)),
        ({"blind": {"assessed_share": 1.5}}, ("blind",)),
        ({"fault": {"routes_max": 0}}, ("fault",)),
        ({"mode": "dry-run"}, ("mode",)),
        ({"revert_on": "medium"}, ("revert_on",)),
        ({"surprise": 1}, ("surprise",)),
    ],
)
def test_nonsense_is_refused_at_its_key(values: dict[str, Any], key: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Policy).validate_python(values)
    assert [error["loc"] for error in caught.value.errors()] == [key]
