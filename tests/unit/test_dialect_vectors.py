"""Each recorded body is read as it must be; and so is every beginning of it, as far as it goes."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis.judging.decoding import decode
from proxy.core.errors import Unreadable
from proxy.core.exchange import Body, Framing
from proxy.dialects.contract import Dialect, Response
from proxy.dialects.registry import DIALECTS
from tests.vectors import content_type, names, vector
from tests.vectors.readings import READINGS

BY_NAME: Final[dict[str, Dialect]] = {dialect.name: dialect for dialect in DIALECTS if dialect.name != "opaque"}
READABLE: Final = {name: reading for name, reading in READINGS.items() if isinstance(reading, Response)}
STREAMS: Final = sorted(name for name in READABLE if not name.endswith(".json"))
# The text of what thinks aloud in its text becomes another when the thought ends; a stream's last event may say it all.
GROWING: Final = [name for name in STREAMS if "<think>" not in vector(name).decode()]


def read(name: str, body: bytes | None = None, truncated: bool = False) -> Response:
    dialect = BY_NAME[name.partition("/")[0]]
    return dialect.response(content_type(name), vector(name) if body is None else body, truncated)


def outcome(name: str, body: bytes, truncated: bool = False) -> Response | str:
    try:
        return read(name, body, truncated)
    except Unreadable as finding:
        return finding.reason


def test_every_vector_has_its_reading() -> None:
    assert sorted(READINGS) == sorted(name for folder in BY_NAME for name in names(folder))


@pytest.mark.parametrize("name", READINGS)
def test_vector(name: str) -> None:
    assert outcome(name, vector(name)) == READINGS[name]


@pytest.mark.parametrize("name", READABLE)
def test_a_wrong_content_type_changes_nothing(name: str) -> None:
    dialect = BY_NAME[name.partition("/")[0]]
    assert dialect.response("application/octet-stream", vector(name), False) == READABLE[name]


@pytest.mark.parametrize("name", GROWING)
def test_every_beginning_of_a_stream_reads_as_the_beginning_of_its_text(name: str) -> None:
    body, complete = vector(name), {one.index: one for one in READABLE[name].completions}
    for end in range(0, len(body), 1 + len(body) // 700):
        for one in read(name, body[:end], truncated=True).completions:
            assert complete[one.index].text.startswith(one.text), end
            assert complete[one.index].reasoning.startswith(one.reasoning), end


@pytest.mark.parametrize("name", READINGS)
def test_every_cut_is_unfinished_or_unreadable(name: str) -> None:
    body, complete = vector(name), READINGS[name]
    for end in range(0, len(body), 1 + len(body) // 300):
        for truncated in (True, False):
            cut = outcome(name, body[:end], truncated)
            if isinstance(cut, str):
                assert cut in {"malformed", "truncated", "opaque"}
            elif cut.done and truncated:
                assert cut == complete, end  # what is missing says nothing more
    for start in range(0, len(body), 1 + len(body) // 100):
        outcome(name, body[start:])  # raises nothing else


@given(st.sampled_from(sorted(READINGS)), st.lists(st.integers(1, 400), min_size=1, max_size=12))
def test_any_split_into_chunks_gives_the_same_reading(name: str, sizes: list[int]) -> None:
    rest, wire = vector(name), b""
    while rest:
        size = sizes[len(wire) % len(sizes)]
        wire, rest = wire + b"%x\r\n%b\r\n" % (len(rest[:size]), rest[:size]), rest[size:]
    plain = decode(Body(wire + b"0\r\n\r\n", Framing.CHUNKED))
    assert not plain.truncated
    assert outcome(name, plain.data) == READINGS[name]


@given(st.sampled_from(STREAMS), st.data())
def test_line_ends_and_comments_change_nothing(name: str, data: st.DataObject) -> None:
    body, line_end = vector(name), data.draw(st.sampled_from([b"\n", b"\r\n"]))
    body = body.replace(b"\r\n", b"\n")
    if name.endswith(".sse"):
        body = b": keep-alive\n\n" * data.draw(st.integers(0, 2)) + body.replace(b"\n\n", b"\nid: 7\n\n: ping\n\n")
    assert outcome(name, body.replace(b"\n", line_end)) == READINGS[name]
