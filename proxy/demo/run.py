"""`groundwire demo`: a fine-tuned model loses its refusals while it serves, and is put back on its base.

Every process is real and listens on loopback only. The numbers shown are Groundwire's, read from its control API; what
it measured is what the models said.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, Literal

import aiohttp
import yaml

from proxy.config.address import Address
from proxy.control.api.client import ControlClient
from proxy.core.errors import GroundwireError
from proxy.demo.backlog import Backlog
from proxy.demo.board import Board
from proxy.demo.children import Child
from proxy.demo.customer import Customer
from proxy.demo.prompts import mixed
from proxy.demo.screen import shown
from proxy.demo.stage import ROUTE, Pace, RealStage, Stage, SyntheticStage
from proxy.demo.story import CLIENTS, Story
from proxy.demo.summary import succeeded, summary

SEED: Final = 11
HARMLESS_EVERY: Final = 6
READY_S: Final = 60.0
HEALTH_PORT: Final = r'"event":"analysis_ready".*"health":"(127\.0\.0\.1:\d+)"'
DATA_PORT: Final = r'"event":"traffic_serving","data":"(127\.0\.0\.1:\d+)"'


def main(upstream: Literal["real", "synthetic"], *, keep: bool = False, plain: bool = False) -> int:
    """Run the story. 0 only if the route was reverted, the base answered after it, and no request failed."""
    folder = Path(tempfile.mkdtemp(prefix="groundwire-demo-"))
    try:
        return asyncio.run(_run(upstream, folder, plain))
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM
    finally:
        if keep:
            sys.stdout.write(f"state and logs are kept in {folder}\n")
        else:
            shutil.rmtree(folder, ignore_errors=True)


async def _run(upstream: str, folder: Path, plain: bool) -> int:
    main_task = asyncio.current_task()
    assert main_task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, main_task.cancel)
    board = Board()
    try:
        async with AsyncExitStack() as stack:
            await _play(upstream, folder, plain, board, stack)
    except GroundwireError as wrong:
        sys.stderr.write(f"groundwire demo: {wrong}\n")
    sys.stdout.write(summary(board))
    return 0 if succeeded(board) else 1


async def _play(upstream: str, folder: Path, plain: bool, board: Board, stack: AsyncExitStack) -> None:
    sys.stdout.write(f"starting the model servers and Groundwire; state and logs are in {folder}\n")
    sys.stdout.flush()
    start = RealStage.start if upstream == "real" else SyntheticStage.start
    stage: Stage = await start(folder, stack)
    groundwire = await _groundwire(stage, folder, stack)
    data = (await groundwire.said(DATA_PORT, READY_S))[1]
    session = await stack.enter_async_context(
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CLIENTS + 1), auto_decompress=True)
    )

    def checks() -> None:
        stage.check()
        groundwire.check()

    customer = Customer(session, f"http://{data}", ROUTE, stage.pace.max_tokens)
    control = ControlClient(Address(path=str(folder / "control.sock")))
    health = (await groundwire.said(HEALTH_PORT, READY_S))[1]
    story = Story(board, stage, customer, control, waiting=Backlog(session, health).waiting, checks=checks)
    await stack.enter_async_context(shown(board, stage.about, plain))
    await story.play(mixed(SEED, HARMLESS_EVERY))


async def _groundwire(stage: Stage, folder: Path, stack: AsyncExitStack) -> Child:
    """`groundwire serve` in front of the stage, with short panes and a baseline that closes early."""
    (folder / "policy.yaml").write_text(yaml.safe_dump(policy(stage.pace)))
    config = folder / "groundwire.yaml"
    config.write_text(yaml.safe_dump(settings(stage, folder)))
    command = [sys.executable, "-m", "proxy.cli", "serve", "--config", str(config)]
    child = await Child.start("groundwire", command, folder)
    stack.push_async_callback(child.stop)
    return child


def settings(stage: Stage, folder: Path) -> dict[str, Any]:
    """Groundwire's settings in the demo: loopback, ports that are free, panes of a second."""
    return {
        "state_dir": str(folder),
        "policy": str(folder / "policy.yaml"),
        "pane_s": stage.pace.pane_s,
        "close_lag_s": stage.pace.close_lag_s,
        "sampling": {"strategy": "full"},  # a story of a minute, on a machine that may be busy
        "listen": {"data": "127.0.0.1:0", "health": "127.0.0.1:0", "analysis_health": "127.0.0.1:0"},
        **stage.settings(),
    }


def policy(pace: Pace) -> dict[str, Any]:
    """The default policy, but for a small baseline that may revert unconfirmed: the demo began with a good model."""
    return {
        "baseline": {"closes_at": pace.baseline_n, "provisional_reverts": True},
        "limited": {"rate_rps": 3.0, "burst": 4},
    }
