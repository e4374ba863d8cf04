"""Log lines: JSON for machines, words for a terminal; ids of traces; no value of anybody else's message."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.settings import Settings
from proxy.telemetry.logs import Usual, catch_all, get_logger, set_up

SECRET = "zqvxkjwq and more of what somebody wrote"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("proxy")
    before = list(root.handlers), root.level, ours.level
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])
    sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning = hooks


def told(say: Callable[[], object], out: io.StringIO | None = None, **wanted: str) -> list[dict[str, Any]]:
    """The lines that `say` writes, as JSON."""
    out = out or io.StringIO()
    set_up(Usual(**wanted), "traffic", out)
    say()
    return [json.loads(line) for line in out.getvalue().split("\n") if line]


def test_a_line_is_one_json_object_with_its_fields() -> None:
    def say() -> None:
        get_logger("proxy.here").warning("dropped", reason="buffer\nfull", count=3)
        get_logger("proxy.here").debug("unseen")

    (line,) = told(say)
    wanted = {"process": "traffic", "level": "warning", "logger": "proxy.here", "event": "dropped", "count": 3}
    assert {**wanted, "reason": "buffer\nfull"}.items() <= line.items()


def test_a_terminal_gets_words() -> None:
    out = Terminal()
    set_up(Usual(), "analysis", out)
    get_logger("proxy.here").info("route_found", route="m", base="b at default")
    assert out.getvalue().split(maxsplit=1)[1] == "info    analysis route_found route=m base='b at default'\n"


def test_the_format_can_be_said() -> None:
    assert told(lambda: get_logger("proxy").info("x"), Terminal(), log_format="json")[0]["event"] == "x"
    out = io.StringIO()
    set_up(Usual(log_format="text"), "analysis", out)
    get_logger("proxy").info("x")
    assert out.getvalue().endswith("analysis x\n")


def test_libraries_have_a_level_of_their_own() -> None:
    def say() -> None:
        for name in ("proxy.here", "library"):
            logging.getLogger(name).debug("debug")
            logging.getLogger(name).warning("warning")

    assert [one["logger"] for one in told(say)] == ["proxy.here", "library"]
    assert len(told(say, log_level="debug")) == 3
    assert len(told(say, log_libraries_level="debug")) == 3
    assert {**vars_of(Settings())} == {**vars_of(Usual())}


def vars_of(wanted: Settings | Usual) -> dict[str, str]:
    return {name: getattr(wanted, name) for name in ("log_level", "log_format", "log_libraries_level")}


def test_a_trace_becomes_ids_and_none_leaves_nothing() -> None:
    def say() -> None:
        for trace in (TRACE, "", "00-nothing"):
            get_logger("proxy").error("exchange_fault", exchange="a-1", trace=trace)

    first, *others = told(say)
    assert (first["trace_id"], first["span_id"]) == tuple(TRACE.split("-")[1:3])
    assert "trace" not in first
    assert all(not one.keys() & {"trace", "trace_id", "span_id"} for one in others)
    assert [one["exchange"] for one in others] == ["a-1", "a-1"]


def raising() -> None:
    raise ValueError(SECRET) from KeyError(SECRET)


def test_an_exception_is_its_kind_and_its_places() -> None:
    def say() -> None:
        try:
            raising()
        except ValueError:
            logging.getLogger("library").exception("failed")

    (line,) = told(say)
    assert line["kind"] == "ValueError from KeyError"
    assert [place.rpartition(" ")[2] for place in line["places"]] == ["say", "raising"]
    assert line["places"][1].startswith("test_logs.py:")
    assert "zqv" not in json.dumps(line)


def test_what_the_system_says_is_kept() -> None:
    def say() -> None:
        try:
            Path(f"/nowhere/{SECRET}").read_bytes()
        except OSError:
            logging.getLogger("proxy").exception("failed")

    (line,) = told(say)
    assert (line["kind"], line["error"]) == ("FileNotFoundError", "No such file or directory")
    assert "zqv" not in json.dumps(line)


@pytest.mark.parametrize(
    ("message", "arguments", "event"),
    [
        ("Task exception was never retrieved\nfuture: <Task %s>", (), "Task exception was never retrieved"),
        (f"Exception in callback Foo.data_received(b'{SECRET}')", (), "Exception in callback Foo.data_received"),
        (f"'{SECRET}' is not right", (), "..."),
        ("poll %.3f ms took %d: %s", (1.5, 3, SECRET), "poll 1.5 ms took 3: ..."),
        ("%(count)d of %(what)s", ({"count": 2, "what": SECRET},), "2 of ..."),
        ("%5d %% of %r", (7, SECRET), "7 % of ..."),
        ({"what": SECRET}, (), "..."),
    ],
)
def test_of_other_libraries_only_words_and_numbers_are_kept(message: Any, arguments: Any, event: str) -> None:
    (line,) = told(lambda: logging.getLogger("library").warning(message, *arguments))
    assert line["event"] == event


@given(st.text(), st.lists(st.one_of(st.text(), st.integers(), st.none(), st.binary()), max_size=4))
def test_no_message_of_a_library_breaks_a_line(message: str, arguments: list[Any]) -> None:
    (line,) = told(lambda: logging.getLogger("library").warning(message, *arguments))
    assert line["event"]
    texts = [one for one in arguments if isinstance(one, str) and len(one) > 3]
    assert all(text not in line["event"] for text in texts if arguments and text not in message)


def test_no_field_breaks_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    class Unspeakable:
        def __str__(self) -> str:
            raise ValueError(SECRET)

    def say() -> None:
        get_logger("proxy").info("odd", half="a\ud800b", large=1 << 80, path={1: b"x"})
        get_logger("proxy").info("unsaid", what=Unspeakable())
        get_logger("proxy").info("next")

    first, second = told(say)
    assert (first["half"], first["large"]) == ("a?b", str(1 << 80))
    assert second["event"] == "next"
    assert capsys.readouterr() == ("", "")


def test_what_asyncio_says_of_a_callback_holds_no_argument() -> None:
    def callback(_: str) -> None:
        raise ValueError(SECRET)

    async def run() -> None:
        asyncio.get_running_loop().call_soon(callback, SECRET)
        await asyncio.sleep(0.01)

    (line,) = told(lambda: asyncio.run(run()))
    assert line["logger"] == "asyncio"
    assert line["kind"] == "ValueError"
    assert "zqv" not in json.dumps(line)


def test_what_nobody_caught_is_a_line_too() -> None:
    class Unraisable:
        def __del__(self) -> None:
            raise RuntimeError(SECRET)

    def say() -> None:
        catch_all()
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = shown
            warnings.warn(SECRET, stacklevel=1)
        thread = threading.Thread(target=raising)
        thread.start()
        thread.join()
        del_ = Unraisable()
        del del_
        try:
            raising()
        except ValueError as wrong:
            sys.excepthook(type(wrong), wrong, wrong.__traceback__)
            sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)

    catch_all()
    shown = warnings.showwarning
    lines = told(say)
    assert [one["event"] for one in lines] == ["python_warning", "uncaught", "uncaught", "uncaught"]
    assert [one["kind"].split()[0] for one in lines] == ["UserWarning", "ValueError", "RuntimeError", "ValueError"]
    assert all(one["places"] for one in lines)
    assert "zqv" not in json.dumps(lines)
