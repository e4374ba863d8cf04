"""Newline-delimited JSON: whole lines, and what a cut leaves of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.errors import Unreadable
from proxy.dialects.ndjson import documents

OBJECTS = st.dictionaries(st.text(max_size=4), st.text(max_size=6) | st.integers() | st.none(), max_size=4)


@given(st.lists(OBJECTS, max_size=6), st.sampled_from(["\n", "\r\n", "\n\n"]), st.booleans(), st.booleans())
def test_lines_are_objects(objects: list[dict[str, Any]], line_end: str, ascii_only: bool, ended: bool) -> None:
    lines = [json.dumps(one, ensure_ascii=ascii_only) for one in objects]
    body = (line_end.join(lines) + (line_end if ended else "")).encode()
    assert list(documents(body)) == objects


@given(st.lists(OBJECTS, min_size=1, max_size=4), st.data())
def test_a_beginning_gives_the_first_objects(objects: list[dict[str, Any]], data: st.DataObject) -> None:
    body = "".join(json.dumps(one) + "\n" for one in objects).encode()
    end = data.draw(st.integers(0, len(body)))
    found = list(documents(body[:end]))
    assert found == objects[: len(found)]
    assert len(found) >= body[:end].count(b"\n")


@pytest.mark.parametrize("wrong", [b"busy", b'{"a":1}\n[1]\n', b'{"a":\n{"a":1}\n', b"\xff\n", b'{"a":1}\nnull'])
def test_what_is_no_object_is_malformed(wrong: bytes) -> None:
    with pytest.raises(Unreadable, match="malformed"):
        list(documents(wrong))
