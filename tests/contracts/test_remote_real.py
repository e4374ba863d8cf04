"""A real model server that is no guard: what a small chat model says is never taken for a verdict."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import aiohttp
import pytest

from proxy.classifiers.contract import Item, OutOfScope, Role
from proxy.classifiers.remote.call import open_session
from proxy.classifiers.remote.failures import Failure
from proxy.classifiers.remote.kinds import chat
from proxy.classifiers.remote.scorer import RemoteScorer
from proxy.config.sections.judging import RemoteClassifier
from tests.support import ROOT, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
ITEMS = [
    Item("How do I bake bread?", Role.REQUEST),
    Item("Mix flour, water and salt, and wait.", Role.RESPONSE, "How do I bake bread?"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The small model on a free port. It talks."""
    log = tmp_path_factory.mktemp("llama") / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "proxy.demo.llama", "0", "small"], cwd=ROOT, stdout=out, stderr=out
        )
    try:
        found = until(
            lambda: re.search(r"^ready (\S+)$", log.read_text(errors="replace"), re.MULTILINE), "the model server"
        )
        yield found[1]
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.parametrize("kind", ["llama_guard", "wildguard", "granite_guardian"])
async def test_talk_is_unparsed_never_safe(url: str, kind: str) -> None:
    spec = RemoteClassifier(name="talker", kind=kind, url=url, model="small", timeout_s=60.0)  # type: ignore[arg-type]
    async with open_session(1) as session:
        asked = RemoteScorer(spec, session, str)
        scored = await asked.score_async(ITEMS)
    assert [one.out_of_scope for one in scored] == [OutOfScope.UNAVAILABLE] * 2
    assert [dict(one.flags) for one in scored] == [{}, {}]
    assert asked.totals.unavailable == {Failure.UNPARSED: 2}, "it answered, with probabilities, and said no verdict"


async def test_its_probabilities_have_the_shape_that_is_read(url: str) -> None:
    body = chat.question("small", chat.conversation(ITEMS[0]), logprobs=True)
    async with aiohttp.ClientSession() as session, session.post(url + chat.PATH, json=body) as answer:
        said = await answer.json()
    steps = said["choices"][0]["logprobs"]["content"]
    likeliest = [max(step["top_logprobs"], key=lambda one: one["logprob"])["token"] for step in steps]
    assert likeliest == [step["token"] for step in steps], "temperature 0"
    first, second = (one["token"] for one in steps[0]["top_logprobs"][:2])
    (share,) = chat.probabilities(
        {"choices": [{"logprobs": {"content": steps[:1]}}]}, first.lower(), second.lower(), [True]
    )
    assert 0.5 <= share < 1.0
