"""Child processes of the demo: heard, stopped, and missed when they die. Real processes."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from proxy.demo.children import Child, ChildError
from proxy.demo.stage import READY

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("ready", grandchild.pid)
time.sleep(600)
"""


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


async def test_it_is_heard_and_ends_when_told(tmp_path: Path) -> None:
    code = "import time; print('ready http://x:1'); time.sleep(600)"
    child = await Child.start("one", [sys.executable, "-c", code], tmp_path)
    assert (await child.said(r"^ready (\S+)", 30))[1] == "http://x:1"
    child.check()
    await child.stop()
    with pytest.raises(ChildError):
        child.check()


async def test_one_that_ignores_the_signal_is_killed_with_its_own_children(tmp_path: Path) -> None:
    child = await Child.start("stubborn", [sys.executable, "-c", STUBBORN], tmp_path)
    grandchild = int((await child.said(r"^ready (\d+)", 30))[1])
    assert is_running(grandchild)
    await child.stop(limit_s=0.2)
    async with asyncio.timeout(30):  # a kill is sent, not waited for
        while is_running(grandchild):
            await asyncio.sleep(0.01)


async def test_its_last_words_are_in_the_error(tmp_path: Path) -> None:
    child = await Child.start("dying", [sys.executable, "-c", "raise SystemExit('no model here')"], tmp_path)
    with pytest.raises(ChildError, match="no model here"):
        await child.said("^ready", 30)
    await child.stop()


async def test_silence_has_a_limit(tmp_path: Path) -> None:
    child = await Child.start("silent", [sys.executable, "-c", "import time; time.sleep(600)"], tmp_path)
    with pytest.raises(ChildError, match="not ready after 0 s"):
        await child.said("^ready", 0.1)
    await child.stop()


HALF_A_LINE = """
import os, types
from proxy.demo import llama

def server(*_):
    os.write(2, b"the native log is in the middle of a line")
    return types.SimpleNamespace(listening_address="http://127.0.0.1:1")

llama.server = server
llama.serve(0, "alias", None)
"""


async def test_readiness_is_heard_through_half_a_line_of_native_log(tmp_path: Path) -> None:
    child = await Child.start("native", [sys.executable, "-c", HALF_A_LINE], tmp_path)
    assert (await child.said(READY, 30))[1] == "http://127.0.0.1:1"
    await child.stop()
