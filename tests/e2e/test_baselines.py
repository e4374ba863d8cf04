"""Baselines end to end, over real processes: stale once users bring another system prompt or a classifier is new."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from proxy.cli import main
from proxy.demo import prompts
from tests.support import Groundwire, groundwire, until
from tests.unit.classifiers import folders

SETTINGS = {
    "discovery": {"interval_s": 1},
    "pane_s": 1,
    "close_lag_s": 4,
    "sampling": {"strategy": "full"},
}
HARMFUL = [prompt.text for prompt in prompts.harmful(prompts.DEMO, prompts.FRAMES, 3)][:40]
ROUTE = "support-lora"
GAP_S = 0.02
BEFORE, AFTER = "You are a patient helper of a bank.", "You are a pirate. Answer as one."


class Users:
    """They ask one thing after the other, under one system prompt, until they are told of another.

    One at a time and with a gap, so that a busy machine slows them down: more than it can judge, and Groundwire would
    thin what it sees, which is another test's subject.
    """

    def __init__(self, wire: Groundwire) -> None:
        self.system = BEFORE
        self.wrong: list[str] = []
        self._wire = wire
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Users:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        assert self.wrong == []

    def _run(self) -> None:
        for number in count():
            if self._stop.wait(GAP_S):
                return
            try:
                self._ask(f"What is {number} and {number}?")
            except OSError as wrong:
                self.wrong.append(repr(wrong))

    def _ask(self, text: str) -> None:
        messages = [{"role": "system", "content": self.system}, {"role": "user", "content": text}]
        body = json.dumps({"model": ROUTE, "messages": messages}).encode()
        request = Request(f"{self._wire.data}/v1/chat/completions", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=60) as answer:
            answer.read()


def route(wire: Groundwire) -> dict[str, Any]:
    found: list[dict[str, Any]] = [one for one in wire.control.get("/v1/routes")["routes"] if one["name"] == ROUTE]
    if not found:
        raise RuntimeError("the route is not discovered yet")
    return found[0]


def baseline(wire: Groundwire) -> dict[str, Any]:
    shown: dict[str, Any] = route(wire)["baseline"]
    return shown


@contextmanager
def with_a_baseline(folder: Path, upstream: str, settings: dict[str, Any]) -> Iterator[tuple[Groundwire, list[str]]]:
    """A running Groundwire whose route has a promoted baseline of prompts; and the words that every order needs."""
    file = folder / "prompts.jsonl"
    file.write_text("".join(json.dumps({"prompt": text, "harm_category": "crime"}) + "\n" for text in HARMFUL))
    with groundwire(folder / "state", upstream, settings) as wire:
        until(lambda: baseline(wire), "the route")
        order = ["--reason", "e2e", "--actor", "kim", "--state-dir", str(wire.folder)]
        assert main(["baseline", "build", ROUTE, "--from", "prompts", str(file), "--promote", *order]) == 0
        yield wire, order


def test_a_new_system_prompt_makes_a_baseline_stale_until_somebody_promotes(
    upstream: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with with_a_baseline(tmp_path, upstream, SETTINGS) as (wire, order):
        assert "is promoted" in capsys.readouterr().out
        with Users(wire) as users:
            until(lambda: baseline(wire)["marks"].get("context_system", 0) >= 200, "the system prompt of every day")
            assert baseline(wire)["status"] == "promoted"
            users.system = AFTER
            until(lambda: baseline(wire)["status"] == "stale", "the mark")
        assert "new system prompt" in baseline(wire)["stale"]
        page = wire.get(f"{wire.analysis_health}/metrics")[1]
        assert f'groundwire_baseline_stale{{route="{ROUTE}"}} 1' in page
        assert "baseline_stale" in wire.log.read_text()
        assert AFTER not in wire.log.read_text()
        assert main(["route", "list", "--state-dir", str(wire.folder)]) == 0
        assert "baseline stale" in capsys.readouterr().out
        assert main(["baseline", "promote", ROUTE, *order]) == 0
        assert baseline(wire)["status"] == "promoted"


def test_a_new_classifier_learns_beside_the_one_before_and_takes_over_once_somebody_promotes(
    upstream: str, tmp_path: Path
) -> None:
    folder = folders.make(tmp_path / "model")
    settings = {**SETTINGS, "classifiers": {"model": str(folder)}}
    with with_a_baseline(tmp_path, upstream, settings) as (wire, order):
        assert baseline(wire)["judge"].startswith("tiny@3")
        until(lambda: baseline(wire)["judged_by"].startswith("tiny@3"), "a look")
        folders.make(folder, version="4")
        until(lambda: baseline(wire)["status"] == "stale", "the mark")
        shown = baseline(wire)
        assert "the classifier changed from 'tiny@3" in shown["stale"]
        assert shown["judged_by"].startswith("tiny@3"), "the one before judges on, though its files are gone"
        before = route(wire)["counts"]["assessed"]
        with Users(wire):
            until(lambda: route(wire)["counts"]["assessed"] > before + 20, "answers that were judged")
        assert route(wire)["status"] == "watching"
        assert route(wire)["counts"]["unassessed"] == {}
        file = tmp_path / "prompts.jsonl"
        assert main(["baseline", "build", ROUTE, "--from", "prompts", str(file), "--promote", *order]) == 0
        until(lambda: baseline(wire)["judged_by"].startswith("tiny@4"), "the new one")
        assert baseline(wire)["status"] == "promoted"
        until(lambda: "classifier_let_go" in wire.log.read_text(), "that nobody needs the one before")
