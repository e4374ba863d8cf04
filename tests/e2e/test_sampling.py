"""Sampling in a real analysis process: by the settings, and by an order while it runs."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from pathlib import Path

from proxy.cli import main
from proxy.core.exchange import Exchange
from proxy.link.sender import LinkSender
from tests.unit.analysis.test_app import Running, analysis
from tests.unit.analysis.test_pipeline import exchange

PATIENCE_S = 90.0  # on a machine that has other things to do
ROUTES = {"support": {"base_model": "base"}}


def questions(n: int, about: str) -> list[Exchange]:
    found = [exchange(f"Please tell me about {about} number {i} and its history.") for i in range(n)]
    for one in found:
        one.upstream, one.served_model, one.started_s = "default", "support", time.time()
    return found


def outcomes(running: Running) -> Counter[str]:
    found = re.findall(r'route_exchanges_total\{route="support",outcome="(\w+)"\} (\d+)', running.get("/metrics"))
    return Counter({outcome: int(n) for outcome, n in found})


def share(running: Running) -> float:
    [found] = re.findall(r'sampling_ratio\{route="support",of="all"\} (\S+)', running.get("/metrics")) or ["0"]
    return float(found)


async def until(running: Running, wanted: float) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while share(running) != wanted:
            await asyncio.sleep(0.2)


async def test_settings_and_orders_reach_the_coins_of_a_running_process(tmp_path: Path) -> None:
    settings = {"routes": ROUTES, "pane_s": 1.0, "close_lag_s": 60.0, "sampling": {"strategy": "random", "share": 0.1}}
    with analysis(tmp_path, **settings) as running:
        sender = LinkSender(str(tmp_path / "link.sock"), 2**24, lambda _: None)
        sender.start()
        async with asyncio.timeout(PATIENCE_S):
            while not sender.connected:
                await asyncio.sleep(0.1)
        await until(running, 1 / 8)
        await sent(sender, running, questions(160, "castle"))
        seen = outcomes(running)
        assert seen["analysed"] + seen["unsampled"] == 160
        assert 4 <= seen["analysed"] <= 50

        order = ["route", "sample", "support", "--strategy", "full", "--reason", "a look", "--state-dir", str(tmp_path)]
        assert await asyncio.to_thread(main, order) == 0
        await until(running, 1.0)
        await sent(sender, running, questions(40, "river"))
        assert outcomes(running) == seen + Counter(analysed=40)
        await sender.close()


async def sent(sender: LinkSender, running: Running, exchanges: list[Exchange]) -> None:
    before = outcomes(running).total()
    for one in exchanges:
        sender.offer(one)
    async with asyncio.timeout(PATIENCE_S):
        while outcomes(running).total() < before + len(exchanges):
            await asyncio.sleep(0.2)
