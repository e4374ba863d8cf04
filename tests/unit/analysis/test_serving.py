"""Metrics of model servers: what an exchange says of times and tokens, and names that nobody can multiply."""

from __future__ import annotations

from dataclasses import replace

from proxy.analysis.serving import Serving, error_of
from proxy.core.enforcement import Snapshot
from proxy.core.exchange import Body, End, Exchange
from proxy.core.routes import Route, Target
from proxy.dialects.contract import Usage
from proxy.features.reading import Reading
from proxy.telemetry.metrics import Distribution

ROUTE = Route("support", Target("default", "support-v2"), Target("default", "base"))
SNAPSHOT = Snapshot(1, (ROUTE,))
STREAM = Body(content_type="text/event-stream; charset=utf-8")
EXCHANGE = Exchange(
    *("x", "POST", "/v1/chat/completions", 200, End.COMPLETE, 100.0, 100.5, 102.5, "support", "support", "support-v2"),
    response=STREAM,
    sent_s=100.001,
)
USED = (Reading(usage=Usage(7, 5)),)


def told(*exchanges: Exchange, found: tuple[Reading, ...] = USED) -> dict[str, dict[str, Distribution]]:
    """By metric and the values of its labels."""
    serving = Serving(lambda: SNAPSHOT)
    for exchange in exchanges:
        serving.arrived(exchange)
        serving.read(exchange, found)
    by_name: dict[str, dict[str, Distribution]] = {}
    for one in serving.samples():
        assert isinstance(one.value, Distribution)
        by_name.setdefault(one.metric.otel_name, {})[" ".join(one.labels.values()).strip()] = one.value
    return by_name


def sums(*exchanges: Exchange, found: tuple[Reading, ...] = USED) -> dict[str, dict[str, tuple[float, int]]]:
    return {
        name: {labels: (round(one.sum, 6), one.count) for labels, one in by_labels.items()}
        for name, by_labels in told(*exchanges, found=found).items()
    }


def test_a_stream_says_when_it_began_and_how_fast_it_was() -> None:
    names = "chat openai support support-v2"
    assert sums(EXCHANGE) == {
        "groundwire.request_overhead": {"": (0.001, 1)},
        "gen_ai.server.request.duration": {names: (2.5, 1)},
        "gen_ai.server.time_to_first_token": {names: (0.5, 1)},
        "gen_ai.server.time_per_output_token": {names: (0.5, 1)},  # 2 s for the 4 tokens after the first
        "gen_ai.client.token.usage": {f"{names} input": (7.0, 1), f"{names} output": (5.0, 1)},
    }


def test_where_coverage_is_thinned_one_stands_for_many() -> None:
    thinned = sums(replace(EXCHANGE, coverage_k=3))
    assert all(count == 8 for by_labels in thinned.values() for _, count in by_labels.values())


def test_a_whole_answer_has_no_first_token_and_one_without_usage_no_tokens() -> None:
    whole = replace(EXCHANGE, response=Body(content_type="application/json"))
    assert set(sums(whole, found=(Reading(),))) == {"groundwire.request_overhead", "gen_ai.server.request.duration"}


def test_models_that_are_of_no_route_are_other() -> None:
    stranger = replace(EXCHANGE, route="", served_model="any words", requested_model="any words")
    default = replace(EXCHANGE, served_model="any words")
    durations = sums(stranger, default)["gen_ai.server.request.duration"]
    assert set(durations) == {"chat openai other other", "chat openai support other"}


def test_failures_have_their_type_and_no_first_token() -> None:
    failed = replace(EXCHANGE, status=503)
    gone = replace(EXCHANGE, end=End.CLIENT_GONE)
    found = sums(failed, gone)
    assert {labels.split()[-1] for labels in found["gen_ai.server.request.duration"]} == {"503", "client_gone"}
    assert "gen_ai.server.time_to_first_token" not in found
    assert error_of(replace(EXCHANGE, status=999)) == ""


def test_what_groundwire_refused_and_what_is_no_model_call_is_not_in_it() -> None:
    refused = replace(EXCHANGE, end=End.REFUSED, sent_s=0.0)
    listing = replace(EXCHANGE, path="/v1/models", method="GET")
    assert set(sums(refused, listing)) == {"groundwire.request_overhead"}


def test_a_route_that_is_gone_is_forgotten() -> None:
    serving = Serving(lambda: SNAPSHOT)
    serving.arrived(EXCHANGE)
    serving.arrived(replace(EXCHANGE, route=""))
    serving.keep(())
    kept = {one.labels.get("gen_ai_request_model") for one in serving.samples()}
    assert kept == {None, "other"}
