"""Where a replay writes: alarms at once, one JSON object a line; faults in plain words beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, Final, TextIO

import orjson

SHOWN_MAX: Final = 1_000  # bad lines that are named; all are counted


class Output:
    """`alarms` counts the lines that were printed, `faults` the bad lines."""

    def __init__(self, alarms: BinaryIO, faults: TextIO) -> None:
        self.alarms = 0
        self.faults = 0
        self._alarms = alarms
        self._faults = faults

    def say(self, lines: Iterable[bytes]) -> None:
        """Print, and hold nothing back."""
        for line in lines:
            self.alarms += 1
            self._alarms.write(line)
            self._alarms.flush()

    def complain(self, number: int, wrong: Exception) -> None:
        """A line of the input cannot be used."""
        self.faults += 1
        if self.faults <= SHOWN_MAX:
            self.note(f"line {number}: {_text(wrong)}")
        if self.faults == SHOWN_MAX:
            self.note("further bad lines are counted, and not named")

    def note(self, text: str) -> None:
        """One line for people."""
        self._faults.write(f"groundwire: {text}\n")


def _text(wrong: Exception) -> str:
    if isinstance(wrong, orjson.JSONDecodeError):
        return f"not JSON: {wrong}"
    if isinstance(wrong, KeyError):
        return f"a record needs {wrong}"
    if isinstance(wrong, TypeError | AttributeError | OverflowError):
        return f"a record is an object of plain values, its numbers are numbers: {wrong}"
    return str(wrong)
