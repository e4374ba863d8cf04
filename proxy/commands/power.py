"""What a route's lines could see, in `groundwire route show`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from proxy.commands.columns import columns

HEAD: Final = ("POWER OF", "AT", "A DAY", "SEEN IN A DAY", "A CHANGE TO", "IS SEEN IN")


def power_lines(power: Mapping[str, Any] | None) -> list[str]:
    """Nothing where nothing is known; else whether silence is health, the price of shared budgets, and each line."""
    if power is None or not power["lines"]:
        return []
    head = [f"power      underpowered: {power['underpowered']}; remedy: {power['remedy']}"] if power["remedy"] else []
    if power["routes"] > 1 and power["extra_prompts"] is not None:
        price = f"{power['extra_prompts']:.0f} more prompts to a warning"
        head.append(f"budget     shared by {power['routes']} routes, which costs {price}")
    return [*head, "", columns([HEAD, *map(_row, power["lines"])])]


def _row(line: Mapping[str, Any]) -> tuple[str, ...]:
    smallest, days = line["smallest_in_a_day"], line["days"]
    return (
        f"{line['place'].replace('_', ' ')}, {line['line']} line",
        f"{line['m']:.3f}",
        f"{line['per_day']:.0f}",
        "-" if smallest is None else f"{smallest:.3f}",
        f"{line['target']:.3f}",
        "never" if days is None else _time(days),
    )


def _time(days: float) -> str:
    return f"{days:.1f} days" if days >= 1.0 else f"{days * 24.0:.1f} hours"
