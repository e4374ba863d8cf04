"""The command line's own small parts."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.cli import main, parser
from proxy.commands.duration import DurationError, seconds
from proxy.commands.serve import child_command, flags_of
from proxy.config.address import Address
from proxy.control.api.client import ControlClient, ControlError, route_path


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("30m", 1_800), ("1h30m", 5_400), ("1.5d", 129_600)])
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "2", "h", "2h x", "-1h", "2 h"])
def test_what_is_no_duration_says_so(text: str) -> None:
    with pytest.raises(DurationError, match="say 30m, 2h or 1d"):
        seconds(text)


def test_the_analysis_child_gets_the_same_settings() -> None:
    arguments = parser().parse_args(["serve", "--config", "f.yaml", "--upstream", "http://u", "--set", "pane_s=1"])
    assert flags_of(arguments) == ["pane_s=1", "upstream=http://u"]
    child = parser().parse_args(child_command(arguments)[3:])
    assert (child.only, child.config, flags_of(child)) == ("analysis-child", "f.yaml", flags_of(arguments))


def test_check_names_every_file_that_a_start_would_refuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One mistake hides no other, whatever file it is in."""
    keys = ("policy", "checks_file", "triggers_file", "baseline_prompts_file")
    files = {key: tmp_path / f"{key}.yaml" for key in keys} | {"baseline_file": tmp_path / "baseline.json"}
    settings = {key: str(files[key]) for key in keys} | {
        "routes": {"m": {"baseline_file": str(tmp_path / "baseline.json")}}
    }
    config = tmp_path / "groundwire.yaml"
    config.write_text(yaml.safe_dump(settings))
    for file in files.values():
        file.write_text("nonsense: [\n")
    assert main(["check", str(config)]) == 2
    said = capsys.readouterr().err
    assert [key for key, file in files.items() if str(file) not in said] == []


def test_route_names_may_hold_slashes() -> None:
    assert route_path("org/m 1", "revert") == "/v1/routes/org%2Fm%201/revert"


def test_a_change_without_a_reason_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["route", "revert", "m"])
    assert stopped.value.code == 2
    assert "--reason" in capsys.readouterr().err


def test_where_nobody_answers_the_error_says_what_to_look_at(
    tmp_path: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["route", "list", "--state-dir", str(tmp_path)]) == 1
    assert "is it running, and is --state-dir or --control right?" in capsys.readouterr().err


def test_a_token_file_that_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "groundwire.yaml"
    config.write_text(f"state_dir: {tmp_path}\nlisten: {{control_token_file: {tmp_path}/none}}\n")
    assert main(["route", "list", "--config", str(config)]) != 0
    assert "control_token_file" in capsys.readouterr().err


async def test_an_answer_that_is_no_json_says_that_it_is_another_server() -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html>hello")

    app = web.Application()
    app.router.add_get("/v1/routes", page)
    async with TestServer(app) as server:
        client = ControlClient(Address(host="127.0.0.1", port=server.port or 0))
        with pytest.raises(ControlError, match="no control API"):
            await asyncio.to_thread(client.get, "/v1/routes")


def test_one_that_is_stuck_is_not_said_to_be_gone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as silent:  # takes calls, as a stopped process does, and answers none
        silent.bind(str(path))
        silent.listen()
        with pytest.raises(ControlError, match="did not answer in time"):
            ControlClient(Address(path=str(path))).post("/v1/rearm", {}, timeout_s=0.2)
    with pytest.raises(ControlError, match="no Groundwire answers"):
        ControlClient(Address(path=str(path))).get("/v1/routes")
