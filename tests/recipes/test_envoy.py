"""docs/recipes/envoy.md, run: clients to Envoy to two Groundwires to a model server."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pycurl
import pytest
import yaml
from openai import OpenAI

from bench.contenders import ENVOY
from tests.recipes.model_server import CANDIDATE, WORDS, ModelServer, model_server
from tests.support import Groundwire, free_ports, groundwire, until

RECIPE = Path(__file__).parents[2] / "docs" / "recipes" / "envoy.yaml"
ASK: list[Any] = [{"role": "user", "content": "Name a fruit."}]
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PYTHON_CLI = (sys.executable, "-m", "proxy.cli")
DELAY_S = 4  # above the recipe's interval and timeout of a health check

pytestmark = [
    pytest.mark.recipes,
    pytest.mark.skipif(not ENVOY.is_file(), reason="Envoy is not installed: make test-recipes"),
]


@dataclass(slots=True)
class House:
    """A running Envoy, what stands behind it, and its address for clients."""

    url: str
    admin: str
    wires: tuple[Groundwire, Groundwire]
    models: ModelServer

    def client(self) -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key="x", max_retries=0, timeout=60)

    def ask(self) -> str:
        return str(self.client().chat.completions.create(model=CANDIDATE, messages=ASK).model)

    def healthy(self) -> int:
        """How many hosts Envoy would send to."""
        return self.gauge("cluster.groundwire.membership_healthy")

    def connections(self, wire: Groundwire) -> int:
        """How many Envoy holds open to one host."""
        start = f"groundwire::{urlsplit(wire.data).netloc}::cx_active::"
        with urlopen(f"{self.admin}/clusters", timeout=5) as page:
            (count,) = [line for line in page.read().decode().splitlines() if line.startswith(start)]
        return int(count.removeprefix(start))

    def gauge(self, name: str) -> int:
        """A number of Envoy's own."""
        with urlopen(f"{self.admin}/stats?filter=^{name}$", timeout=5) as page:
            return int(page.read().decode().rpartition(":")[2])


def config(folder: Path, port: int, admin: int, wires: tuple[Groundwire, ...]) -> Path:
    """The recipe with this test's addresses; nothing else of it is changed."""
    recipe = yaml.safe_load(RECIPE.read_text())

    def at(number: int) -> dict[str, Any]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    recipe["admin"]["address"] = at(admin)
    recipe["static_resources"]["listeners"][0]["address"] = at(port)
    (endpoints,) = recipe["static_resources"]["clusters"][0]["load_assignment"]["endpoints"]
    assert len(endpoints["lb_endpoints"]) == len(wires)
    for one, wire in zip(endpoints["lb_endpoints"], wires, strict=True):
        one["endpoint"]["address"] = at(int(wire.data.rpartition(":")[2]))
        one["endpoint"]["health_check_config"] = {"port_value": int(wire.health.rpartition(":")[2])}
    file = folder / "envoy.yaml"
    file.write_text(yaml.safe_dump(recipe))
    return file


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    settings = {"discovery": {"interval_s": 1}, "drain": {"delay_s": DELAY_S, "grace_s": 30}}
    port, admin = free_ports(2)
    with ExitStack() as stack:
        models = stack.enter_context(model_server())
        first, second = (
            stack.enter_context(groundwire(tmp_path / name, models.url, settings)) for name in ("one", "two")
        )
        file = config(tmp_path, port, admin, (first, second))
        log = stack.enter_context((tmp_path / "envoy.log").open("wb"))
        command = [str(ENVOY), "-c", str(file), "--concurrency", "1", "--disable-hot-restart", "-l", "warning"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)
        made = House(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}", (first, second), models)
        until(lambda: made.healthy() == 2, "two healthy hosts")
        yield made


def http2(url: str, body: dict[str, Any]) -> tuple[int, int, bytes]:
    """POST over HTTP/2 without TLS: the version that was spoken, the status, the body."""
    said = BytesIO()
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE)
    curl.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json"])
    curl.setopt(pycurl.POSTFIELDS, json.dumps(body))
    curl.setopt(pycurl.WRITEDATA, said)
    curl.perform()
    version, status = curl.getinfo(pycurl.INFO_HTTP_VERSION), curl.getinfo(pycurl.RESPONSE_CODE)
    curl.close()
    return version, status, said.getvalue()


def test_what_clients_send_and_read_passes(house: House) -> None:
    """Over HTTP/2 and HTTP/1.1; the id and the trace of a request come to the model server."""
    body = {"model": CANDIDATE, "messages": ASK}
    version, status, said = http2(f"{house.url}/v1/chat/completions", body)
    assert (version, status) == (pycurl.CURL_HTTP_VERSION_2_0, 200)
    assert json.loads(said)["choices"][0]["message"]["content"] == "".join(WORDS)
    fields = {"Content-Type": "application/json", "x-request-id": "from-the-client", "traceparent": TRACE}
    request = Request(f"{house.url}/v1/chat/completions", json.dumps(body).encode(), fields)
    with urlopen(request, timeout=30) as answer:
        assert json.load(answer)["model"] == CANDIDATE
    by_envoy, by_client = (one.fields for one in house.models.asked)
    assert len(by_envoy["x-request-id"]) == 36, "Envoy gives one where the client did not"
    assert (by_client["x-request-id"], by_client["traceparent"]) == ("from-the-client", TRACE)
    assert by_client["x-forwarded-for"]


def test_a_stream_is_not_held_back(house: House) -> None:
    """The model server waits with its second word until the client has read the first."""
    house.models.gate.clear()
    chunks = house.client().chat.completions.create(model=CANDIDATE, messages=ASK, stream=True)
    words = (chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content)
    assert next(words) == WORDS[0]
    house.models.gate.set()
    assert tuple(words) == WORDS[1:]


def test_an_answer_of_the_model_is_never_asked_for_twice(house: House) -> None:
    """503 is an answer: of a full model server, or of a route that is offline."""
    for status in (500, 503):
        house.models.status[CANDIDATE] = status
        assert http2(f"{house.url}/v1/chat/completions", {"model": CANDIDATE, "messages": ASK})[1] == status
    assert len(house.models.asked) == 2


def test_a_pod_that_died_costs_no_request(house: House) -> None:
    """Refused connections are tried at the other pod, before a health check has seen anything.

    What was sent over a connection that was open is not: it may have been answered in part.
    """
    house.wires[0].process.kill()
    house.wires[0].process.wait()
    until(lambda: house.connections(house.wires[0]) == 0, "Envoy to see that its open connections are closed")
    assert [house.ask() for _ in range(200)] == [CANDIDATE] * 200
    assert house.gauge("cluster.groundwire.upstream_rq_retry_success") > 0
    until(lambda: house.healthy() == 1, "one healthy host")


def load(house: House, stop: threading.Event, found: list[object]) -> None:
    """Ask until told to stop, streamed and not, over connections that are kept; what came, or what went wrong."""
    client = house.client()
    try:
        while not stop.is_set():
            found.append(client.chat.completions.create(model=CANDIDATE, messages=ASK).model)
            chunks = client.chat.completions.create(model=CANDIDATE, messages=ASK, stream=True)
            found.append("".join(chunk.choices[0].delta.content or "" for chunk in chunks))
    except Exception as wrong:
        found.append(wrong)


def test_a_drain_costs_no_request(house: House) -> None:
    """`groundwire drain` under load, with a stream open on each host: Envoy takes the host out, both streams end."""
    stop, found = threading.Event(), list[object]()
    house.models.gate.clear()
    open_streams = [
        iter(house.client().chat.completions.create(model=CANDIDATE, messages=ASK, stream=True)) for _ in range(4)
    ]
    firsts = [next(stream) for stream in open_streams]
    assert len(firsts) == 4
    house.models.gate.set()
    threads = [threading.Thread(target=load, args=(house, stop, found)) for _ in range(3)]
    for thread in threads:
        thread.start()
    leaving = house.wires[0]
    drained = subprocess.Popen(
        [*PYTHON_CLI, "drain", "--config", str(leaving.folder / "groundwire.yaml")], stdout=subprocess.PIPE
    )
    until(lambda: house.healthy() == 1, "Envoy to take the host out")
    assert drained.poll() is None, "the port is open still: Envoy was faster than drain.delay_s"
    assert b"drained" in drained.communicate(timeout=60)[0]
    count = len(found)
    until(lambda: len(found) >= count + 20, "answers of the other host")
    stop.set()
    for thread in threads:
        thread.join(60)
    assert set(found) == {CANDIDATE, "".join(WORDS)}
    for stream in open_streams:
        assert [chunk.choices[0].finish_reason for chunk in stream][-1] == "stop"
    assert house.gauge("cluster.groundwire.upstream_rq_retry") == 0, "nothing had to be tried again"
