"""A TOML table that gives typed values or says what is wrong with them, and where."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from proxy.core.errors import GroundwireError

_MISSING: Final = object()


class ModelError(GroundwireError):
    """A model folder that cannot be used: which file, which key in it, what is wrong, and the mend."""

    def __init__(self, file: Path | str, what: str, mend: str, key: str = "") -> None:
        self.file, self.key, self.what, self.mend = str(file), key, what, mend
        super().__init__(f"{file}{f' ({key})' if key else ''}: {what}; {mend}")


class Table:
    """A TOML table that gives typed values and knows which keys nobody asked for."""

    def __init__(self, path: Path, prefix: str, values: Mapping[str, Any]) -> None:
        self.path, self._prefix, self.values = path, prefix, values
        self._asked: set[str] = set()

    def wrong(self, key: str, what: str, mend: str) -> ModelError:
        return ModelError(self.path, what, mend, key=f"{self._prefix}{key}")

    def spent(self) -> None:
        """Raises ModelError for a key that means nothing: a typing mistake must not pass for a default."""
        for key in self.values:
            if key not in self._asked:
                raise self.wrong(key, "unknown key", f"known are {', '.join(sorted(self._asked))}")

    def table(self, key: str) -> Table:
        value = self._get(key, dict, "a table")
        return Table(self.path, f"{self._prefix}{key}.", value)

    def tables(self, key: str) -> list[Table]:
        values = self._get(key, list, "an array of tables")
        if not values or not all(isinstance(value, dict) for value in values):
            raise self.wrong(key, "is not an array of tables", f"write at least one [[{key}]]")
        return [
            Table(self.path, f"{self._prefix}{key}[{number}] {value.get('name', '')}.", value)
            for number, value in enumerate(values)
        ]

    def every(self, pattern: re.Pattern[str], wanted: str) -> dict[str, str]:
        """All entries, each a text of this pattern."""
        return {key: self.match(key, pattern, wanted) for key in self.values}

    def text(self, key: str, default: object = _MISSING) -> str:
        return str(self._get(key, str, "a text", default))

    def match(self, key: str, pattern: re.Pattern[str], wanted: str) -> str:
        value = self.text(key)
        if not pattern.fullmatch(value):
            raise self.wrong(key, f"{value[:80]!r} is not {wanted}", "mend it")
        return value

    def choice(self, key: str, kinds: type[StrEnum]) -> str:
        value = self.text(key)
        if value not in list(kinds):
            raise self.wrong(key, f"unknown {value[:80]!r}", f"one of {', '.join(kinds)}")
        return value

    def listed(self, key: str, files: Mapping[str, str]) -> str:
        """The name of a file whose checksum is known."""
        value = self.text(key)
        if value not in files:
            raise self.wrong(key, f"{value[:80]!r} is not in [files]", "list it there with its SHA-256")
        return value

    def texts(self, key: str, *, of: Sequence[str] | None = None, required: bool = True) -> tuple[str, ...]:
        values = self._get(key, list, "a list of texts", _MISSING if required else [])
        if (required and not values) or not all(isinstance(value, str) for value in values):
            raise self.wrong(key, "is not a list of texts", "give at least one")
        for value in values:
            if of is not None and value not in of:
                raise self.wrong(key, f"unknown {value[:80]!r}", f"each one of {', '.join(of)}")
        return tuple(values)

    def flag(self, key: str) -> bool:
        return bool(self._get(key, bool, "true or false", False))

    def number(self, key: str, default: object = _MISSING) -> float:
        value = self._get(key, (int, float), "a number", default)
        if isinstance(value, bool) or not math.isfinite(value):
            raise self.wrong(key, "is not a finite number", "mend it")
        return float(value)

    def count(self, key: str, low: int, high: int) -> int:
        value = self.number(key)
        if value != int(value) or not low <= value <= high:
            raise self.wrong(key, f"{value:g} is not a whole number from {low} to {high}", "mend it")
        return int(value)

    def share(self, key: str, default: object = _MISSING) -> float:
        value = self.number(key, default)
        if not 0.0 <= value <= 1.0:
            raise self.wrong(key, f"{value:g} is not between 0 and 1", "mend it")
        return value

    def floats(self, key: str, count: int, default: object = _MISSING) -> tuple[float, ...]:
        values = self._get(key, (list, tuple), f"a list of {count} numbers", default)
        fine = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
        if len(values) != count or len(fine) != count or not all(map(math.isfinite, fine)):
            raise self.wrong(key, f"is not a list of {count} finite numbers", "mend it")
        return tuple(float(one) for one in fine)

    def _get(self, key: str, kind: type | tuple[type, ...], wanted: str, default: object = _MISSING) -> Any:
        self._asked.add(key)
        value = self.values.get(key, default)
        if value is _MISSING:
            raise self.wrong(key, "is missing", f"give {wanted}")
        if not isinstance(value, kind):
            raise self.wrong(key, f"is not {wanted}", "mend it")
        return value
