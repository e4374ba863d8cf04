"""Client libraries against a real llama.cpp server, directly and through Groundwire: the same results."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from urllib.request import urlopen

import pytest
from _pytest.mark import ParameterSet

from tests.support import ROOT, free_ports, until
from tests.wire.clients import MORE, MORE_ABORTS, QUICK, QUICK_ABORTS, Client
from tests.wire.house import Traffic, traffic

pytestmark = pytest.mark.real

SERVE = (
    "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT]);"
    "from proxy.demo.llama import serve; serve({port}, 'smol', None)"
)


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    """The URL of a llama.cpp server with the small model."""
    (port,) = free_ports(1)
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE.format(port=port)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: urlopen(f"{url}/health", timeout=1).status == 200, "the model server")
        yield url
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def between(llama: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traffic]:
    with traffic(tmp_path_factory.mktemp("clients"), {"default": llama}) as running:
        yield running


def quick_and_more(quick: Sequence[Client], more: Sequence[Client]) -> list[ParameterSet]:
    """All of them; `more` in `make test-wire` only."""
    return [
        *(pytest.param(client, id=client.__name__) for client in quick),
        *(pytest.param(client, id=client.__name__, marks=pytest.mark.wire) for client in more),
    ]


@pytest.mark.parametrize("client", quick_and_more(QUICK, MORE))
def test_the_application_sees_no_difference(client: Client, llama: str, between: Traffic) -> None:
    assert client(f"http://127.0.0.1:{between.port}") == client(llama)


def processing(llama: str) -> float:
    """How many requests the model works on."""
    with urlopen(f"{llama}/metrics", timeout=5) as page:
        lines = page.read().decode().splitlines()
    return float(next(line for line in lines if line.startswith("llamacpp:requests_processing ")).split()[1])


@pytest.mark.parametrize("abort", quick_and_more(QUICK_ABORTS, MORE_ABORTS))
def test_a_client_that_leaves_frees_the_model(abort: Client, llama: str, between: Traffic) -> None:
    abort(f"http://127.0.0.1:{between.port}")
    until(lambda: processing(llama) == 0, "an idle model")
