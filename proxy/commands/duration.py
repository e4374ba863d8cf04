"""Durations as people write them."""

from __future__ import annotations

import re
from typing import Final

from proxy.core.errors import GroundwireError

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


class DurationError(GroundwireError):
    """A text that is no duration."""


def seconds(text: str) -> float:
    """ "90s", "30m", "2h", "1d" or "1h30m" in seconds. Raises DurationError."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise DurationError(f"{text!r} is no duration; say 30m, 2h or 1d")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
