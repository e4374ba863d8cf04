"""docs/recipes/litellm.md, run: the openai SDK to LiteLLM to Groundwire to a model server."""

from __future__ import annotations

import os
import secrets
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from openai import OpenAI

from proxy.core.enforcement import Enforcement, Snapshot, Step
from proxy.core.routes import Route, Target
from proxy.traffic.state import write_snapshot
from tests.recipes.model_server import BASE, CANDIDATE, SPARE, WORDS, ModelServer, model_server
from tests.support import ROOT, free_ports, groundwire, until
from tests.wire.house import traffic

LITELLM = ROOT / ".venv" / "litellm" / "bin" / "litellm"
RECIPE = ROOT / "docs" / "recipes" / "litellm.yaml"
ASK: list[Any] = [{"role": "user", "content": "Name a fruit."}]
START_S = 180.0  # it imports for half a minute on a busy machine

pytestmark = [
    pytest.mark.recipes,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not LITELLM.is_file(), reason="LiteLLM is not installed: make test-recipes"),
]


@dataclass(slots=True)
class Front:
    """A running LiteLLM, the port at which it looks for Groundwire, and both model servers."""

    client: OpenAI
    wire_port: int
    models: ModelServer
    spare: ModelServer

    def ask(self, **more: Any) -> tuple[str, bool]:
        """The model that the answer names, and whether LiteLLM fell back."""
        raw = self.client.chat.completions.with_raw_response.create(model="support", messages=ASK, **more)
        answer = raw.parse()
        assert answer.choices[0].message.content == "".join(WORDS)
        return answer.model, int(raw.headers["x-litellm-attempted-fallbacks"]) > 0

    def stream(self) -> str:
        """A streamed answer's text."""
        chunks = self.client.chat.completions.create(model="support", messages=ASK, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    port, wire_port = free_ports(2)
    key = "sk-" + secrets.token_hex(32)
    log = tmp_path_factory.mktemp("litellm") / "log"
    with model_server() as models, model_server() as spare, log.open("wb") as out:
        env = {
            **os.environ,
            "GROUNDWIRE_URL": f"http://127.0.0.1:{wire_port}/v1",
            "SPARE_URL": f"{spare.url}/v1",
            "MODEL_KEY": "of-the-model-server",
            "LITELLM_MASTER_KEY": key,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        command = [str(LITELLM), "--config", str(RECIPE), "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(command, env=env, stdout=out, stderr=out, cwd=log.parent)
        try:
            until(lambda: process.poll() is not None or alive(port), "LiteLLM", START_S)
            assert process.poll() is None, log.read_text()[-3000:]
            client = OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=key, max_retries=0, timeout=60)
            yield Front(client, wire_port, models, spare)
        finally:
            process.terminate()
            process.wait(60)


def alive(port: int) -> bool:
    with urlopen(f"http://127.0.0.1:{port}/health/liveliness", timeout=5) as answer:
        return bool(answer.status == 200)


@pytest.fixture(autouse=True)
def forgotten(front: Front) -> None:
    """Each test with servers that were asked nothing and answer all."""
    for server in (front.models, front.spare):
        server.asked.clear()
        server.status.clear()


def test_a_public_name_is_a_route(front: Front, tmp_path: Path) -> None:
    """`support` is asked of Groundwire as `support-lora`; who asks and the model server's key pass through."""
    with traffic(tmp_path, {"default": front.models.url}, port=front.wire_port):
        assert front.ask(user="kim") == ("support", False)
        assert front.stream() == "".join(WORDS)
    assert front.models.models_asked() == [CANDIDATE, CANDIDATE]
    first = front.models.asked[0]
    assert (first.body["user"], first.fields["authorization"]) == ("kim", "Bearer of-the-model-server")
    assert front.spare.asked == []


def test_a_stream_is_not_held_back(front: Front, tmp_path: Path) -> None:
    """The model server waits with its second word until the client has read the first."""
    with traffic(tmp_path, {"default": front.models.url}, port=front.wire_port):
        front.models.gate.clear()
        chunks = front.client.chat.completions.create(model="support", messages=ASK, stream=True)
        words = (chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content)
        assert next(words) == WORDS[0]
        front.models.gate.set()
        assert tuple(words) == WORDS[1:]


ROUTE = Route(CANDIDATE, Target("default", CANDIDATE), Target("default", BASE))
REFUSALS: dict[str, tuple[Enforcement | None, dict[str, Any]]] = {
    "403": (None, {"denied_paths": ["POST /v1/chat/completions"]}),
    "429": (Enforcement(CANDIDATE, Step.LIMITED, "e1", rate_rps=0.001, burst=1), {}),
    "503": (Enforcement(CANDIDATE, Step.OFFLINE, "e2", "a backdoor"), {}),
}


@pytest.mark.parametrize("status", REFUSALS)
def test_what_groundwire_refuses_goes_to_the_fallback(status: str, front: Front, tmp_path: Path) -> None:
    held, settings = REFUSALS[status]
    write_snapshot(tmp_path, Snapshot(1, (ROUTE,), (held,) if held else ()))
    with traffic(tmp_path, {"default": front.models.url}, settings, front.wire_port):
        answers = [front.ask() for _ in range(3)]
    by_route = 1 if status == "429" else 0  # the first one is within the limit's burst
    assert answers == [("support", False)] * by_route + [(SPARE, True)] * (3 - by_route)
    assert front.models.models_asked() == [CANDIDATE] * by_route
    assert front.spare.models_asked() == [SPARE] * (3 - by_route)


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_what_the_model_server_refuses_does_too(status: int, front: Front, tmp_path: Path) -> None:
    """And the very next request goes to the route again: no cooldown."""
    with traffic(tmp_path, {"default": front.models.url}, port=front.wire_port):
        front.models.status[CANDIDATE] = status
        assert front.ask() == (SPARE, True)
        front.models.status.clear()
        assert front.ask() == ("support", False)


def test_an_upstream_that_is_away_is_no_failure(front: Front, tmp_path: Path) -> None:
    (nobody,) = free_ports(1)
    with traffic(tmp_path, {"default": f"http://127.0.0.1:{nobody}"}, port=front.wire_port):
        assert front.ask() == (SPARE, True)


def test_a_revert_is_invisible_to_clients(front: Front, tmp_path: Path) -> None:
    """Requests run while the route is put back on its base: none fails, none falls back, the mapping holds."""
    settings = {"listen": {"data": f"127.0.0.1:{front.wire_port}"}, "discovery": {"interval_s": 1}}
    found: list[object] = []
    stop = threading.Event()

    def client(streamed: bool) -> None:
        try:
            while not stop.is_set():
                found.append(front.stream() if streamed else front.ask())
        except Exception as wrong:
            found.append(wrong)

    with groundwire(tmp_path, front.models.url, settings) as wire:
        until(lambda: [one["name"] for one in wire.control.get("/v1/routes")["routes"]] == [CANDIDATE], "the route")
        threads = [threading.Thread(target=client, args=(streamed,)) for streamed in (False, False, True, True)]
        for thread in threads:
            thread.start()
        until(lambda: len(found) >= 10, "answers of the candidate")
        order = {"actor": "kim", "reason": "a drill", "force": True}
        assert "reverted" in wire.control.post(f"/v1/routes/{CANDIDATE}/revert", order)["message"]
        until(lambda: BASE in front.models.models_asked(), "the base's first answer")
        count = len(found)
        until(lambda: len(found) >= count + 10, "answers of the base")
        stop.set()
        for thread in threads:
            thread.join(60)
        assert set(found) == {("support", False), "".join(WORDS)}
        asked = front.models.models_asked()
        assert set(asked) == {CANDIDATE, BASE}
        assert CANDIDATE not in asked[asked.index(BASE) + len(threads) :], "after those in flight, the base alone"
        assert front.spare.asked == []
        direct = OpenAI(base_url=f"http://127.0.0.1:{front.wire_port}/v1", api_key="x", max_retries=0)
        said = direct.chat.completions.create(model=CANDIDATE, messages=ASK)
        assert said.model == BASE, "Groundwire's own answer names who served"
