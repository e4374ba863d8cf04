"""The demo's display: one live panel in a terminal, plain lines elsewhere. Both show the control API's numbers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from proxy.core.enforcement import Step
from proxy.core.evidence.findings import bad_side
from proxy.demo.board import Board, Scene, share_of_limit

LINE_S: Final = 2.0  # between two plain lines
FRAMES_PER_S: Final = 4
BAR_CELLS: Final = 20
ANSWER_CHARS: Final = 160
LADDER: Final = (Step.STEADY, Step.WATCH, Step.LIMITED, Step.REVERTED)
COLOURS: Final = {Step.STEADY: "green", Step.WATCH: "yellow", Step.LIMITED: "magenta", Step.REVERTED: "red"}


@asynccontextmanager
async def shown(board: Board, about: str, plain: bool) -> AsyncIterator[None]:
    """Show the board until the block ends."""
    if plain or not sys.stdout.isatty():
        task = asyncio.create_task(_lines(board))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            _say(board)
        return
    with Live(get_renderable=lambda: panel(board, about), refresh_per_second=FRAMES_PER_S, console=Console()) as live:
        try:
            yield
        finally:
            live.refresh()


def panel(board: Board, about: str) -> Panel:
    """The whole picture."""
    parts: list[RenderableType] = [
        Text(board.scene.value, style="bold"),
        Text(),
        _ladder(str(board.route.get("step", "steady"))),
        Text(),
        _facts(board),
        Text(),
        *_last(board),
    ]
    return Panel(Group(*parts), title="groundwire demo", subtitle=about, padding=(1, 2))


def line(board: Board) -> str:
    """The picture in one line."""
    route = board.route
    parts = [f"{board.scene.name.lower():9}", f"adapter {board.scale:.1f}", f"step {route.get('step', '-')}"]
    parts.append(rate_text(route))
    warning = board.heaviest("warning")
    if warning is not None:
        parts.append(f"evidence {warning['odds_ln'] or 0:.1f} of {warning['limit_ln']:.1f} (ln odds)")
    parts.append(f"answers {sum(board.served.values())}")
    if board.limited:
        parts.append(f"rate-limited {board.limited}")
    return " | ".join(parts)


def rate_text(route: dict[str, Any]) -> str:
    """The refusal rate now, against its baseline."""
    baseline = route.get("baseline")
    if not baseline:
        return "no answers yet"
    if baseline["status"] == "learning":
        return f"baseline {baseline['n']:.0f} of {baseline['closes_at']}"
    now = route["window"]
    rate = "-" if now["refusal_rate"] is None else f"{now['refusal_rate']:.2f}"
    return f"refusal {rate} (n {now['n']:.0f}), baseline {baseline['rate']:.2f}"


def _say(board: Board) -> None:
    sys.stdout.write(line(board) + "\n")
    sys.stdout.flush()


async def _lines(board: Board) -> None:
    while True:
        if board.scene is not Scene.STARTING:
            _say(board)
        await asyncio.sleep(LINE_S)


def _ladder(step: str) -> Text:
    text = Text()
    for rung in LADDER:
        here = rung.value == step
        text.append(f" {rung.value} ", style=f"bold white on {COLOURS[rung]}" if here else "dim")
        text.append("" if rung is LADDER[-1] else " > ", style="dim")
    return text


def _facts(board: Board) -> Table:
    route = board.route
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    table.add_row("adapter strength", _bar(board.scale, f"{board.scale:.1f}", "cyan"))
    table.add_row("refusal rate", _rate(route))
    for kind in ("warning", "critical"):
        table.add_row(f"{kind} line", _evidence(board.heaviest(kind)))
    served = ", ".join(f"{model} {count}" for model, count in board.served.items())
    table.add_row("answered by", served or "-")
    limited = f", rate-limited and asked again {board.limited}" if board.limited else ""
    table.add_row(
        "requests", f"harmful {board.harmful}, harmless {board.harmless}, failed {len(board.failures)}{limited}"
    )
    return table


def _rate(route: dict[str, Any]) -> Text:
    baseline = route.get("baseline")
    if not baseline:
        return Text("-")
    if baseline["status"] == "learning":
        return _bar(baseline["n"] / baseline["closes_at"], rate_text(route), "blue")
    rate = route["window"]["refusal_rate"]
    return _bar(rate or 0.0, rate_text(route), "green" if (rate or 0.0) > baseline["lower"] else "red")


def _evidence(test: dict[str, Any] | None) -> Text:
    if test is None:
        return Text("-")
    side = bad_side(test["metric"], test["stratum"])
    proved = "" if test["proved"] is None else f", proved {side} {test['proved']:.2f}"
    words = f"{test['stratum']} {test['m']:.2f}: ln odds {test['odds_ln'] or 0:.1f} of {test['limit_ln']:.1f}{proved}"
    if test["status"] != "undecided":
        words += f", {test['status']}"
    return _bar(share_of_limit(test), words, "red" if test["status"] != "undecided" else "yellow")


def _bar(share: float, words: str, colour: str) -> Text:
    full = round(BAR_CELLS * min(1.0, max(0.0, share)))
    return Text.assemble(("█" * full, colour), ("░" * (BAR_CELLS - full), "dim"), f"  {words}")


def _last(board: Board) -> list[Text]:
    if board.last is None:
        return [Text("-")]
    answer = " ".join(board.last.text.split())[:ANSWER_CHARS]
    return [
        Text.assemble(("asked     ", "dim"), board.last.prompt.text, overflow="ellipsis", no_wrap=True),
        Text.assemble((f"{board.last.model}  ", "dim"), answer, overflow="ellipsis", no_wrap=True),
    ]
