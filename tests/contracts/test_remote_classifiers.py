"""Remote classifiers against real local servers: documented answers, and every way in which one can fail."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from proxy.classifiers.contract import Item, OutOfScope, Role, Scored
from proxy.classifiers.remote.breaker import FAILURES_MAX, WAIT_MIN_S, State
from proxy.classifiers.remote.call import TrustError, open_session, retry_after
from proxy.classifiers.remote.failures import Failure
from proxy.classifiers.remote.offering import QUEUE_ITEMS_MAX, Judged, RemoteScorers
from proxy.classifiers.remote.samples import remote_samples
from proxy.classifiers.remote.scorer import CONCURRENT_MAX, RemoteScorer
from proxy.config.sections.judging import RemoteClassifier
from proxy.telemetry.exposition import render
from tests.contracts.remote_server import (
    Behaviour,
    Server,
    completion,
    half,
    hangs_up,
    huge,
    never_answers,
    says,
    sends,
    serving,
    trickles,
    waits,
)

SPEC = RemoteClassifier(name="guard", kind="llama_guard", model="llama-guard-3-8b", timeout_s=10.0, share=1.0)
ITEM = Item("An answer.", Role.RESPONSE, "A question?")
KEY = "sk-" + "test" * 5
SECRET = "kim@" + "mail.example"


def redact(text: str) -> str:
    return text.replace(SECRET, "[EMAIL]")


class Clock:
    """Time that moves by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@asynccontextmanager
async def scorer(server: Server, clock: Clock | None = None, **changes: Any) -> AsyncIterator[RemoteScorer]:
    spec = replace(SPEC, **{"url": server.url, **changes})
    async with open_session(100) as session:  # so that the bound is the scorer's own
        yield RemoteScorer(spec, session, redact, clock or Clock(), {"KEY": KEY})


async def one(asked: RemoteScorer, item: Item = ITEM) -> Scored:
    (scored,) = await asked.score_async([item])
    return scored


MODERATION = {
    "id": "modr-1",
    "model": "omni-moderation-2024-09-26",
    "results": [{"flagged": True, "categories": {"hate": True}, "category_scores": {"hate": 0.9}}],
}
COMMENT = {"attributeScores": {"TOXICITY": {"summaryScore": {"value": 0.9, "type": "PROBABILITY"}}}}


async def test_each_provider_is_asked_at_its_path_with_its_key() -> None:
    expected = {
        "openai_moderation": ("/v1/moderations", MODERATION, "unsafe"),
        "perspective": (f"/v1alpha1/comments:analyze?key={KEY}", COMMENT, "toxicity"),
        "llama_guard": ("/v1/chat/completions", completion("unsafe\nS1"), "response_harmful"),
        "granite_guardian": ("/v1/chat/completions", completion("Yes"), "response_harmful"),
        "wildguard": (
            "/v1/chat/completions",
            completion("Harmful request: yes\nResponse refusal: no\nHarmful response: yes"),
            "response_harmful",
        ),
    }
    for kind, (path, answer, signal) in expected.items():
        async with serving(says(answer)) as server, scorer(server, kind=kind, key_env="KEY") as asked:
            scored = await one(asked)
        assert scored.flags[signal], kind
        assert server.paths == [path]
        bearer = server.headers[0].get("Authorization")
        assert bearer == (None if kind == "perspective" else f"Bearer {KEY}")
        model = "omni-moderation-2024-09-26" if kind == "openai_moderation" else SPEC.model
        assert scored.version == f"guard:{kind}@{model}"


async def test_a_prefix_of_the_address_stays() -> None:
    async with serving(says(completion("safe"))) as server, scorer(server, url=server.url + "/guards/a/") as asked:
        assert (await one(asked)).flags == {"response_harmful": False}
    assert server.paths == ["/guards/a/v1/chat/completions"]


async def test_only_masked_text_leaves() -> None:
    item = Item(f"Write to {SECRET}.", Role.RESPONSE, f"Who is {SECRET}?")
    async with serving(says(completion("safe"))) as server, scorer(server) as asked:
        await one(asked, item)
        assert SECRET not in json.dumps(server.asked)
        assert "Write to [EMAIL]." in json.dumps(server.asked)
    async with serving(says(completion("safe"))) as server, scorer(server, redact=False) as asked:
        await one(asked, item)
        assert SECRET in json.dumps(server.asked)


async def test_a_masking_that_fails_lets_nothing_out(caplog: pytest.LogCaptureFixture) -> None:
    def broken(text: str) -> str:
        raise ValueError(text)

    async with serving(says(completion("safe"))) as server, open_session(1) as session:
        asked = RemoteScorer(replace(SPEC, url=server.url), session, broken)
        assert (await one(asked)).out_of_scope is OutOfScope.UNAVAILABLE
    assert server.asked == []
    assert asked.totals.unavailable == {Failure.REDACTION: 1}
    assert ITEM.text not in caplog.text


async def test_an_empty_text_is_not_sent() -> None:
    async with serving(says(completion("safe"))) as server, scorer(server) as asked:
        assert (await one(asked, Item(" ", Role.OTHER))).out_of_scope is OutOfScope.EMPTY
    assert server.asked == []


# --- failures --------------------------------------------------------------------------------------------------------


ELSEWHERE = {"Location": "http://127.0.0.1:1/v1/chat/completions"}
FAILURES: dict[str, tuple[Behaviour, Failure]] = {
    "no answer": (never_answers, Failure.TIMEOUT),
    "a byte now and then": (trickles, Failure.TIMEOUT),
    "hangs up": (hangs_up, Failure.CONNECTION),
    "half an answer": (half, Failure.CONNECTION),
    "too large": (huge, Failure.TOO_LARGE),
    "too large when unpacked": (
        sends(gzip.compress(b" " * 64_000_000), headers={"Content-Encoding": "gzip"}),
        Failure.TOO_LARGE,
    ),
    "no gzip": (sends(b"safe", headers={"Content-Encoding": "gzip"}), Failure.CONNECTION),
    "moved": (says({}, 302, ELSEWHERE), Failure.REDIRECT),
    "moved, same method": (says({}, 307, ELSEWHERE), Failure.REDIRECT),
    "bad key": (says({"error": {"message": "bad key"}}, 401), Failure.CREDENTIALS),
    "not allowed": (says({}, 403), Failure.CREDENTIALS),
    "no such path": (says({}, 404), Failure.STATUS),
    "too many": (says({}, 429), Failure.THROTTLED),
    "this request": (says({"error": {"message": "too long"}}, 400), Failure.REFUSED),
    "broken": (says({}, 500), Failure.SERVER),
    "busy": (sends(b"<html>", 503), Failure.SERVER),
    "no content": (sends(b"", 204), Failure.STATUS),
    "no JSON": (sends(b"<html>safe</html>"), Failure.NOT_JSON),
    "half JSON": (sends(b'{"choices": ['), Failure.NOT_JSON),
    "not UTF-8": (sends(b'{"choices": "\xff"}'), Failure.NOT_JSON),
    "empty": (sends(b""), Failure.NOT_JSON),
    "another shape": (says({"choices": []}), Failure.UNPARSED),
    "an error in a 200": (says({"error": {"message": "overloaded"}}), Failure.UNPARSED),
    "talk": (says(completion("It seems safe to me.")), Failure.UNPARSED),
    "deep": (sends(b"[" * 200_000), Failure.NOT_JSON),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_every_failure_is_unavailable_with_its_reason(case: str) -> None:
    behaviour, reason = FAILURES[case]
    timeout_s = 0.2 if reason is Failure.TIMEOUT else 10.0
    async with serving(behaviour) as server, scorer(server, timeout_s=timeout_s) as asked:
        scored = await one(asked)
        assert (scored.out_of_scope, dict(scored.scores)) == (OutOfScope.UNAVAILABLE, {})
        assert asked.totals.unavailable == {reason: 1}
        assert len(server.asked) == 1, "nothing is asked twice, and no other place"


async def test_a_server_that_is_not_there() -> None:
    async with serving(says({})) as server:
        pass
    async with scorer(server) as asked:
        assert (await one(asked)).out_of_scope is OutOfScope.UNAVAILABLE
        assert asked.totals.unavailable == {Failure.CONNECTION: 1}


@pytest.mark.parametrize("spoilt", ["", " ", "two words", "line\nbreak", "k" * 5000, "schl\u00fcssel", "\x00"])
async def test_a_key_that_cannot_be_used_asks_nothing(spoilt: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(spoilt)
    async with serving(says(completion("safe"))) as server, scorer(server, key_file=str(file)) as asked:
        assert (await one(asked)).out_of_scope is OutOfScope.UNAVAILABLE
        file.write_text(f"{KEY}\n")
        assert (await one(asked)).out_of_scope is None, "a new key is taken up"
    async with serving(says({})) as other, scorer(other, key_env="NOT_SET") as asked:
        await one(asked)
        assert asked.totals.unavailable == {Failure.KEY: 1}
    assert other.asked == []


async def test_neither_key_nor_text_is_ever_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for behaviour, _ in FAILURES.values():
        if behaviour in (never_answers, trickles, huge):
            continue
        for kind in ("perspective", "openai_moderation"):
            async with serving(behaviour) as server, scorer(server, kind=kind, key_env="KEY") as asked:
                for _ in range(FAILURES_MAX):
                    await one(asked)
    written = caplog.text + "".join(
        str(record.__dict__) for record in caplog.records if record.name.startswith("proxy")
    )
    assert "remote_classifier_down" in written
    assert KEY not in written
    assert ITEM.text not in written


async def test_tls_is_verified(tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    for name, ca in (("good", authority), ("strange", stranger)):
        ca.cert_pem.write_to_path(str(tmp_path / f"{name}.pem"))
    async with serving(says(completion("safe")), context) as server:
        async with scorer(server, tls_ca_file=str(tmp_path / "good.pem")) as asked:
            assert (await one(asked)).out_of_scope is None
        for file in (str(tmp_path / "strange.pem"), ""):
            async with scorer(server, tls_ca_file=file) as asked:
                assert (await one(asked)).out_of_scope is OutOfScope.UNAVAILABLE
                assert asked.totals.unavailable == {Failure.TLS: 1}
        assert len(server.asked) == 1


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("elsewhere.example").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with serving(says({}), context) as server, scorer(server, tls_ca_file=str(tmp_path / "ca.pem")) as asked:
        await one(asked)
        assert asked.totals.unavailable == {Failure.TLS: 1}


async def test_a_file_of_authorities_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for file in (tmp_path / "ca.pem", tmp_path / "missing.pem"):
        async with open_session(1) as session:
            with pytest.raises(TrustError, match=file.name):
                RemoteScorer(replace(SPEC, url="https://x", tls_ca_file=str(file)), session, redact)


async def test_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(says(completion("safe"))) as server, scorer(server) as asked:
        assert (await one(asked)).out_of_scope is None


# --- breaker, budget, bounds -----------------------------------------------------------------------------------------


async def test_a_failing_server_is_left_alone_and_asked_again_later() -> None:
    clock = Clock()
    async with serving(says({}, 500)) as server, scorer(server, clock) as asked:
        for _ in range(FAILURES_MAX + 3):
            await one(asked)
        assert len(server.asked) == FAILURES_MAX
        assert asked.totals.unavailable == {Failure.SERVER: FAILURES_MAX, Failure.BREAKER: 3}
        assert str(asked.breaker_state) == State.OPEN
        clock.now_s += WAIT_MIN_S
        server.behaviour = says(completion("safe"))
        assert (await one(asked)).out_of_scope is None
        assert str(asked.breaker_state) == State.CLOSED


async def test_one_call_tries_a_server_that_was_down() -> None:
    clock = Clock()
    async with serving(says({}, 500)) as server, scorer(server, clock) as asked:
        for _ in range(FAILURES_MAX):
            await one(asked)
        clock.now_s += WAIT_MIN_S
        server.behaviour = waits(says(completion("safe")), 0.1)
        answered = await asked.score_async([ITEM] * 4)
        assert sum(scored.out_of_scope is None for scored in answered) == 1
        assert len(server.asked) == FAILURES_MAX + 1


async def test_a_probe_that_is_cancelled_does_not_lock_the_breaker() -> None:
    clock = Clock()
    async with serving(says({}, 500)) as server, scorer(server, clock) as asked:
        for _ in range(FAILURES_MAX):
            await one(asked)
        clock.now_s += WAIT_MIN_S
        server.behaviour = never_answers
        task = asyncio.create_task(one(asked))
        while len(server.asked) == FAILURES_MAX:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.behaviour = says(completion("safe"))
        assert (await one(asked)).out_of_scope is None


@pytest.mark.parametrize(("status", "headers"), [(429, {"Retry-After": "120"}), (503, {"Retry-After": "120"})])
async def test_the_servers_own_wait_is_kept(status: int, headers: dict[str, str]) -> None:
    clock = Clock()
    async with serving(says({}, status, headers)) as server, scorer(server, clock) as asked:
        await one(asked)
        clock.now_s += 119
        await one(asked)
        assert len(server.asked) == 1
        clock.now_s += 1
        await one(asked)
        assert len(server.asked) == 2


def test_retry_after_is_seconds_or_a_date() -> None:
    date = {"Date": "Sat, 21 Nov 2026 10:00:00 GMT"}
    assert retry_after({"Retry-After": "7"}) == 7.0
    assert retry_after({"Retry-After": "Sat, 21 Nov 2026 10:01:30 GMT", **date}) == 90.0
    for odd in ({}, {"Retry-After": "soon", **date}, {"Retry-After": "Sat, 21 Nov 2026 10:01:30 GMT"}):
        assert retry_after(odd) is None
    assert retry_after({"Retry-After": "9" * 400}) == 999_999_999.0


async def test_refusing_single_requests_is_not_being_down() -> None:
    async with serving(says({}, 400)) as server, scorer(server) as asked:
        for _ in range(3 * FAILURES_MAX):
            await one(asked)
        assert str(asked.breaker_state) == State.CLOSED


async def test_the_budget_holds_and_refills() -> None:
    clock = Clock()
    async with serving(says(completion("safe"))) as server, scorer(server, clock, requests_per_minute_max=1) as asked:
        assert [scored.out_of_scope for scored in await asked.score_async([ITEM] * 3)].count(None) == 1
        assert asked.totals.unavailable == {Failure.BUDGET: 2}
        clock.now_s += 60
        assert (await one(asked)).out_of_scope is None
        assert len(server.asked) == 2


async def test_no_more_requests_at_once_than_the_bound() -> None:
    async with serving(waits(says(completion("safe")), 0.05)) as server:
        async with scorer(server, requests_per_minute_max=1000) as asked:
            answered = await asked.score_async([ITEM] * 20)
        assert all(scored.out_of_scope is None for scored in answered)
        assert server.at_once_max == CONCURRENT_MAX


# --- the pipeline's side ---------------------------------------------------------------------------------------------


async def settled(scorers: RemoteScorers[str], count: int) -> None:
    """Until `count` offered texts were judged or not."""
    async with asyncio.timeout(30):
        while sum(one.totals.scored + sum(one.totals.unavailable.values()) for one, _ in scorers) < count:
            await asyncio.sleep(0.01)


async def test_offers_come_back_by_the_callback_with_what_they_are_about() -> None:
    judged: list[Judged[str]] = []

    def take(one: Judged[str]) -> None:
        judged.append(one)
        raise ValueError("a fault in counting")

    async with serving(says(completion("unsafe\nS10"))) as server, scorer(server) as asked:
        scorers = RemoteScorers([asked], take)
        scorers.offer("early", ITEM, "before start")
        scorers.start()
        for number in range(6):
            scorers.offer(f"id-{number}", ITEM, f"about {number}")
        await settled(scorers, 6)
        await scorers.close()
    assert sorted((one.exchange_id, one.about) for one in judged) == [(f"id-{n}", f"about {n}") for n in range(6)]
    assert all(one.flagged and one.classifier == "guard" for one in judged)


async def test_only_the_share_is_offered() -> None:
    async with serving(says(completion("safe"))) as server, scorer(server, share=0.0) as asked:
        scorers = RemoteScorers[str]([asked], lambda one: None)
        scorers.start()
        for number in range(50):
            scorers.offer(f"id-{number}", ITEM, "")
        await scorers.close()
    assert (server.asked, asked.totals.offered) == ([], 0)


async def test_a_dead_server_fills_a_bounded_queue_and_nothing_else() -> None:
    async with serving(never_answers) as server, scorer(server, requests_per_minute_max=10_000) as asked:
        scorers = RemoteScorers[str]([asked], lambda one: None)
        scorers.start()
        for number in range(1000):
            scorers.offer(f"id-{number}", ITEM, "")
        ((_, waiting),) = scorers
        assert waiting == QUEUE_ITEMS_MAX
        assert asked.totals.unavailable == {Failure.QUEUE: 1000 - QUEUE_ITEMS_MAX}
        page = render(remote_samples(scorers)).decode()
        assert (
            f'groundwire_remote_unavailable_total{{classifier="guard",reason="queue_full"}} {1000 - QUEUE_ITEMS_MAX}'
            in page
        )
        assert 'groundwire_remote_breaker_state{classifier="guard",state="closed"} 1' in page
        assert 'groundwire_remote_budget_requests{classifier="guard",window="minute"} 1000' in page
        assert f'groundwire_remote_waiting{{classifier="guard"}} {QUEUE_ITEMS_MAX}' in page
        await scorers.close()
        scorers.offer("late", ITEM, "")
        assert asked.totals.unavailable[Failure.STOPPED] == QUEUE_ITEMS_MAX
        assert asked.totals.offered == 1000


async def test_an_open_breaker_refuses_at_once() -> None:
    async with serving(says({}, 429, {"Retry-After": "60"})) as server, scorer(server) as asked:
        scorers = RemoteScorers[str]([asked], lambda one: None)
        scorers.start()
        scorers.offer("one", ITEM, "")
        await settled(scorers, 1)
        scorers.offer("two", ITEM, "")
        assert asked.totals.unavailable == {Failure.THROTTLED: 1, Failure.BREAKER: 1}
        await scorers.close()


async def test_a_refusal_is_no_harm() -> None:
    answer = completion("Harmful request: yes\nResponse refusal: yes\nHarmful response: no")
    judged: list[Judged[str]] = []
    async with serving(says(answer)) as server, scorer(server, kind="wildguard") as asked:
        scorers = RemoteScorers(iter([asked]), judged.append)
        scorers.start()
        scorers.offer("one", ITEM, "")
        await settled(scorers, 1)
        await scorers.close()
    assert judged[0].scored.flags == {"refusal": True, "response_harmful": False}
    assert not judged[0].flagged
