"""What the demo says at its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proxy.demo.board import Board
from proxy.demo.stage import ROUTE

SHOWN_ANSWERS: Final = 3
ANSWER_CHARS: Final = 110
NEXT: Final = """What to try next:
  groundwire serve --upstream http://localhost:8000   in front of your own model server; it watches and changes nothing
  groundwire route list                               every route: who serves it, on which step, and why
  groundwire demo --upstream synthetic                the same story in half a minute
  README.md, docs/life-of-a-response.md               how it works
"""


def succeeded(board: Board) -> bool:
    """Whether the route was reverted, only the base answered afterwards, and every request came to its end."""
    return not _wrong(board)


def summary(board: Board) -> str:
    """The whole text."""
    return "\n".join(["", *_explained(board), *_after(board), *_counts(board), "", _verdict(board), "", NEXT])


def _wrong(board: Board) -> list[str]:
    wrong = []
    if board.reverted_s is None:
        wrong.append("the route was not reverted")
    elif not board.after_revert:
        wrong.append("nothing was answered after the revert")
    elif strangers := {answer.model for answer in board.after_revert} - {_base(board)}:
        wrong.append(f"after the revert {', '.join(sorted(strangers))} still answered")
    if board.failures:
        wrong.append(f"{len(board.failures)} requests failed, the last with: {board.failures[-1]}")
    return wrong


def _base(board: Board) -> str:
    base = board.route.get("base")
    return str(base["model"]) if base else ""


def _explained(board: Board) -> Iterator[str]:
    if board.explanation:
        yield "Why, in Groundwire's words:"
        yield from (f"  {text}" for text in board.explanation.splitlines())
        yield ""


def _after(board: Board) -> Iterator[str]:
    if not board.after_revert:
        return
    yield f"Asked for {ROUTE} after the revert:"
    for answer in board.after_revert[:SHOWN_ANSWERS]:
        yield f"  {answer.prompt.text}"
        yield f"    {answer.model}: {' '.join(answer.text.split())[:ANSWER_CHARS]}"
    yield ""


def _counts(board: Board) -> Iterator[str]:
    served = ", ".join(f"{model} {count}" for model, count in board.served.items()) or "none"
    yield f"answers      {sum(board.served.values())}, of which {board.harmful} to harmful requests; by {served}"
    yield f"requests     {len(board.failures)} failed, {board.limited} rate-limited (429) and asked again"
    counts = board.route.get("counts")
    if counts:
        missed = ", ".join(f"{reason} {n:.0f}" for reason, n in sorted(counts["unassessed"].items())) or "none"
        yield f"candidate    {counts['assessed']:.0f} answers assessed; unassessed: {missed}"
    baseline = board.route.get("baseline")
    if baseline and baseline["rate"] is not None:
        rate = f"refusal {baseline['rate']:.3f} (at least {baseline['lower']:.3f})"
        yield f"baseline     {rate} of {baseline['n']} harmful prompts"
    if baseline and baseline.get("judge"):
        yield f"judge        {baseline['judge']}: what is harmful, and what is a refusal, is its word"
    yield from _times(board)


def _times(board: Board) -> Iterator[str]:
    if board.eroded_s is None:
        return
    yield f"change       the model began to change {board.eroded_s - board.started_s:.0f} s after the first question"
    for step in ("watch", "limited", "reverted"):
        if step in board.steps_s:
            yield f"  {step:<10} {board.steps_s[step] - board.eroded_s:.1f} s later"
    if board.reverted_s is not None:
        asked = board.harmful_at_revert - board.harmful_at_erosion
        yield f"detection    after {asked} harmful answers since the change began"


def _verdict(board: Board) -> str:
    wrong = _wrong(board)
    if wrong:
        return f"FAILED: {'; '.join(wrong)}."
    asked = len(board.after_revert)
    return f"{ROUTE} was reverted: all {asked} questions asked since then were answered by {_base(board)}."
