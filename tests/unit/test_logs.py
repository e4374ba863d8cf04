"""Log lines: JSON for machines, words for a terminal."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from proxy.telemetry.logs import get_logger, set_up


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_is_one_json_object_with_its_fields() -> None:
    out = io.StringIO()
    set_up("info", "traffic", out)
    get_logger("here").warning("dropped", reason="buffer full", count=3)
    get_logger("here").debug("unseen")
    (line,) = out.getvalue().splitlines()
    assert {
        "process": "traffic",
        "level": "warning",
        "event": "dropped",
        "reason": "buffer full",
        "count": 3,
    }.items() <= (json.loads(line).items())


def test_a_terminal_gets_words() -> None:
    out = Terminal()
    set_up("info", "analysis", out)
    get_logger("here").info("route_found", route="m", base="b at default")
    assert out.getvalue().split(maxsplit=1)[1] == "info    analysis route_found route=m base='b at default'\n"


def test_a_traceback_is_not_lost() -> None:
    for out in (io.StringIO(), Terminal()):
        set_up("info", "traffic", out)
        try:
            raise ValueError("what happened")
        except ValueError:
            logging.getLogger("lib").exception("failed")
        assert "ValueError: what happened" in out.getvalue()
