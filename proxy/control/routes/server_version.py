"""Which version of which program serves: asked where the common servers tell, seldom, and never as a duty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from proxy.control.routes.upstreams import Unreachable, UpstreamClient

INTERVAL_S: Final = 600.0  # between two readings of one server
TIMEOUT_S: Final = 5.0
CHARS_MAX: Final = 200
TOLD: Final = (  # path, keys of its JSON object, in the order in which they are tried
    ("/version", ("version",)),  # vLLM, SGLang
    ("/api/version", ("version",)),  # Ollama
    ("/info", ("version",)),  # TGI
    ("/props", ("build_info",)),  # llama.cpp
)


class ServerVersions:
    """The last answer of each upstream; "" where none of the paths tells."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self._read_s: dict[str, float] = {}
        self._paths: dict[str, int] = {}  # by upstream: the place in TOLD that answered

    async def read(self, clients: Mapping[str, UpstreamClient], now_s: float) -> None:
        """Ask those that were not asked lately, one request each once it is known where they tell."""
        for name, client in clients.items():
            if name not in self._read_s or abs(now_s - self._read_s[name]) >= INTERVAL_S:
                self._read_s[name] = now_s
                self.known[name] = await self._ask(name, client) or self.known.get(name, "")

    async def _ask(self, name: str, client: UpstreamClient) -> str:
        places = [self._paths[name]] if name in self._paths else range(len(TOLD))
        for place in places:
            path, keys = TOLD[place]
            try:
                answer = await client.get(path, TIMEOUT_S)
            except Unreachable:
                return ""
            found = version_in(answer.data, keys) if answer.status == 200 else ""
            if found:
                self._paths[name] = place
                return found
        return ""


def version_in(data: bytes, keys: tuple[str, ...]) -> str:
    """The first of the keys that holds a text; "" where the body is anything else."""
    try:
        body: Any = orjson.loads(data)
    except ValueError:
        return ""
    values = (body.get(key) for key in keys) if isinstance(body, dict) else ()
    return next((value[:CHARS_MAX] for value in values if isinstance(value, str) and value), "")
