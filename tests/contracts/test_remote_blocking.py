"""The blocking adapter: the contract's `score` from an ordinary thread, closed cleanly, against a real server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from proxy.classifiers.contract import Classifier, Item, OutOfScope, Role
from proxy.classifiers.remote.blocking import BlockingRemote
from proxy.classifiers.remote.call import TrustError
from proxy.config.sections.judging import RemoteClassifier
from tests.contracts.remote_server import Behaviour, Server, completion, never_answers, says, serving

SPEC = RemoteClassifier(name="guard", kind="llama_guard", model="llama-guard-3-8b", requests_per_minute_max=1000)
ITEMS = [Item(f"Answer {number}.", Role.RESPONSE, "Question?") for number in range(9)]


@contextmanager
def running(behaviour: Behaviour) -> Iterator[Server]:
    """A server on a loop in another thread, since `score` blocks this one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    context = serving(behaviour)
    try:
        server = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(30)
        yield server
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("remote ")}


def test_it_is_a_classifier_of_the_contract() -> None:
    with (
        running(says(completion("unsafe\nS10"))) as server,
        BlockingRemote(replace(SPEC, url=server.url), str) as remote,
    ):
        classifier: Classifier = remote
        assert classifier.version == "guard:llama_guard@llama-guard-3-8b"
        scored = classifier.score(ITEMS)
        assert classifier.score([]) == []
        assert [one.flags for one in scored] == [{"response_harmful": True}] * len(ITEMS)
        texts = {asked["messages"][1]["content"] for asked in server.asked}
        assert texts == {item.text for item in ITEMS}
    assert threads() == set()


def test_a_server_that_never_answers_is_unavailable_in_time_and_closing_waits_for_nobody() -> None:
    with running(never_answers) as server:
        remote = BlockingRemote(replace(SPEC, url=server.url, timeout_s=0.2), str)
        assert {one.out_of_scope for one in remote.score(ITEMS[:4])} == {OutOfScope.UNAVAILABLE}
        remote.close()
        remote.close()
        assert {one.out_of_scope for one in remote.score(ITEMS)} == {OutOfScope.UNAVAILABLE}
    assert threads() == set()


def test_closing_ends_what_another_thread_waits_for() -> None:
    with running(never_answers) as server:
        remote = BlockingRemote(replace(SPEC, url=server.url, timeout_s=60.0), str)
        got: list[OutOfScope | None] = []
        waiting = threading.Thread(target=lambda: got.extend(one.out_of_scope for one in remote.score(ITEMS[:1])))
        waiting.start()
        while not server.asked:
            threading.Event().wait(0.01)
        remote.close()
        waiting.join(30)
    assert got == [OutOfScope.UNAVAILABLE]


def test_a_wrong_file_leaves_no_thread_behind() -> None:
    with pytest.raises(TrustError, match="missing"):
        BlockingRemote(replace(SPEC, url="https://guard", tls_ca_file="missing.pem"), str)
    assert threads() == set()
