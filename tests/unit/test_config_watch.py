"""Reload on change, as a ConfigMap changes: by swapping a link to a folder."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from proxy.config.sections.judging import PolicySettings
from proxy.config.sections.watching import RouteSettings
from proxy.config.settings import Settings
from proxy.config.watch import Watch, files_of, watch
from tests.support import ROOT, groundwire, until


def test_the_files_are_those_that_settings_name() -> None:
    settings = Settings(
        policy="/etc/p.yaml", routes={"m": RouteSettings(policy="strict", baseline_prompts_file="b.jsonl")}
    )
    assert [str(file) for file in files_of("conf", settings)] == ["/etc/p.yaml", "b.jsonl", "conf"]
    assert files_of(None, Settings()) == ()


def test_every_file_that_a_start_may_refuse_is_watched_for_its_mending() -> None:
    route = RouteSettings(policy="p.yaml", shadow_policies=("s.yaml",), baseline_file="b.json")
    settings = Settings(
        policies=PolicySettings(("n.yaml",)), checks_file="c.yaml", triggers_file="t.yaml", routes={"m": route}
    )
    assert [str(file) for file in files_of(None, settings)] == [
        "b.json",
        "c.yaml",
        "n.yaml",
        "p.yaml",
        "s.yaml",
        "t.yaml",
    ]


def config_map(folder: Path, version: int, text: str) -> None:
    """What the kubelet does to a volume: a new folder, and one rename of a link."""
    made = folder / f"..{version}"
    made.mkdir()
    (made / "policy.yaml").write_text(text)
    link = folder / "..new"
    link.symlink_to(made.name)
    link.rename(folder / "..data")
    if not (folder / "policy.yaml").is_symlink():
        (folder / "policy.yaml").symlink_to("..data/policy.yaml")


def test_a_swapped_link_is_a_change_and_looking_again_is_none(tmp_path: Path) -> None:
    config_map(tmp_path, 1, "mode: shadow\n")
    watched = Watch([tmp_path / "policy.yaml", tmp_path / "not-there"])
    assert not watched.changed()
    config_map(tmp_path, 2, "mode: shadow\n")
    assert not watched.changed(), "it may still be under way"
    assert watched.changed(), "even where the text is the same size"
    assert not watched.changed()
    (tmp_path / "..data" / "policy.yaml").unlink()
    assert not watched.changed()
    assert watched.changed()


def test_a_change_is_not_lost_while_files_are_named_anew(tmp_path: Path) -> None:
    """Naming them takes seconds where it starts a process: what is written meanwhile is the next change."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("1")
    watched = Watch([old])
    old.write_text("22")
    assert [watched.changed(), watched.changed()] == [False, True]
    old.write_text("333")
    watched.follow([old, new])
    assert [watched.changed(), watched.changed()] == [False, True]
    new.write_text("1")
    assert [watched.changed(), watched.changed(), watched.changed()] == [False, True, False]
    watched.follow([new])
    old.write_text("4444")
    assert [watched.changed(), watched.changed()] == [False, False], "it is not named any more"


async def test_what_is_written_while_files_are_named_is_told_too(tmp_path: Path) -> None:
    file, told, named = tmp_path / "policy.yaml", asyncio.Event(), 0
    file.write_text("1")

    def files() -> list[Path]:
        nonlocal named
        named += 1
        if named == 2:  # after the first change
            file.write_text("333")
        return [file]

    times = 0

    def tell() -> None:
        nonlocal times
        times += 1
        if times == 2:
            told.set()

    task = asyncio.create_task(watch(files, tell, 0.02))
    while not named:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    file.write_text("22")
    await asyncio.wait_for(told.wait(), 30)
    task.cancel()


def modes(log: Path) -> int:
    return log.read_text().count('"event":"reloaded"') if log.exists() else 0


@pytest.mark.parametrize("what", ["policy", "settings"])
def test_a_change_is_taken_up_without_a_signal(tmp_path: Path, what: str) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    config_map(maps, 1, "mode: shadow\n")
    with groundwire(tmp_path, "http://127.0.0.1:9", {"policy": str(maps / "policy.yaml")}, wait_ready=False) as wire:
        until(lambda: "analysis_ready" in wire.log.read_text(), "the analysis process")
        if what == "policy":
            config_map(maps, 2, "mode: enforce\n")
        else:
            config = tmp_path / "groundwire.yaml"
            config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), "log_level": "debug"}))
        until(lambda: modes(wire.log) >= 2, "both processes' reload")
        if what == "policy":
            config_map(maps, 3, "mode: enforcing\n")
            until(lambda: "reload_refused" in wire.log.read_text(), "the refusal of a bad policy")
            assert wire.process.poll() is None


def test_the_supervisor_alone_reloads_its_child(tmp_path: Path) -> None:
    """As in the analysis container: settings with a mistake at start, then mended, then changed."""
    config, log = tmp_path / "groundwire.yaml", tmp_path / "log"
    values = {
        "state_dir": str(tmp_path),
        "listen": {"analysis_health": f"unix:{tmp_path}/health.sock"},
        "discovery": {"enabled": False},
        "classifiers": {"enabled": False},
    }
    config.write_text("log_level: loud\n")
    command = [sys.executable, "-m", "proxy.cli", "serve", "--only", "analysis", "--config", str(config)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
    try:
        until(lambda: "log_level" in log.read_text(), "the mistake in the log")
        config.write_text(yaml.safe_dump(values))
        until(lambda: "analysis_ready" in log.read_text(), "the analysis process")
        config.write_text(yaml.safe_dump({**values, "log_level": "debug"}))
        until(lambda: modes(log) >= 1, "the reload")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
