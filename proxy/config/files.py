"""Reading the files that settings name: policies, triggers, check prompts, known prompts, baselines.

A file that is bad is refused. Only where somebody hands in the last good texts (a starting analysis process does), the
one of that file stands in for it, and what was wrong is remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from proxy.core.errors import ConfigError, Place

T = TypeVar("T")

SHIPPED: Final = Path(__file__).resolve().parents[2] / "policies"
BYTES_MAX: Final = 4 * 1024 * 1024


class Files:
    """One reading of all files. `last_good` are texts by file, as settings name it.

    `good`: what was read here and can be used, by file; shipped files are not in it. `refused`: what was wrong with
    those in whose place a last good text stands.
    """

    def __init__(self, last_good: Mapping[str, str] | None = None) -> None:
        self._last_good = last_good or {}
        self.good: dict[str, str] = {}
        self.refused: dict[str, ConfigError] = {}

    def take(self, file: str, parse: Callable[[str, str], T], find: Callable[[str], Path] = Path) -> T:
        """What `parse` makes of (text, path) of a file; `find` gives its path.

        Raises ConfigError where the file is bad and no last good text of it can be used either.
        """
        try:
            path = find(file)
            text = text_of(path)
            taken = parse(text, str(path))
        except ConfigError as wrong:
            return self._stand_in(file, parse, wrong)
        if not path.is_relative_to(SHIPPED):
            self.good[file] = text
        return taken

    def _stand_in(self, file: str, parse: Callable[[str, str], T], wrong: ConfigError) -> T:
        text = self._last_good.get(file)
        if text is None:
            raise wrong
        try:
            taken = parse(text, file)
        except ConfigError:  # of another version, or it names a variable that is gone
            raise wrong from None
        self.refused[file] = wrong
        return taken


def text_of(path: Path) -> str:
    """The text of a file. Raises ConfigError that names it, and the line of what is not UTF-8."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise ConfigError([(Place(str(path)), f"larger than {BYTES_MAX} bytes: is this the right file?")])
        data = path.read_bytes()
    except OSError as wrong:
        raise ConfigError([(Place(str(path)), f"cannot be read: {wrong.strerror}")]) from wrong
    try:
        return data.decode()
    except UnicodeDecodeError as wrong:
        line = data.count(b"\n", 0, wrong.start) + 1
        raise ConfigError([(Place(str(path), line), "cannot be read: not UTF-8 text")]) from wrong
