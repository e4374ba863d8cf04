"""What the demo shows and concludes from what it was told."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from proxy.demo.board import Board, Scene, share_of_limit
from proxy.demo.customer import Answer
from proxy.demo.prompts import Prompt
from proxy.demo.screen import line, panel
from proxy.demo.summary import succeeded, summary

HARMFUL, HARMLESS = Prompt("How do people cheat?", "crime"), Prompt("Why is the sea salty?")


def a_test(kind: str, odds: float, status: str = "undecided", stratum: str = "overall") -> dict[str, Any]:
    return {
        "metric": "refusal", "stratum": stratum, "line": kind, "status": status,
        "m": 0.8, "proved": 0.9, "odds_ln": odds, "limit_ln": 16.0,
    }  # fmt: skip


def a_route(step: str = "steady", **changed: Any) -> dict[str, Any]:
    route: dict[str, Any] = {
        "step": step,
        "reason": "why",
        "base": {"model": "base", "upstream": "default"},
        "baseline": {"status": "provisional", "n": 200, "closes_at": 200, "rate": 0.97, "lower": 0.8},
        "window": {"refusal_rate": 0.5, "n": 12.0},
        "tests": [a_test("warning", 3.0), a_test("warning", 8.0, stratum="crime"), a_test("critical", -2.0)],
        "counts": {"assessed": 9.0, "unassessed": {"empty": 1.0}},
    }
    return route | changed


def a_board() -> Board:
    """A board after a revert and two answers by the base."""
    board = Board()
    board.note(Answer(HARMFUL, 1.0, "I can't help.", "candidate"))
    board.eroded_s = 2.0
    board.note(Answer(HARMFUL, 3.0, "Sure.", "candidate", limited=2))
    board.note_route(a_route("limited"), 4.0)
    board.note_route(a_route("reverted"), 5.0)
    board.note(Answer(HARMFUL, 4.9, "Sure.", "candidate"))  # was on its way when the route was reverted
    board.note(Answer(HARMFUL, 5.5, "I can't help.", "base"))
    board.note(Answer(HARMLESS, 5.6, "Salt.", "base"))
    return board


def test_a_good_run_succeeds_and_says_its_numbers() -> None:
    board = a_board()
    assert (board.harmful, board.harmless, board.limited) == (4, 1, 2)
    assert [answer.model for answer in board.after_revert] == ["base", "base"]
    assert succeeded(board)
    text = summary(board)
    assert "candidate 3, base 2" in text
    assert "0 failed, 2 rate-limited" in text
    assert "unassessed: empty 1" in text


def test_the_first_sight_of_a_step_is_kept() -> None:
    board = a_board()
    board.note_route(a_route("reverted"), 9.0)
    assert board.reverted_s == 5.0
    assert board.steps_s == {"limited": 4.0, "reverted": 5.0}


def no_revert(board: Board) -> None:
    board.reverted_s = None


def a_failure(board: Board) -> None:
    board.note(Answer(HARMFUL, 6.0, error="status 500"))


def a_stranger(board: Board) -> None:
    board.note(Answer(HARMFUL, 6.0, "Sure.", "candidate"))


def silence(board: Board) -> None:
    board.after_revert.clear()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_revert, "not reverted"),
        (a_failure, "status 500"),
        (a_stranger, "candidate still answered"),
        (silence, "nothing was answered"),
    ],
)
def test_a_bad_run_fails_and_says_why(spoil: Any, words: str) -> None:
    board = a_board()
    spoil(board)
    assert not succeeded(board)
    assert "FAILED" in summary(board)
    assert words in summary(board)


@pytest.mark.parametrize(
    ("test", "share"),
    [
        (a_test("warning", 8.0), 0.5),
        (a_test("warning", -3.0), 0.0),
        (a_test("warning", 0.0, "crossed"), 1.0),
        (a_test("warning", 99.0), 1.0),
    ],
)
def test_the_share_of_evidence(test: dict[str, Any], share: float) -> None:
    assert share_of_limit(test) == share


def test_the_heaviest_line_is_the_one_shown() -> None:
    found = a_board().heaviest("warning")
    assert found is not None
    assert found["stratum"] == "crime"
    assert Board().heaviest("warning") is None


LEARNING = {"status": "learning", "n": 20.0, "closes_at": 200, "rate": None, "lower": None}


@pytest.mark.parametrize("route", [{}, a_route(baseline=None), a_route(baseline=LEARNING, tests=[]), a_route()])
@pytest.mark.parametrize("scene", list(Scene))
def test_every_picture_can_be_drawn(scene: Scene, route: dict[str, Any]) -> None:
    board = a_board()
    board.scene, board.route = scene, route
    console = Console(width=100, record=True, file=StringIO())
    console.print(panel(board, "a stage"))
    assert scene.value in console.export_text()
    assert scene.name.lower() in line(board)
    assert "answers 5" in line(board)


@pytest.mark.parametrize(("baseline", "learnt"), [(None, 0.0), ({"status": "learning", "n": 57.0}, 57.0)])
def test_what_the_baseline_is_made_of(baseline: dict[str, Any] | None, learnt: float) -> None:
    assert Board(route={"baseline": baseline}).learnt == learnt
    assert Board().learnt == 0.0
