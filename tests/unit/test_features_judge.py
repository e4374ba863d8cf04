"""From exchanges to observations: every reason why an answer is not assessed, and what is said of those that are."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis.judging.decoding import decode
from proxy.core.exchange import Body, End, Exchange, Framing, Purpose
from proxy.core.observation import NO_HARM, REASONS, Observation, Unassessed
from proxy.dialects.registry import dialect_of
from proxy.features.judge import observations
from proxy.features.reading import FEATURED_CHARS_MAX, TELLING_WORDS
from tests.vectors import content_type, names, vector

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
ANSWER = "The capital of Norway is Oslo, a city by the sea."
REFUSAL = "I'm sorry, but I can't help with that."


def asked(prompt: str = "How can I rob a bank?") -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": prompt}]}).encode()


def answered(text: str | None = ANSWER, finish: str | None = "stop", **message: Any) -> bytes:
    return json.dumps(
        {"choices": [{"index": 0, "message": {"content": text, **message}, "finish_reason": finish}]}
    ).encode()


def streamed(*texts: str, finish: str | None = "stop", done: bool = True) -> bytes:
    choices: list[dict[str, Any]] = [{"index": 0, "delta": {"content": text}} for text in texts]
    if finish:
        choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    events = [json.dumps({"choices": [choice]}) for choice in choices] + ["[DONE]"] * done
    return "".join(f"data: {event}\n\n" for event in events).encode()


def body_of(data: bytes | Body) -> Body:
    if isinstance(data, Body):
        return data
    return Body(data, Framing.LENGTH, "text/event-stream" if data.startswith(b"data:") else "application/json")


def exchange(response: bytes | Body, request: bytes | Body | None = None, **more: Any) -> Exchange:
    fields: dict[str, Any] = {
        "id": "x1", "method": "POST", "path": CHAT, "status": 200, "end": End.COMPLETE, "started_s": 100.0,
        "first_byte_s": 100.1, "ended_s": 100.2, "route": "r", "served_model": "m",
        "request": body_of(asked() if request is None else request), "response": body_of(response),
    }  # fmt: skip
    return Exchange(**{**fields, **more})


def observed(one: Exchange, **more: Any) -> tuple[Observation, ...]:
    dialect = dialect_of(one.method, one.path)
    return observations(one, dialect=dialect, decode=decode, prompt_hash=lambda text: f"h({text})", **more)


def reason(one: Exchange) -> Unassessed | None:
    (only,) = observed(one)
    if only.unassessed is not None:
        assert only.refusal is None
        assert only.hedging is None
    return only.unassessed


def test_an_answer() -> None:
    (one,) = observed(exchange(answered(), base_served=True), pi_k=3, purpose=Purpose.CHECK)
    assert (one.exchange_id, one.route, one.served_model, one.base_served) == ("x1", "r", "m", True)
    assert (one.time_s, one.purpose, one.pi_k, one.choice) == (100.0, Purpose.CHECK, 3, 0)
    assert (one.prompt_hash, one.category) == ("h(How can I rob a bank?)", "crime")
    assert (one.unassessed, one.refusal, one.hedging, one.script) == (None, 0, 0, "latin")
    assert one.features["words"] == len(ANSWER.split())


@pytest.mark.parametrize("body", [answered(REFUSAL), streamed(*REFUSAL.partition(","))])
def test_a_refusal(body: bytes) -> None:
    (one,) = observed(exchange(body))
    assert (one.unassessed, one.refusal) == (None, 1)


def test_a_hedged_answer() -> None:
    (one,) = observed(exchange(answered("I think it might be Oslo, but I'm not sure."), asked("What is its capital?")))
    assert (one.category, one.refusal, one.hedging) == (NO_HARM, 0, 1)


def test_the_refusal_field_is_a_refusal() -> None:
    for body in (answered(None, refusal="No."), answered("", finish=None, refusal="No.")):
        (one,) = observed(exchange(body))
        assert (one.unassessed, one.refusal) == (None, 1)


def test_a_model_that_thinks_of_refusing_has_not_refused() -> None:
    (one,) = observed(exchange(answered(f"<think>{REFUSAL}</think>{ANSWER}")))
    assert one.refusal == 0


def test_text_beside_a_tool_call_is_judged() -> None:
    (one,) = observed(exchange(answered(REFUSAL, "tool_calls", tool_calls=[{"id": "1"}])))
    assert one.refusal == 1


def test_each_completion_is_one_observation() -> None:
    choices = [
        {"index": n, "message": {"content": text}, "finish_reason": "stop"}
        for n, text in enumerate((REFUSAL, ANSWER, ""))
    ]
    seen = observed(exchange(json.dumps({"choices": choices}).encode()))
    assert [(one.choice, one.refusal, one.unassessed) for one in seen] == [
        (0, 1, None),
        (1, 0, None),
        (2, None, Unassessed.EMPTY),
    ]


def test_several_prompts_are_several_strata() -> None:
    request = json.dumps({"prompt": ["How can I rob a bank?", "Name a fruit."], "echo": True}).encode()
    texts = ["How can I rob a bank? " + REFUSAL, "Name a fruit. A pear is one, and it is sweet."]
    body = json.dumps(
        {"choices": [{"index": n, "text": text, "finish_reason": "stop"} for n, text in enumerate(texts)]}
    )
    first, second = observed(exchange(body.encode(), request, path=COMPLETIONS))
    assert (first.category, first.refusal) == ("crime", 1)
    assert (second.category, second.refusal) == (NO_HARM, 0)
    assert first.features["words"] == len(REFUSAL.split())


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (exchange(b"", end=End.REFUSED, status=429), Unassessed.REFUSED_BY_GROUNDWIRE),
        (exchange(b"ok", path="/health"), Unassessed.OPAQUE),
        (exchange(answered(), path="/v1/embeddings"), Unassessed.OPAQUE),
        (exchange(streamed("Half", finish=None, done=False), end=End.CLIENT_GONE), Unassessed.CLIENT_GONE),
        (exchange(answered(), end=End.CLIENT_GONE), Unassessed.CLIENT_GONE),
        (exchange(b"{}", status=500), Unassessed.ERROR),
        (exchange(b"{}", status=302), Unassessed.ERROR),
        (exchange(b"", status=502, end=End.UPSTREAM_FAILED), Unassessed.ERROR),
        (exchange(b'{"error":{"message":"no"}}'), Unassessed.ERROR),
        (exchange(b'data: {"error":{"message":"no"}}\n\n'), Unassessed.ERROR),
        (exchange(streamed("Half an", finish=None, done=False) + b'data: {"error":"no"}\n\n'), Unassessed.ERROR),
        (exchange(b""), Unassessed.EMPTY),
        (exchange(answered("")), Unassessed.EMPTY),
        (exchange(answered(" \n")), Unassessed.EMPTY),
        (exchange(answered(None, reasoning_content="Hm.")), Unassessed.EMPTY),
        (exchange(b'{"choices":[]}'), Unassessed.EMPTY),
        (exchange(answered(None, "tool_calls", tool_calls=[{"id": "1"}])), Unassessed.TOOL_CALL),
        (exchange(b"", end=End.UPSTREAM_CUT), Unassessed.CUT),
        (exchange(answered()[:-9], end=End.UPSTREAM_CUT), Unassessed.CUT),
        (exchange(streamed(ANSWER, finish=None, done=False), end=End.UPSTREAM_CUT), Unassessed.CUT),
        (exchange(streamed(ANSWER, finish=None, done=False), end=End.TIMED_OUT), Unassessed.CUT),
        (exchange(streamed(ANSWER, finish=None, done=False)), Unassessed.CUT),
        (exchange(answered("I'm sorry, but", "length")), Unassessed.CUT),
        (exchange(answered("<think>It is long", "length")), Unassessed.CUT),
        (exchange(answered(ANSWER, "content_filter")), Unassessed.CUT),
        (exchange(answered("", "content_filter")), Unassessed.CUT),
        (exchange(answered(), b"not json"), Unassessed.MALFORMED),
        (exchange(answered(), b'{"model":"m"}'), Unassessed.MALFORMED),
        (exchange(b"<html>"), Unassessed.MALFORMED),
        (exchange(b'{"ok":true}'), Unassessed.MALFORMED),
        (exchange(answered("Я не могу помочь вам.")), Unassessed.LANGUAGE),
        (exchange(answered("Das ist nicht erlaubt, und ich kann es auch nicht.")), Unassessed.LANGUAGE),
        (exchange(answered(), asked("Wie kann ich eine Bank ausrauben und nicht auffallen?")), Unassessed.LANGUAGE),
    ],
)  # fmt: skip
def test_reasons(one: Exchange, expected: Unassessed) -> None:
    assert reason(one) is expected


def test_bodies_that_the_capture_bound_cut() -> None:
    cut = Body(streamed(ANSWER, finish=None, done=False), Framing.EOF, "text/event-stream", truncated=True)
    assert reason(exchange(cut)) is Unassessed.TRUNCATED
    assert reason(exchange(Body(answered()[:40], truncated=True))) is Unassessed.TRUNCATED
    assert reason(exchange(answered(), Body(asked()[:20], truncated=True))) is Unassessed.TRUNCATED


def test_an_answer_that_ended_before_the_capture_was_cut_is_judged() -> None:
    body = Body(streamed(REFUSAL, done=False) + b'data: {"choi', Framing.EOF, "text/event-stream", truncated=True)
    assert observed(exchange(body))[0].refusal == 1


def test_encodings() -> None:
    packed = Body(gzip.compress(answered(REFUSAL)), content_type="application/json", content_encoding="gzip")
    assert observed(exchange(packed))[0].refusal == 1
    assert reason(exchange(Body(b"x", content_encoding="aes"))) is Unassessed.ENCODING
    assert reason(exchange(Body(b"plain", content_encoding="gzip"))) is Unassessed.ENCODING
    assert reason(exchange(answered(), Body(b"x", content_encoding="aes"))) is Unassessed.ENCODING


def test_what_the_length_limit_stopped_is_judged_once_it_tells() -> None:
    words = (REFUSAL + " It would be wrong to do so").split()
    for count in range(1, len(words) + 1):
        (one,) = observed(exchange(answered(" ".join(words[:count]), "length")))
        assert (one.unassessed is None) == (count >= TELLING_WORDS)


@pytest.mark.parametrize("name", names("openai_chat") + names("openai_completions"))
def test_every_vector_and_every_cut_of_it_is_judged_or_has_a_reason(name: str) -> None:
    path = CHAT if name.startswith("openai_chat") else COMPLETIONS
    request = asked() if path == CHAT else b'{"prompt":"How can I rob a bank?"}'
    body = vector(name)
    for end in range(0, len(body) + 1, 29):
        for how in (End.COMPLETE, End.UPSTREAM_CUT):
            response = Body(body[:end], Framing.EOF, content_type(name))
            for one in observed(exchange(response, request, path=path, end=how)):
                assert (one.unassessed is None) == (one.refusal is not None) == (one.hedging is not None)


@given(
    st.binary(max_size=80),
    st.binary(max_size=80),
    st.sampled_from(list(End)),
    st.sampled_from([CHAT, COMPLETIONS, "/"]),
)
def test_no_bytes_bring_the_judge_down(request: bytes, response: bytes, end: End, path: str) -> None:
    for one in observed(exchange(response, request, end=end, path=path)):
        assert one.unassessed is None or one.unassessed in REASONS


def test_a_prompt_with_many_answers_is_read_once() -> None:
    request = json.dumps({"model": "m", "n": 128, "messages": [{"role": "user", "content": "ponzix " * 100}]}).encode()
    message = {"content": ANSWER}
    choices = [{"index": i, "message": message, "finish_reason": "stop"} for i in range(128)]
    one = exchange(json.dumps({"choices": choices}).encode(), request)
    hashed: list[str] = []

    def note(text: str) -> str:
        hashed.append(text)
        return "h"

    seen = observations(one, dialect=dialect_of(one.method, one.path), decode=decode, prompt_hash=note)
    assert len(seen) == 128
    assert len(hashed) == 1


def test_of_an_answer_that_unpacks_to_megabytes_the_beginning_is_measured() -> None:
    packed = gzip.compress(answered("ab " * 2_000_000))
    body = Body(packed, Framing.LENGTH, "application/json", "gzip", len(packed))
    (seen,) = observed(exchange(body))
    assert seen.unassessed is None
    assert seen.features["chars"] == FEATURED_CHARS_MAX
