"""An exchange as spans: ids, times and attributes, whatever became of it; and no attribute that is not declared."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.exchange import Body, End, Exchange, Purpose
from proxy.core.http.trace_context import BITS, Tracing, parent_of, sent_on
from proxy.core.observation import Observation, Unassessed
from proxy.dialects.contract import Completion, Request, Usage
from proxy.features.reading import Reading
from proxy.inventory.traces import TRACES
from proxy.tracing import gen_ai
from proxy.tracing.evaluations import evaluations, events, raised
from proxy.tracing.exchange import Done, Stage, Times, spans_of
from proxy.tracing.span import TEXT_CHARS_MAX, Kind, Place

TEXT = "zqvx a text of a user"
OURS = "00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000aa-01"
THEIRS = OURS.replace("aa-01", "bb-01")
DECLARED = {one.title: set(one.fields) for one in TRACES}
bits = st.integers(0, 2**BITS - 1)
times = st.floats(0, 4e9)
words = st.text(max_size=400)


def exchange(**more: Any) -> Exchange:
    whole: dict[str, Any] = {
        "id": "e-1",
        "method": "POST",
        "path": "/v1/chat/completions",
        "status": 200,
        "end": End.COMPLETE,
        "started_s": 100.0,
        "first_byte_s": 101.0,
        "ended_s": 102.0,
        "route": "support",
        "requested_model": "support",
        "served_model": "support",
        "upstream": "default",
        "trace": OURS,
        "sent_s": 100.5,
        "request": Body(TEXT.encode()),
    }
    return Exchange(**{**whole, **more})


def observation(**more: Any) -> Observation:
    whole: dict[str, Any] = {
        "exchange_id": "e-1",
        "route": "support",
        "served_model": "support",
        "base_served": False,
        "time_s": 100.0,
        "purpose": Purpose.USER,
        "prompt_hash": "h",
    }
    return Observation(**{**whole, **more})


exchanges = st.builds(
    Exchange,
    words,
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["/v1/chat/completions", "/api/generate", "/x", ""]),
    st.integers(0, 599),
    st.sampled_from(End),
    *(times, times, times, words, words, words, words),
    st.booleans(),
    words,
    st.integers(0, 7),
    st.integers(0, 9),
    st.one_of(words, st.just(THEIRS)),
    trace=bits.map(lambda one: sent_on(Tracing(0.5), "", one).traceparent),
    sent_s=times,
)
observations = st.builds(
    observation,
    unassessed=st.none() | st.sampled_from(Unassessed),
    refusal=st.none() | st.integers(0, 1),
    toxic=st.none() | st.integers(0, 1),
    hedging=st.none() | st.integers(0, 1),
    category=st.sampled_from(["none", "crime"]),
    attacks=st.dictionaries(st.sampled_from(["jailbreak", "injection"]), st.integers(0, 1)),
    sensitive=st.none() | st.dictionaries(st.sampled_from(["email"]), st.integers(1, 3)),
    scores=st.dictionaries(st.sampled_from(["refusal", "toxicity"]), st.floats(0, 1)),
    purpose=st.sampled_from(Purpose),
    triggers=st.sampled_from([(), ("t",)]),
    response_harmful=st.none() | st.integers(0, 1),
)
batch_times = st.builds(
    Times, st.integers(1, 16), st.builds(Stage, times, times), st.builds(Stage, times, times), st.just(Stage())
)


@given(
    exchanges,
    st.none() | st.floats(0, 1),
    st.lists(observations, max_size=3).map(tuple),
    st.none() | batch_times,
    st.sampled_from(["", "watch"]),
)
def test_whatever_became_of_it(
    one: Exchange, chance: float | None, seen: tuple[Observation, ...], when: Times | None, step: str
) -> None:
    spans = spans_of(Done(one, "analysed", chance, seen, {}, when, step, ("h", 1)))
    ours = parent_of(one.trace)
    assert ours is not None
    assert bool(spans) == ours.is_sampled
    if not spans:
        return
    first, *children = spans
    assert (first.place.trace_id, first.place.span_id) == (ours.trace_id, ours.span_id)
    assert first.kind is (Kind.CLIENT if one.sent_s else Kind.SERVER)
    assert set(first.attributes) <= DECLARED["The span of an exchange"]
    assert all(span.start_s <= span.end_s for span in spans)
    assert all(child.parent == ours.span_id and child.place.trace_id == ours.trace_id for child in children)
    assert len({span.place.span_id for span in spans}) == len(spans)
    assert all(set(child.attributes) <= DECLARED["The span of a stage"] for child in children)
    chosen = [first.attributes.get(name, "") for name in ("gen_ai.request.model", "groundwire.served.model")]
    assert all(len(str(text)) <= TEXT_CHARS_MAX for text in chosen)


def test_a_parent_is_that_of_the_same_trace_only() -> None:
    [span] = spans_of(Done(exchange(traceparent=THEIRS), "late"))
    assert span.parent == THEIRS[36:52]
    [span] = spans_of(Done(exchange(traceparent=THEIRS.replace("4bf9", "5bf9")), "late"))
    assert span.parent == ""


def test_off_and_unsampled_are_nothing() -> None:
    assert spans_of(Done(exchange(trace=""), "analysed")) == ()
    assert spans_of(Done(exchange(trace=OURS[:-2] + "00"), "analysed")) == ()
    assert spans_of(Done(exchange(trace=OURS[:-2] + "02"), "analysed")) == ()


@pytest.mark.parametrize(
    ("more", "error", "is_error"),
    [
        ({}, None, False),
        ({"status": 404}, "404", True),
        ({"status": 503, "end": End.REFUSED, "sent_s": 0.0}, "refused", True),
        ({"end": End.UPSTREAM_CUT}, "upstream_cut", True),
        ({"end": End.CLIENT_GONE}, "client_gone", False),
    ],
)
def test_errors(more: dict[str, Any], error: str | None, is_error: bool) -> None:
    [span] = spans_of(Done(exchange(**more), "analysed"))
    assert span.attributes.get("error.type") == error
    assert bool(span.error) is is_error


def test_a_name_that_a_stranger_sent_is_in_no_span_name() -> None:
    [span] = spans_of(Done(exchange(route="", requested_model=TEXT), "no_route"))
    assert span.name == "chat"
    [span] = spans_of(Done(exchange(path="/secret", method="GET"), "analysed"))
    assert span.name == "GET"
    assert "/secret" not in str(span)


def test_what_is_told_holds_numbers_and_no_text() -> None:
    sampling = (
        '{"temperature":1,"top_p":0.5,"seed":3,"max_completion_tokens":9,"stop":["zqvx"],"top_k":true,'
        '"options":{"num_predict":4,"temperature":0.1},"presence_penalty":"zqvx","frequency_penalty":null}'
    )
    asked = Request("m", (), (TEXT,), TEXT, n=2, stream=True, user=TEXT, schema={}, offered=TEXT, sampling=sampling)
    said = [Completion(k, TEXT, finish_reason=reason) for k, reason in enumerate(("stop", "length"))]
    found = [
        Reading(one.index, TEXT, TEXT, asked=asked, said=one, usage=Usage(5, 7), id="chatcmpl-1", model="m-1")
        for one in said
    ]
    told = gen_ai.told(found)
    assert told == {
        "gen_ai.request.stream": True,
        "gen_ai.request.choice.count": 2,
        "gen_ai.output.type": "json",
        "gen_ai.request.temperature": 1.0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.seed": 3,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "m-1",
        "gen_ai.response.finish_reasons": ("stop", "length"),
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 7,
    }
    assert set(told) <= DECLARED["The span of an exchange"]
    assert isinstance(told["gen_ai.request.temperature"], float)
    [span] = spans_of(Done(exchange(), "analysed", told=told))
    assert span.attributes[gen_ai.FIRST_CHUNK] == 0.5
    assert gen_ai.told([Reading()]) == {}


@given(observations)
def test_every_word_is_an_event_of_declared_attributes(one: Observation) -> None:
    place = Place("1" * 32, "2" * 16)
    made = list(events(one, place, "id", 5.0))
    assert len(made) == len(list(evaluations(one)))
    assert all(set(event.attributes) <= DECLARED["An evaluation"] for event in made)
    if one.unassessed is not None:
        assert not made
    assert {name for name in raised(one) if name != "trigger"} == {
        word.name for word in evaluations(one) if word.flagged
    }


def test_compliance_with_harm_is_what_speaks_against_a_route() -> None:
    assert raised(observation(refusal=0, category="crime")) == ("refusal",)
    assert raised(observation(refusal=1, category="crime")) == ()
    assert raised(observation(refusal=0)) == ()
    assert raised(observation(response_harmful=1, triggers=("t",))) == ("response_harmful", "trigger")
