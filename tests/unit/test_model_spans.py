"""The scanner agrees with real parsers on every top-level `model`, however the bytes are cut."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.core.http.model_patterns import MODEL_BYTES_MAX
from proxy.core.http.model_spans import NAMES_MAX, ODD_KEYS_MAX, ModelSpans, Scan, scan, splice

Pairs = list[tuple[str, Any]]


class Members(list[tuple[str, Any]]):
    """An object as its pairs, duplicates kept."""


def members_of(body: bytes) -> Members:
    value = json.loads(body, object_pairs_hook=Members)
    assert isinstance(value, Members)
    return value


def in_pieces(body: bytes, cuts: list[int]) -> Scan:
    spans = ModelSpans()
    edges = [0, *sorted(c % (len(body) + 1) for c in cuts), len(body)]
    for start, end in pairwise(edges):
        spans.feed(memoryview(body)[start:end])
    return spans.finish()


def byte_by_byte(body: bytes) -> Scan:
    spans = ModelSpans()
    for at in range(len(body)):
        spans.feed(body[at : at + 1])
    return spans.finish()


# JSON text with everything that the grammar leaves free: whitespace, escapes, repeated keys, depth.

blanks = st.text(" \t\r\n", max_size=2)


@st.composite
def json_string(draw: st.DrawFn, text: st.SearchStrategy[str]) -> str:
    """A JSON string literal of a text, each character written in one of its forms."""
    out = []
    for char in draw(text):
        plain = json.dumps(char, ensure_ascii=False)[1:-1]
        forms = [plain, "".join(f"\\u{unit:04x}" for unit in utf16_units(char))]
        if char == "/":
            forms.append("\\/")
        out.append(draw(st.sampled_from(forms)))
    return '"' + "".join(out) + '"'


def utf16_units(char: str) -> list[int]:
    raw = char.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[i : i + 2], "big") for i in range(0, len(raw), 2)]


texts = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ['"', "\\", '\\"', '"model":"x"', "\\\\", '{"model":"no"}', "}", "]", '","model":"']
)
keys = st.sampled_from(
    ["model", "models", "mode", "messages", "lora", "adapter_id", "parameters", "stream", "", '"model"', "модель"]
)
scalars: st.SearchStrategy[str] = st.sampled_from(["null", "true", "false", "0", "-1.5e+9", "1E9", "NaN", "-Infinity"])


def joined(draw: st.DrawFn, opening: str, parts: list[str], closing: str) -> str:
    inner = ",".join(draw(blanks) + part + draw(blanks) for part in parts)
    return opening + (inner or draw(blanks)) + closing


@st.composite
def json_object(draw: st.DrawFn, key: st.SearchStrategy[str], value: st.SearchStrategy[str]) -> str:
    parts = [
        draw(json_string(key)) + draw(blanks) + ":" + draw(blanks) + draw(value) for _ in range(draw(st.integers(0, 4)))
    ]
    return joined(draw, "{", parts, "}")


@st.composite
def json_array(draw: st.DrawFn, value: st.SearchStrategy[str]) -> str:
    return joined(draw, "[", draw(st.lists(value, max_size=3)), "]")


values = st.recursive(
    json_string(texts) | scalars,
    lambda inner: json_array(inner) | json_object(keys, inner),
    max_leaves=12,
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A request body: an object, `model` mostly a string, the rest anything."""
    parts = []
    for _ in range(draw(st.integers(0, 6))):
        key = draw(keys | texts)
        value = draw(json_string(texts)) if key == "model" and draw(st.integers(0, 9)) else draw(values)
        parts.append(draw(json_string(st.just(key))) + draw(blanks) + ":" + draw(blanks) + value)
    bom = draw(st.sampled_from(["", "", "", "\ufeff"]))
    return (bom + draw(blanks) + joined(draw, "{", parts, "}") + draw(blanks)).encode()


cut_places = st.lists(st.integers(0, 2**16), max_size=6)


@given(bodies(), cut_places)
@example(b'{"model":"a\\\\","model":"b\\""}', [14])
@example(b'{"a":"\\\\\\"","model":"m"}', [7])
def test_agrees_with_a_parser(body: bytes, cuts: list[int]) -> None:
    members = members_of(body)
    found = in_pieces(body, cuts)
    named = [value for key, value in members if key == "model"]
    variants = [key for key, _ in members if key.lower() == "model" and key != "model"]
    if variants or not all(isinstance(name, str) for name in named):
        assert found.error
        assert not found.models
        return
    assert found.error == ""
    assert list(found.models) == named
    assert [json.loads(body[start:end]) for start, end in found.spans] == named


@given(bodies(), cut_places)
def test_adapter_fields_are_those_a_parser_sees(body: bytes, cuts: list[int]) -> None:
    found = in_pieces(body, cuts)
    if found.error:
        return
    members = members_of(body)
    expected = {key for key, value in members if key in {"lora", "adapter_id"} and value is not None}
    for key, value in members:
        if key == "parameters" and isinstance(value, Members):
            expected |= {f"parameters.{k}" for k, v in value if k == "adapter_id" and v is not None}
    assert set(found.adapter_fields) == expected


@given(bodies() | st.binary(max_size=60), cut_places)
def test_any_cut_gives_the_same_answer(body: bytes, cuts: list[int]) -> None:
    assert in_pieces(body, cuts) == scan(body) == byte_by_byte(body)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A body with one byte removed, changed or added, or cut short."""
    body = draw(bodies())
    at = draw(st.integers(0, len(body)))
    new = draw(
        st.sampled_from([b"", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"/", b"'", b"\x00", b"\xff", b"m"])
    )
    return body[:at] + new + body[at + draw(st.integers(0, 2)) :]


@given(damaged(), cut_places)
def test_whatever_a_parser_still_reads_is_read_alike_or_refused(body: bytes, cuts: list[int]) -> None:
    found = in_pieces(body, cuts)
    assert found == scan(body) == byte_by_byte(body)
    try:
        members = members_of(body)
    except (ValueError, AssertionError, RecursionError):
        return
    if not found.error:
        assert list(found.models) == [value for key, value in members if key == "model"]


@given(bodies(), st.text(st.characters(codec="utf-8"), max_size=12))
def test_splice_changes_the_names_and_nothing_else(body: bytes, new: str) -> None:
    found = scan(body)
    spliced = splice(body, found.spans, new)
    after = scan(spliced)
    assert after.error == found.error
    assert after.models == (new,) * len(found.models)
    assert outside(spliced, after.spans) == outside(body, found.spans)
    if found.models:
        assert dict(members_of(spliced))["model"] == new


def outside(body: bytes, spans: tuple[tuple[int, int], ...]) -> list[bytes]:
    edges = [0, *(edge for span in spans for edge in span), len(body)]
    return [body[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]


@pytest.mark.parametrize(
    ("body", "models"),
    [
        (b'{"model":"a"}', ("a",)),
        (b'\xef\xbb\xbf {"model":"a"}', ("a",)),
        (b'{"mod\\u0065l":"a"}', ("a",)),
        (b'{"\\u006d\\u006F\\u0064\\u0065\\u006c":"a"}', ("a",)),
        (b'{"model":"a","model":"b"}', ("a", "b")),
        (b'{"model":"a","mod\\u0065l":"b","x":{"model":"c"}}', ("a", "b")),
        (b'{"x":[{"model":"c"}],"model":""}', ("",)),
        (b'{"x":"\\"model\\":\\"c\\"","y":"\\\\","model":"a"}', ("a",)),
        (b'{"model":"\\ud83d\\ude00\\"\\\\"}', ('😀"\\',)),
        ('{"model":"модель"}'.encode(), ("модель",)),
        (b'{"model\\u0000":"a"}', ()),
        (b'{"parameters":{"model":"a"}}', ()),
        (b'{"parameters":{"Model":1}}', ()),
        (b"{}", ()),
        (b" {} \r\n", ()),
        (b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b',"model":"a"}', ("a",)),
        (b'{"a":' + b'{"model":[' * 500 + b"]}" * 500 + b',"model":"a"}', ("a",)),
    ],
)
def test_finds(body: bytes, models: tuple[str, ...]) -> None:
    assert scan(body) == byte_by_byte(body)
    assert (scan(body).models, scan(body).error) == (models, "")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"[1]", "not an object"),
        (b'"model"', "not an object"),
        (b"null", "not an object"),
        (b"model=a", "not json"),
        (b"--boundary\r\n", "not an object"),
        (b"\xef\xbb{}", "not json"),
        ('{"model":"a"}'.encode("utf-16-le"), "not json"),
        ('{"model":"a"}'.encode("utf-16-be"), "not json"),
        (b'{"model":null}', "model is not a string"),
        (b'{"model":["a"]}', "model is not a string"),
        (b'{"model":"a","model":{"b":1}}', "model is not a string"),
        (b'{"Model":"a"}', "a key that differs from model in case only: Model"),
        (b'{"MODE\\u004c":"a"}', "a key that differs from model in case only: MODEL"),
        (b'{"m\\odel":"a"}', "a key that cannot be read"),
        (b'{"mod\xffel":"a"}', "a key that cannot be read"),
        (b'{"mod\nel":"a"}', "a key that cannot be read"),
        (b'{"model":"\\ud800"}', "a model name that cannot be read"),
        (b'{"model":"a\\x"}', "a model name that cannot be read"),
        (b'{"model":"\xff"}', "a model name that cannot be read"),
        (b'{"model":"a\nb"}', "a model name that cannot be read"),
        (b'{"model":"a"', "cut short"),
        (b'{"model":"a', "cut short"),
        (b'{"model":"a"}{"model":"b"}', "text after the object"),
        (b'{"model":"a"}\x00', "text after the object"),
        (b'{"model":"a",}', "not json"),
        (b'{,"model":"a"}', "not json"),
        (b"{'model':'a'}", "not json"),
        (b'{model:"a"}', "not json"),
        (b'{"a":1 /* , */,"model":"a"}', "not json"),
        (b'{"a":[1 // ]\n],"model":"a"}', "not json"),
        (b'{"a":[\'"\'],"model":"a"}', "not json"),
        (b'{"a":]1,"model":"a"}', "not json"),
        (b'{"a":1 "model":"a"}', "not json"),
        (b'{"a" "model":"a"}', "not json"),
        (b'{"model":"' + b"a" * (MODEL_BYTES_MAX + 1) + b'"}', f"model is longer than {MODEL_BYTES_MAX} bytes"),
    ],
)
def test_refuses(body: bytes, error: str) -> None:
    assert scan(body) == byte_by_byte(body) == Scan(error=error)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b'{"lora":[{"id":0,"scale":1}]}', ("lora",)),
        (b'{"lor\\u0061":[]}', ("lora",)),
        (b'{"lora":null,"adapter_id":null}', ()),
        (b'{"adapter_id":"x"}', ("adapter_id",)),
        (b'{"parameters":{"adapter_id":"x"}}', ("parameters.adapter_id",)),
        (b'{"parameters":{"lora":1,"a":[{"adapter_id":1}]},"b":{"adapter_id":1}}', ()),
        (b'{"parameters":{"adapter_id":null,"merged_adapters":{}},"model":"a"}', ("parameters.merged_adapters",)),
        (b'{"parameters":[{"adapter_id":"x"}],"lora_path":"x"}', ("lora_path",)),
    ],
)
def test_names_fields_that_choose_an_adapter(body: bytes, fields: tuple[str, ...]) -> None:
    assert scan(body) == byte_by_byte(body)
    assert (scan(body).adapter_fields, scan(body).error) == (fields, "")


@pytest.mark.parametrize("size", [MODEL_BYTES_MAX - 1, MODEL_BYTES_MAX])
def test_a_long_name_is_read(size: int) -> None:
    assert scan(b'{"model":"' + b"a" * size + b'"}').models == ("a" * size,)


def test_repetition_has_a_bound() -> None:
    name = b'"model":"a",'
    odd = b'"\\u0061":1,'
    assert len(scan(b"{" + name * NAMES_MAX + b'"b":1}').models) == NAMES_MAX
    assert scan(b"{" + odd * ODD_KEYS_MAX + b'"b":1}').error == ""
    for body in (b"{" + name * (NAMES_MAX + 1) + b'"b":1}', b"{" + odd * (ODD_KEYS_MAX + 1) + b'"b":1}'):
        assert scan(body).error
        assert scan(body) == byte_by_byte(body)


@pytest.mark.parametrize("filler", ["A" * 300_000, 'say "hi" \\ there\n' * 20_000, "\\" * 100_001, "é😀" * 50_000])
def test_large_strings(filler: str) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": filler}]}
    for body in (
        orjson.dumps({"messages": [message] * 3, "model": "a", "prompt": filler}),
        json.dumps({"prompt": filler, "model": "a", "messages": [message]}).encode(),
    ):
        found = scan(body)
        assert (found.models, found.error) == (("a",), "")
        assert in_pieces(body, [7, 65_536, 70_001, 200_003]) == found
