"""docs/install/llama-cpp.md: two real llama.cpp servers, started, served, reverted as the page says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from proxy.demo.llama import ADAPTER, weights
from tests.install.blocks import block
from tests.install.shell import Shell, shell
from tests.support import free_ports, until

pytestmark = pytest.mark.real

CHAT = {"model": "tuned", "max_tokens": 2, "messages": [{"role": "user", "content": "Hello."}]}


def post(port: int, path: str, body: Any) -> Any:
    """What is answered. Raises HTTPError."""
    request = Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=60) as answer:
        return json.load(answer)


def chat(one: Shell) -> str:
    """The model that answers a chat for `tuned`."""
    return str(post(one.data, "/v1/chat/completions", CHAT)["model"])


def refused(one: Shell, path: str, body: Any) -> int:
    """The status of a refusal."""
    with pytest.raises(HTTPError) as wrong:
        post(one.data, path, body)
    wrong.value.close()
    return wrong.value.code


def test_two_servers_and_the_way_back(tmp_path: Path) -> None:
    (tmp_path / "base.gguf").symlink_to(weights())
    (tmp_path / "tuned.gguf").symlink_to(ADAPTER)
    base, tuned = (str(port) for port in free_ports(2))
    ports = {"8081": base, "8082": tuned}
    with shell(tmp_path) as one:
        one.stand_in("llama-server", "llama_server")
        (tmp_path / "groundwire.yaml").write_text(block("install/llama-cpp.md", "settings").with_words(ports).text)
        for server in block("install/llama-cpp.md", "servers").with_words(ports).commands():
            one.start(server)
        for port in (base, tuned):
            until(lambda at=port: urlopen(f"http://127.0.0.1:{at}/health", timeout=5), f"llama.cpp at {port}")
        doctor, serve, routes = block("install/llama-cpp.md", "run").commands()
        one.run(doctor)
        one.serving(one.start(serve))
        one.route("tuned")
        assert "base at safe" in one.run(routes)
        assert chat(one) == "tuned"
        assert refused(one, "/lora-adapters", [{"id": 0, "scale": 0.0}]) == 403
        one.run("groundwire route revert tuned --reason 'to try the way back' --force")
        until(lambda: chat(one) == "base", "the base's answer")
        assert refused(one, "/v1/chat/completions", {**CHAT, "lora": [{"id": 0, "scale": 1.0}]}) == 400
