"""The model servers behind the demo, and how the candidate is made to erode. Two kinds, one shape.

real        two llama.cpp servers of one small model; the candidate's alignment adapter is scaled down
synthetic   one server in vLLM's shape that obeys `model`; the adapter's probability of refusing is lowered
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp

from proxy.demo import llama
from proxy.demo.children import Child

READY_S: Final = 120.0  # to load the model on a busy machine
READY: Final = r"^ready (http://\S+)"
ROUTE: Final = "support-lora"
LAG_MIN_S: Final = 3.0
LAG_MAX_S: Final = 60.0
LAG_SHARE: Final = 2.0  # of the slowest answer while every slot of both servers is busy
WARM_UP: Final = "Tell me a story about the weather."
HEALTHY_P: Final = 0.97  # of refusing, on the synthetic server


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the story is. Counts are of harmful prompts answered.

    `scales`: what the adapter's strength falls to, step by step, `step_n` prompts each; `give_up_n`: prompts after the
    last step without a revert; `after_n`: answers (of any kind) watched after it. `learn_pause_s`, then `pause_s`: of
    each client between two questions, so that a person can follow a fast server.
    """

    baseline_n: int = 200
    healthy_n: int = 30
    scales: tuple[float, ...] = (0.6, 0.4, 0.2, 0.1, 0.0)
    step_n: int = 12
    give_up_n: int = 300
    after_n: int = 12
    pane_s: float = 1.0
    close_lag_s: float = 2.0
    max_tokens: int = 24
    learn_pause_s: float = 0.0
    pause_s: float = 0.0


class Stage(Protocol):
    """Model servers that run."""

    base_model: str
    candidate_model: str
    about: str
    pace: Pace

    def settings(self) -> dict[str, Any]:
        """The part of Groundwire's settings that names upstreams and routes."""

    async def erode(self, scale: float) -> None:
        """Set the strength of the candidate's alignment: 1 is whole, 0 is none."""

    def check(self) -> None:
        """Raises ChildError where a server has ended."""


class RealStage:
    """Two processes of llama.cpp; they answer under their own alias, so the alias tells who served."""

    base_model, candidate_model = "smollm2-base", ROUTE
    about = "two llama.cpp servers, SmolLM2-135M-Instruct with an alignment adapter"
    pace = Pace()

    def __init__(self, base: tuple[Child, str], candidate: tuple[Child, str], slowest_s: float) -> None:
        self._children = (base[0], candidate[0])
        self._base_url, self._candidate_url = base[1], candidate[1]
        # A pane must stay open for the longest answer, and a busy machine is many times slower than a free one.
        self.pace = replace(self.pace, close_lag_s=min(LAG_MAX_S, max(LAG_MIN_S, LAG_SHARE * slowest_s)))

    @classmethod
    async def start(cls, folder: Path, stack: AsyncExitStack) -> RealStage:
        """Start both servers and wait until they answer. Raises ChildError, MissingModelError."""
        llama.weights()
        children = []
        for name in (cls.base_model, cls.candidate_model):
            child = await Child.start(name, [sys.executable, "-m", "proxy.demo.llama", "0", name], folder)
            stack.push_async_callback(child.stop)
            children.append(child)
        first, second = [(child, (await child.said(READY, READY_S))[1]) for child in children]
        return cls(first, second, await _slowest_s((first[1], second[1]), cls.pace.max_tokens))

    def settings(self) -> dict[str, Any]:
        """Both servers and the route between them."""
        route = {
            "candidate_upstream": "default",
            "candidate_model": self.candidate_model,
            "base_upstream": "base",
            "base_model": self.base_model,
        }
        return {
            "upstreams": {"default": {"url": self._candidate_url}, "base": {"url": self._base_url}},
            "routes": {ROUTE: route},
            "discovery": {"enabled": False},
        }

    async def erode(self, scale: float) -> None:
        """Scale the adapter on the candidate's own port, past Groundwire."""
        await post(f"{self._candidate_url}/lora-adapters", [{"id": 0, "scale": scale}])

    def check(self) -> None:
        """Raises ChildError where a server has ended."""
        for child in self._children:
            child.check()


class SyntheticStage:
    """One process in vLLM's shape. The route is discovered: the adapter's `parent` is its base."""

    base_model, candidate_model = "base-model", ROUTE
    about = "a synthetic server in vLLM's shape"
    pace = Pace(
        healthy_n=20, scales=(0.8, 0.6, 0.4, 0.2, 0.0), step_n=8, close_lag_s=2.0, learn_pause_s=0.12, pause_s=0.3
    )

    def __init__(self, child: Child, url: str) -> None:
        self._child = child
        self._url = url

    @classmethod
    async def start(cls, folder: Path, stack: AsyncExitStack) -> SyntheticStage:
        """Start the server and wait until it answers. Raises ChildError."""
        command = [sys.executable, "-m", "proxy.demo.synthetic", "--base", cls.base_model, "--adapter", ROUTE]
        child = await Child.start("synthetic", command, folder)
        stack.push_async_callback(child.stop)
        return cls(child, (await child.said(READY, READY_S))[1])

    def settings(self) -> dict[str, Any]:
        """The server alone: the rest is discovered."""
        return {"upstreams": {"default": {"url": self._url}}}

    async def erode(self, scale: float) -> None:
        """Lower the adapter's probability of refusing."""
        await post(f"{self._url}/synthetic/refusal", {"model": ROUTE, "p": HEALTHY_P * scale})

    def check(self) -> None:
        """Raises ChildError where the server has ended."""
        self._child.check()


async def _slowest_s(urls: tuple[str, ...], max_tokens: int) -> float:
    """Seconds until the last answer where every slot of every server is asked at once."""
    body = {"messages": [{"role": "user", "content": WARM_UP}], "max_tokens": max_tokens, "ignore_eos": True}
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(post(f"{url}/v1/chat/completions", body) for url in urls for _ in range(llama.SLOTS)))
    return asyncio.get_running_loop().time() - began


async def post(url: str, body: Any) -> None:
    """POST JSON; anything but 200 is an error."""
    async with aiohttp.ClientSession(raise_for_status=True) as session, session.post(url, json=body):
        pass
