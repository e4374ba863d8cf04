"""In which bin an answer lies, from the bytes of an exchange on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis.judging.decoding import decode
from proxy.core.exchange import Body, End, Exchange, Framing
from proxy.dialects.registry import dialect_of
from proxy.features import bands
from proxy.features.json_schema import fits, is_json
from proxy.features.judge import observations

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": ["integer", "null"]}, "kind": {"enum": ["a", "b"]}},
    "required": ["name"],
    "additionalProperties": False,
}


def body(document: Any, kind: str = "application/json") -> Body:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Body(data, Framing.LENGTH, kind, total_bytes=len(data))


def exchange(request: dict[str, Any], response: Any, path: str = "/v1/chat/completions", **more: Any) -> Exchange:
    start = Exchange("e", "POST", path, 200, End.COMPLETE, 100.0, 100.5, 102.0, route="r", served_model="m")
    start.request, start.response = body(request), body(response)
    return replace(start, **more)


def chat(content: str | None, finish: str = "stop", **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": content, **message}
    usage = {"prompt_tokens": 5, "completion_tokens": 64}
    return {"id": "c-1", "choices": [{"index": 0, "message": said, "finish_reason": finish}], "usage": usage}


def shapes(one: Exchange) -> dict[str, str]:
    dialect = dialect_of(one.method, one.path)
    [seen] = observations(one, dialect=dialect, decode=decode, prompt_hash=lambda text: text and "h")
    return dict(seen.shapes)


ASKED = {"model": "m", "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi there"}]}


def test_an_answer_has_a_bin_of_every_signal_that_is_known() -> None:
    assert shapes(exchange(ASKED, chat("Hello, my friend."))) == {
        "finish": "stop",
        "latency": "11",  # 2,000 ms
        "tokens_per_s": "10",  # 32 a second
        "prompt_length": "05",
        "prompt_script": "latin",
        "tool_use": "none",
        "length": "05",
        "diversity": "10",
        "formatting": "plain",
        "script": "latin",
    }


def test_a_stream_has_a_time_to_its_first_byte() -> None:
    text = json.dumps({"choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"}]})
    one = exchange({**ASKED, "stream": True}, b"")
    one.response = body(f"data: {text}\n\ndata: [DONE]\n\n".encode(), "text/event-stream")
    assert shapes(one)["ttft"] == "09"  # 500 ms


@pytest.mark.parametrize(
    ("answer", "more", "bin_"),
    [
        (chat("Half of it, and then some more words", "length"), {}, "length"),
        (chat("I am", "content_filter"), {}, "filtered"),
        (chat(None, "tool_calls", tool_calls=[{"function": {"name": "f", "arguments": "{}"}}]), {}, "tool"),
        ({"error": {"message": "down"}}, {"status": 503}, "error"),
        ({"error": {"message": "down"}}, {}, "error"),
        ({"error": {"message": "too many"}}, {"status": 429}, ""),
        ({}, {"status": 0, "end": End.UPSTREAM_FAILED}, "error"),
        (chat("Hello"), {"end": End.CLIENT_GONE}, ""),
    ],
)
def test_how_an_answer_ended(answer: dict[str, Any], more: dict[str, Any], bin_: str) -> None:
    assert shapes(exchange(ASKED, answer, **more)).get("finish", "") == bin_


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("Just words.", "plain"),
        ("A **strong** word.", "bold"),
        ("- one\n- two", "list"),
        ("# Head\n\n- one", "headings"),
        ("| a | b |\n|---|---|", "table"),
        ("```\ncode\n```\n# Head", "code"),
    ],
)
def test_how_an_answer_is_laid_out(text: str, layout: str) -> None:
    assert shapes(exchange(ASKED, chat(text)))["formatting"] == layout


def test_json_that_was_asked_for_is_looked_at() -> None:
    wants = {**ASKED, "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}}
    assert shapes(exchange(wants, chat('{"name": "x", "age": 3}')))["json_valid"] == "yes"
    assert shapes(exchange(wants, chat('{"age": 3}')))["json_valid"] == "no"
    assert shapes(exchange(wants, chat("Sure! Here it is.")))["json_valid"] == "no"
    assert "json_valid" not in shapes(exchange(wants, chat('{"name": "x', "length")))
    assert "json_valid" not in shapes(exchange(ASKED, chat("{}")))


def test_arguments_of_tools_are_looked_at_in_every_dialect() -> None:
    def called(arguments: Any) -> dict[str, Any]:
        return chat(None, "tool_calls", tool_calls=[{"function": {"name": "f", "arguments": arguments}}])

    asked = {**ASKED, "tools": [{"type": "function"}]}
    assert shapes(exchange(asked, called('{"a": 1}')))["tool_parse"] == "yes"
    assert shapes(exchange(asked, called('{"a": 1')))["tool_parse"] == "no"
    assert shapes(exchange(asked, called('{"a": 1')))["tool_use"] == "called"
    assert shapes(exchange(asked, chat("No need.")))["tool_use"] == "offered"
    item = {"type": "function_call", "name": "f", "arguments": "{oops"}
    whole = {"output": [item], "status": "completed"}
    assert shapes(exchange({"model": "m", "input": "Hi"}, whole, "/v1/responses"))["tool_parse"] == "no"
    block = {"type": "tool_use", "name": "f", "input": {"a": 1}}
    message = {"content": [block], "stop_reason": "tool_use"}
    assert shapes(exchange(ASKED, message, "/v1/messages"))["tool_parse"] == "yes"
    frame = {"message": {"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}, "done": True}
    assert shapes(exchange({**ASKED, "stream": False}, frame, "/api/chat"))["tool_parse"] == "yes"


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('{"name": "x"}', True),
        ('{"name": 1}', False),
        ('{"name": "x", "age": null}', True),
        ('{"name": "x", "age": 1.5}', False),
        ('{"name": "x", "age": 2.0}', True),
        ('{"name": "x", "age": true}', False),
        ('{"name": "x", "kind": "c"}', False),
        ('{"name": "x", "more": 1}', False),
        ("[]", False),
        ("", False),
    ],
)
def test_the_simple_part_of_a_schema(text: str, right: bool) -> None:
    assert fits(text, SCHEMA) is right


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(json_values, json_values)
def test_no_schema_and_no_value_bring_it_down(value: Any, schema: Any) -> None:
    text = json.dumps(value)
    assert fits(text, {}) is is_json(text)
    fits(text, schema if isinstance(schema, dict) else {"type": schema, "items": schema, "required": schema})


@given(st.floats(0, 1e12), st.floats(0, 1e12))
def test_bands_keep_the_order_of_sizes(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert bands.octave(low) <= bands.octave(high)
    assert bands.half_octave(low) <= bands.half_octave(high)
    assert bands.step(min(1.0, low)) <= bands.step(min(1.0, high))
    if low >= 1.0 and high >= 2.0 * low:
        assert bands.octave(low) < bands.octave(high)
