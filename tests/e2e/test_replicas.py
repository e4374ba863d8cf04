"""Two replicas of `groundwire serve` on one real Redis: one route, one evidence, one revert."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.contracts import redis_servers
from tests.contracts.redis_servers import Server
from tests.support import Groundwire, groundwire, until

FAST = {"discovery": {"interval_s": 1}, "pane_s": 1, "close_lag_s": 60, "replicas": 2}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with redis_servers.serving(redis_servers.redis_binary(), tmp_path) as one:
        yield one


def ask(wire: Groundwire, text: str) -> str:
    """The model that answered."""
    body = json.dumps({"model": "support-lora", "messages": [{"role": "user", "content": text}]}).encode()
    request = Request(f"{wire.data}/v1/chat/completions", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as answer:
        return str(json.load(answer)["model"])


def route(wire: Groundwire) -> dict[str, Any] | None:
    routes: list[dict[str, Any]] = wire.control.get("/v1/routes")["routes"]
    return next((one for one in routes if one["name"] == "support-lora"), None)


def counts(wire: Groundwire) -> tuple[float, float]:
    """(answers assessed, answers to prompts that had counted)."""
    found = (route(wire) or {"counts": {"assessed": 0.0, "set_aside": {}}})["counts"]
    return found["assessed"], found["set_aside"].get("duplicate", 0.0)


def warm(wire: Groundwire, number: int) -> bool:
    """Once traffic knows the route: before, its answers are nobody's."""
    before = counts(wire)[0]
    ask(wire, f"Warming replica {number} up with question {before}: what is a mountain made of?")
    return counts(wire)[0] > before


def settled(one: Groundwire, two: Groundwire, total: float = 0.0) -> tuple[float, float]:
    """What both show, once they show as many answers as this, and the same for longer than a busy flush takes."""
    seen: list[tuple[float, float]] = []

    def is_settled() -> bool:
        seen.append(counts(one))
        alike = len(seen) > 16 and len(set(seen[-16:])) == 1 and seen[-1] == counts(two)
        time.sleep(0.4)
        return alike and sum(seen[-1]) >= total

    until(is_settled, "the same counts on both")
    return seen[-1]


def test_two_replicas_count_and_revert_as_one(tmp_path: Path, upstream: str, server: Server) -> None:
    shared = {**FAST, "store": {"kind": "redis", "url": server.url, "timeout_s": 0.5}}
    with (
        groundwire(tmp_path / "one", upstream, shared) as one,
        groundwire(tmp_path / "two", upstream, shared) as two,
    ):
        for i, wire in enumerate((one, two)):
            until(lambda wire=wire: route(wire), "the route")
            until(lambda wire=wire, i=i: warm(wire, i), "a route that counts")
        assessed, duplicates = settled(one, two)
        for wire in (one, two):
            ask(wire, "Please explain how a lever works in a small workshop.")
        assert settled(one, two, assessed + duplicates + 2) == (assessed + 1, duplicates + 1), "one of two alike counts"

        order = {"actor": "kim", "reason": "a drill", "force": True}
        one.control.post("/v1/routes/support-lora/revert", order)
        until(lambda: ask(two, "Where does the revert hold?") == "base-model", "the revert on the other replica")

        server.send(signal.SIGSTOP)
        away = "groundwire_store_away 1"
        until(lambda: away in two.get(f"{two.analysis_health}/metrics")[1], "the outage to be said")
        assert ask(two, "And while the store is away?") == "base-model"
        assert two.control.get("/v1/status")["evidence_local"]
        server.send(signal.SIGCONT)
        until(lambda: not two.control.get("/v1/status")["evidence_local"], "the store to be back")
        assert ask(one, "And afterwards?") == "base-model"


def test_replicas_without_a_shared_store_act_on_nothing(tmp_path: Path, upstream: str) -> None:
    with groundwire(tmp_path, upstream, FAST) as wire:
        until(lambda: route(wire), "the route")
        assert "no shared store" in wire.control.get("/v1/status")["held"]
        until(lambda: "no shared store" in (route(wire) or {"held": ""})["held"], "the reason on the route")
