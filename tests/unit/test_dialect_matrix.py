"""Every API, unary and streamed, with every kind of answer: judged, or unassessed with a reason. None is skipped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import pytest

from proxy.analysis.judging.decoding import decode
from proxy.core.exchange import Body, End, Exchange, Framing
from proxy.core.observation import Observation, Unassessed
from proxy.dialects.registry import DIALECTS, dialect_of
from proxy.features.judge import observations
from tests.vectors import content_type, vector

KINDS: Final = ("text", "tool_call", "refusal", "reasoning", "choices")
ASKED: Final = "How does a lock work?"
Seen = tuple[int | Unassessed, ...]  # of each completion: refusal 0 or 1, or the reason why it was not judged

ONE: Final[Seen] = (0,)  # an API of one answer gives one, however many parts it has
TWO: Final[Seen] = (1, 0)
CALLED: Final[Seen] = (Unassessed.TOOL_CALL,)
IN_TEXT: Final[Seen] = (0,)  # an API without tools: the call is text like any other


@dataclass(frozen=True)
class Form:
    """One request line, its body, the pattern of its vectors, and what is made of a tool call and of choices."""

    path: str
    request: dict[str, Any]
    vectors: str
    tool_call: Seen
    choices: Seen

    def seen(self, kind: str) -> Seen:
        """The usual: a text is judged, a refusal is one, and one that thinks of refusing and answers is none."""
        return {"text": (0,), "tool_call": self.tool_call, "refusal": (1,), "reasoning": (0,), "choices": self.choices}[
            kind
        ]


CHAT: Final = {"model": "tuned", "messages": [{"role": "user", "content": ASKED}]}
PROMPT: Final = {"model": "tuned", "prompt": ASKED}
INPUTS: Final = {"inputs": ASKED, "parameters": {"best_of": 2}}
TENSOR: Final = {"inputs": [{"name": "text_input", "shape": [1], "datatype": "BYTES", "data": [ASKED]}]}
FORMS: Final = {
    "openai_chat unary": Form("/v1/chat/completions", CHAT, "openai_chat/{}.json", CALLED, TWO),
    "openai_chat stream": Form("/v1/chat/completions", CHAT, "openai_chat/{}.sse", CALLED, TWO),
    "openai_completions unary": Form("/v1/completions", PROMPT, "openai_completions/{}.json", IN_TEXT, TWO),
    "openai_completions stream": Form("/v1/completions", PROMPT, "openai_completions/{}.sse", IN_TEXT, TWO),
    "openai_responses unary": Form("/v1/responses", {"input": ASKED}, "openai_responses/{}.json", CALLED, ONE),
    "openai_responses stream": Form("/v1/responses", {"input": ASKED}, "openai_responses/{}.sse", CALLED, ONE),
    "anthropic_messages unary": Form("/v1/messages", CHAT, "anthropic_messages/{}.json", CALLED, ONE),
    "anthropic_messages stream": Form("/v1/messages", CHAT, "anthropic_messages/{}.sse", CALLED, ONE),
    "tgi unary": Form("/generate", INPUTS, "tgi/{}.json", IN_TEXT, TWO),
    "tgi stream": Form("/generate_stream", INPUTS, "tgi/{}.sse", IN_TEXT, ONE),
    "ollama chat unary": Form("/api/chat", CHAT, "ollama/chat_{}.json", CALLED, ONE),
    "ollama chat stream": Form("/api/chat", CHAT, "ollama/chat_{}.ndjson", CALLED, ONE),
    "ollama generate unary": Form("/api/generate", PROMPT, "ollama/generate_{}.json", IN_TEXT, ONE),
    "ollama generate stream": Form("/api/generate", PROMPT, "ollama/generate_{}.ndjson", IN_TEXT, ONE),
    "kserve infer unary": Form("/v2/models/tuned/infer", TENSOR, "kserve/infer_{}.json", IN_TEXT, TWO),
    "kserve unary": Form("/v2/models/tuned/generate", {"text_input": ASKED}, "kserve/{}.json", IN_TEXT, TWO),
    "kserve stream": Form("/v2/models/tuned/generate_stream", {"text_input": ASKED}, "kserve/{}.sse", IN_TEXT, TWO),
}


def exchange(path: str, request: bytes, response: bytes, kind: str, end: End = End.COMPLETE) -> Exchange:
    return Exchange(
        "x", "POST", path, 200, end, 100.0, 100.1, 100.2,
        request=Body(request, Framing.LENGTH, "application/json"), response=Body(response, Framing.CHUNKED, kind),
    )  # fmt: skip


def observed(one: Exchange) -> tuple[Observation, ...]:
    one.response.data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(one.response.data), one.response.data)
    return observations(one, dialect=dialect_of(one.method, one.path), decode=decode, prompt_hash=str)


def seen(found: tuple[Observation, ...]) -> Seen:
    """What came of each completion; one that has neither verdict nor reason was skipped."""
    outcomes = [one.refusal if one.unassessed is None else one.unassessed for one in found]
    assert outcomes
    assert None not in outcomes
    return tuple(outcome for outcome in outcomes if outcome is not None)


def test_the_matrix_has_every_dialect_in_both_forms() -> None:
    rows = {(dialect_of("POST", form.path).name, name.split()[-1]) for name, form in FORMS.items()}
    assert rows == {(one.name, way) for one in DIALECTS if one.name != "opaque" for way in ("unary", "stream")}


@pytest.mark.parametrize(("row", "kind"), list(product(FORMS, KINDS)))
def test_cell(row: str, kind: str) -> None:
    form = FORMS[row]
    name = form.vectors.format(kind)
    found = observed(exchange(form.path, json.dumps(form.request).encode(), vector(name), content_type(name)))
    assert seen(found) == form.seen(kind)
    assert {one.prompt_hash for one in found} == {ASKED}


@pytest.mark.parametrize("row", FORMS)
def test_a_cut_answer_is_unassessed(row: str) -> None:
    form = FORMS[row]
    name = form.vectors.format("text")
    body = vector(name)
    broken = exchange(form.path, json.dumps(form.request).encode(), body[: len(body) // 2], content_type(name))
    broken.end = End.UPSTREAM_CUT
    assert seen(observed(broken)) == (Unassessed.CUT,)


@pytest.mark.parametrize("row", [row for row in FORMS if row.endswith("unary")])
def test_a_whole_document_is_whole_however_its_exchange_ended(row: str) -> None:
    form = FORMS[row]
    name = form.vectors.format("text")
    body, request = vector(name), json.dumps(form.request).encode()
    broken = exchange(form.path, request, body, content_type(name), End.UPSTREAM_CUT)
    assert seen(observed(broken)) == (0,)


def test_a_stream_without_an_end_mark_ends_where_its_exchange_did() -> None:
    form, body = FORMS["kserve stream"], vector("kserve/text.sse")
    for end, outcome in ((End.COMPLETE, 0), (End.UPSTREAM_CUT, Unassessed.CUT), (End.TIMED_OUT, Unassessed.CUT)):
        whole = exchange(form.path, json.dumps(form.request).encode(), body, "text/event-stream", end)
        assert seen(observed(whole)) == (outcome,)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/embeddings", "/v1/chat/completions/batch", "/v1/messages/batches", "/v1/messages/count_tokens",
        "/v1/batches", "/v1/responses/resp_1/cancel", "/v1/models/tuned:predict", "/v1/threads/t/messages",
        "/completion", "/invocations", "/api/embed", "/v2/models/tuned", "/tokenize",
    ],
)  # fmt: skip
def test_batches_and_unknown_paths_are_opaque(path: str) -> None:
    found = observed(exchange(path, b"{}", b"{}", "application/json"))
    assert seen(found) == (Unassessed.OPAQUE,)


@pytest.mark.parametrize(
    ("path", "request_body"),
    [
        ("/generate", {"text": "sglang", "sampling_params": {}}),
        ("/inference/v1/generate", {"token_ids": [1, 2, 3]}),
        ("/", {"hello": "world"}),
        ("/v2/models/scorer/infer", {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [0.5]}]}),
        ("/v1/responses", {"prompt": {"id": "pmpt_1"}}),
        ("/v1/completions", {"prompt": [1, 2, 3]}),
    ],
)
def test_bodies_of_another_kind_are_opaque(path: str, request_body: dict[str, Any]) -> None:
    found = observed(exchange(path, json.dumps(request_body).encode(), b"{}", "application/json"))
    assert seen(found) == (Unassessed.OPAQUE,)
