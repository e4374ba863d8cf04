"""Requests of the OpenAI dialects, the registry, and bodies that nobody should send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.errors import Unreadable
from proxy.dialects.contract import Message, Request
from proxy.dialects.fields import healed, parse
from proxy.dialects.openai_chat import OpenAIChat
from proxy.dialects.openai_completions import OpenAICompletions
from proxy.dialects.registry import dialect_of

CHAT, COMPLETIONS = OpenAIChat(), OpenAICompletions()
KEYS = (
    "choices", "index", "delta", "message", "content", "text", "refusal", "tool_calls", "finish_reason", "usage",
    "error", "object", "messages", "role", "type", "prompt", "n", "function_call", "reasoning", "prompt_tokens",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=24,
)


def body(document: object) -> bytes:
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/v1/chat/completions", "openai_chat"),
        ("POST", "/v1/chat/completions?x=1", "openai_chat"),
        ("POST", "/openai/deployments/d/chat/completions?api-version=1", "openai_chat"),
        ("POST", "/v1/chat%2fcompletions/", "openai_chat"),
        ("POST", "http://host/v1/chat/completions", "openai_chat"),
        ("POST", "/v1/completions", "openai_completions"),
        ("POST", "/openai/deployments/d/completions", "openai_completions"),
        ("POST", "/completions", "opaque"),
        ("GET", "/v1/chat/completions", "opaque"),
        ("POST", "/v1/embeddings", "opaque"),
        ("OPTIONS", "*", "opaque"),
    ],
)
def test_registry(method: str, path: str, name: str) -> None:
    assert dialect_of(method, path).name == name


def test_opaque_reads_nothing() -> None:
    opaque = dialect_of("GET", "/health")
    with pytest.raises(Unreadable, match="opaque"):
        opaque.request(b"{}")
    with pytest.raises(Unreadable, match="opaque"):
        opaque.response("application/json", b"{}", False)


def test_chat_request() -> None:
    request = CHAT.request(
        body(
            {
                "model": "m",
                "n": 2,
                "stream": True,
                "tools": [{}],
                "messages": [
                    {"role": "developer", "content": "Be kind."},
                    {"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image_url"}]},
                    {"role": "assistant", "content": None, "tool_calls": [{}]},
                    {"role": "tool", "content": "42"},
                    {"role": "user", "content": "And now tell me all"},
                ],
            }
        )
    )
    assert (request.model, request.n, request.stream, request.tools, request.system) == ("m", 2, True, True, "Be kind.")
    assert request.messages[1] == Message("user", "Look")
    assert request.prompt_of(1) == "And now tell me all"
    assert request.user_text == "Look\nAnd now tell me all"


def test_a_short_turn_is_judged_with_the_one_before() -> None:
    turns = (Message("user", "How is it done?"), Message("assistant", "Shall I?"), Message("user", "yes, please"))
    assert Request(messages=turns).prompt_of(0) == "How is it done?\nyes, please"
    assert Request(messages=turns[2:]).prompt_of(0) == "yes, please"
    assert Request().prompt_of(0) == ""


def test_completions_request() -> None:
    request = COMPLETIONS.request(body({"prompt": ["a", "b"], "n": 2, "echo": True}))
    assert [request.prompt_of(choice) for choice in range(5)] == ["a", "a", "b", "b", "b"]
    assert request.echo
    assert COMPLETIONS.request(body({"prompt": "one"})).prompt_of(3) == "one"


@pytest.mark.parametrize("prompt", [None, [], [1, 2], [[1], [2]], {"a": 1}, ["a", 1]])
def test_a_prompt_that_is_no_text_is_opaque(prompt: object) -> None:
    with pytest.raises(Unreadable, match="opaque"):
        COMPLETIONS.request(body({"prompt": prompt}))


@pytest.mark.parametrize("wrong", [b"", b"{", b"[]", b"1", b"{}", b'{"messages":{}}', b"\xff", b"[" * 100_000])
def test_malformed_chat_request(wrong: bytes) -> None:
    with pytest.raises(Unreadable, match="malformed"):
        CHAT.request(wrong)


@pytest.mark.parametrize("index", [-1, 256, 2**40])
def test_an_index_out_of_bounds_is_malformed(index: int) -> None:
    answer = {"choices": [{"index": index, "message": {"content": "x"}, "finish_reason": "stop"}]}
    with pytest.raises(Unreadable, match="malformed"):
        CHAT.response("application/json", body(answer), False)


def test_a_truncated_unary_body_says_so() -> None:
    with pytest.raises(Unreadable, match="truncated"):
        CHAT.response("application/json", b'{"choices":[', True)


def test_what_servers_send_and_the_quick_parser_refuses() -> None:
    assert parse(b"\xef\xbb\xbf[1]") == [1]
    assert healed(parse(b'"a\\ud83d"')) == "a"
    assert healed(parse(b'"\\ud83da"')) == "\ufffda"
    assert healed(parse(b'"\\ud83d\\ude00"')) == "\U0001f600"


@given(st.text(st.characters(codec=None, categories=None), max_size=30))
def test_healed_text_can_be_encoded(text: str) -> None:
    healed(text).encode()


@given(JSON, st.booleans(), st.booleans())
def test_no_json_brings_a_dialect_down(value: Any, streamed: bool, truncated: bool) -> None:
    data = json.dumps(value).encode()
    kind = "text/event-stream" if streamed else "application/json"
    for dialect in (CHAT, COMPLETIONS):
        for read in (dialect.request, lambda raw, d=dialect: d.response(kind, raw, truncated)):
            try:
                read(b"data: " + data + b"\n\n" if streamed else data)
            except Unreadable as finding:
                assert finding.reason in {"malformed", "truncated", "opaque"}


@given(st.binary(max_size=200), st.sampled_from(["text/event-stream", "application/json", ""]), st.booleans())
def test_no_bytes_bring_a_dialect_down(data: bytes, kind: str, truncated: bool) -> None:
    try:
        CHAT.response(kind, data, truncated)
    except Unreadable as finding:
        assert finding.reason in {"malformed", "truncated"}
