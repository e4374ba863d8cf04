"""`groundwire policy` and `explain` against a running control plane."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from proxy.cli import main
from proxy.control.api.app import make_api
from tests.control.house import House, house
from tests.control.test_shadow_policies import LIVE, STRICTER, WATCHING, learnt, slipping


@dataclass
class Terminal:
    """Runs commands in a thread beside the plane that answers them."""

    house: House
    port: int
    capsys: pytest.CaptureFixture[str]

    async def run(self, *words: str, code: int = 0) -> str:
        done = await asyncio.to_thread(main, [*words, "--control", f"127.0.0.1:{self.port}"])
        out, err = self.capsys.readouterr()
        assert done == code, err
        return out + err


@asynccontextmanager
async def terminal(capsys: pytest.CaptureFixture[str], policy: object = LIVE) -> AsyncIterator[Terminal]:
    async with (
        house(policy=policy, shadows={"tight": STRICTER}) as built,  # type: ignore[arg-type]
        TestServer(make_api(built.plane)) as server,
    ):
        assert server.port is not None
        yield Terminal(built, server.port, capsys)


async def test_policy_show(capsys: pytest.CaptureFixture[str]) -> None:
    async with terminal(capsys) as at:
        assert "how many tests share a budget is known with a baseline" in await at.run("policy", "show")
        await learnt(at.house)
        shown = await at.run("policy", "show", "support")
        assert "policy     file, text SHA-256" in shown
        assert "refusal overall" in shown
        assert "warning 0.7, critical 0.5" in shown
        assert "shadows    tight (" in shown
        [row] = [line.split() for line in shown.splitlines() if line.startswith("critical ")]
        tests, limit = int(row[1]), float(row[2])
        whole = json.loads(await at.run("policy", "show", "support", "--json"))["routes"][0]
        assert tests == whole["tests"]["critical"]["n"] == 3
        assert limit == pytest.approx(whole["tests"]["critical"]["limit"], rel=0.01)
        assert limit == pytest.approx(tests * LIVE.budgets.critical_s / 1.0, rel=0.01), "A = tests x budget / pane"
        assert whole["pages_per_year"]["critical"] == pytest.approx(1.0)
        assert "there is no route 'none'" in await at.run("policy", "show", "none", code=1)


async def test_policy_diff(capsys: pytest.CaptureFixture[str]) -> None:
    async with terminal(capsys) as at:
        assert "tight" in await at.run("policy", "diff")
        await learnt(at.house)
        await at.house.second()
        assert "no difference so far" in await at.run("policy", "diff", "support")
        await slipping(at.house)
        shown = await at.run("policy", "diff", "support")
        assert "now severity critical, would be at reverted" in shown
        assert "low, steady" in shown
        assert "critical, reverted" in shown
        told = json.loads(await at.run("policy", "diff", "--json"))["shadows"][0]
        record = told["differences"][-1]["shadow"]["record"]
        assert "Said by shadow policy tight, which changes nothing." in await at.run("explain", record)


async def test_policy_promote_and_withdraw(capsys: pytest.CaptureFixture[str]) -> None:
    async with terminal(capsys, WATCHING) as at:
        await learnt(at.house)
        await slipping(at.house)
        word = ("--reason", "it saw what we missed", "--actor", "ada")
        assert "no shadow policy" in await at.run("policy", "promote", "none", *word, code=1)
        assert "is live on every route" in await at.run("policy", "promote", "tight", *word)
        await at.house.plane.tick()
        shown = await at.run("policy", "show", "support")
        assert "promoted   everywhere by ada" in shown
        assert "it saw what we missed" in shown
        assert "step       reverted" in await at.run("route", "show", "support")
        assert "tight is withdrawn" in await at.run("policy", "withdraw", *word)
        log = await at.run("log")
        assert "policy promote tight" in log
        assert "policy withdraw tight" in log


async def test_a_decision_is_carried_to_another_machine(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    async with terminal(capsys) as at:
        await learnt(at.house)
        await at.house.days(8, 15, 35)
        record = (await at.house.view())["enforcement_id"]
        path = tmp_path / "why.json"
        path.write_text(await at.run("explain", record, "--json"))
        assert "It is the same." in await at.run("explain", record, "--recompute")
    assert await asyncio.to_thread(main, ["explain", str(path), "--recompute"]) == 0
    assert "It is the same." in capsys.readouterr().out
    told = json.loads(path.read_text())
    assert told["done"]["action"] == "revert"
    assert told["policy"]["sha256"] == told["record"]["inputs"]["policy_sha256"]


async def test_a_promotion_needs_a_name_and_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    async with terminal(capsys) as at:
        with pytest.raises(SystemExit):
            await at.run("policy", "promote", "tight")
        assert "`reason` must be a text" in await at.run("policy", "promote", "tight", "--reason", " ", code=1)
