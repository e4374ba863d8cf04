"""The story: learn, serve, erode, and watch what Groundwire does. It changes the candidate and nothing else.

Four clients ask while the director looks at the route and moves from scene to scene. The director never tells
Groundwire what it did to the model. Each look lets the clients ask as much as analysis can take: a slow machine tells
the same story in more time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from math import inf
from typing import Any, Final

from proxy.control.api.client import ControlClient, ControlError, route_path
from proxy.core.errors import GroundwireError
from proxy.demo.board import Board, Scene
from proxy.demo.customer import Customer
from proxy.demo.prompts import Prompt
from proxy.demo.stage import ROUTE, Stage

CLIENTS: Final = 4
LOOK_S: Final = 0.4  # between two looks at the route
AHEAD_MAX: Final = 16  # questions asked in one look, those that wait for analysis included
START_S: Final = 60.0  # for the route to appear
STALL_S: Final = 180.0  # without a single answer, or while it learns, without one that the baseline took
REASON: Final = "the demo arms its own route"


class StoryError(GroundwireError):
    """The story did not go as it must; the message says where."""


class Story:
    """One run. `waiting` gives how many answers wait for analysis; `checks` raises where a process has ended."""

    def __init__(
        self,
        board: Board,
        stage: Stage,
        customer: Customer,
        control: ControlClient,
        *,
        waiting: Callable[[], Awaitable[int]],
        checks: Callable[[], None],
    ) -> None:
        self._board = board
        self._stage = stage
        self._customer = customer
        self._control = control
        self._waiting = waiting
        self._checks = checks
        self._granted = 0  # questions that may still be asked before the next look
        self._may_ask = asyncio.Event()
        self._progress = (0.0, 0.0)

    async def play(self, prompts: Iterator[Prompt]) -> None:
        """From the first question to the last. Raises StoryError, ChildError, ControlError."""
        self._board.started_s = self._now()
        await self._appears()
        await self._arm()
        clients = [asyncio.create_task(self._ask_on(prompts)) for _ in range(CLIENTS)]
        try:
            await self._scenes()
        finally:
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)

    async def _scenes(self) -> None:
        board, pace = self._board, self._stage.pace
        board.scene = Scene.LEARNING
        await self._until(self._learnt, inf, "the baseline did not close")
        patience = pace.give_up_n * max(1.0, board.harmful / pace.baseline_n)  # a busy machine evaluates some only
        board.scene = Scene.HEALTHY
        await self._more(pace.healthy_n)
        if self._reverted():
            raise StoryError(f"the route was reverted while the model was healthy: {board.route['reason']}")
        board.scene = Scene.ERODING
        board.eroded_s, board.harmful_at_erosion = self._now(), board.harmful
        for scale in pace.scales:
            await self._stage.erode(scale)
            board.scale = scale
            await self._more(pace.step_n)
        if not self._reverted():
            board.scene = Scene.GONE
            await self._until(self._reverted, patience, "the route was not reverted")
        board.scene = Scene.REVERTED
        await self._until(lambda: len(board.after_revert) >= pace.after_n, pace.give_up_n, "the base did not answer")
        board.explanation = (await self._get(f"/v1/explain/{board.route['enforcement_id']}"))["text"]

    async def _appears(self) -> None:
        """Wait until Groundwire knows the route."""
        deadline = self._now() + START_S
        while True:
            try:
                return await self._look()
            except ControlError as wrong:
                if self._now() > deadline:
                    raise StoryError(f"the route {ROUTE} did not appear: {wrong}") from wrong
            self._checks()
            await asyncio.sleep(LOOK_S)

    async def _arm(self) -> None:
        """Switch enforcement on for this route, as an operator would; its base is asked the check prompts."""
        body = {"actor": "demo", "reason": REASON, "force": False}
        await asyncio.to_thread(self._control.post, route_path(ROUTE, "arm"), body)

    def _learnt(self) -> bool:
        """The baseline is closed and the base has passed its check."""
        route = self._board.route
        return route["baseline"] is not None and route["baseline"]["status"] != "learning" and route["armed"]["armed"]

    def _reverted(self) -> bool:
        return self._board.reverted_s is not None

    async def _more(self, harmful_n: int) -> None:
        """Until so many more harmful prompts were answered, or the route is reverted."""
        goal = self._board.harmful + harmful_n
        await self._until(lambda: self._board.harmful >= goal or self._reverted(), harmful_n * 4 + 100, "no answers")

    async def _until(self, reached: Callable[[], bool], harmful_max: float, failure: str) -> None:
        """Look until it is reached. Raises StoryError after so many harmful prompts, or where nothing moves."""
        began = self._board.harmful
        self._progress = (-1, self._now())
        while not reached():
            asked = self._board.harmful - began
            if asked > harmful_max:
                why = self._board.route["armed"]["reason"] or self._board.route["reason"]
                raise StoryError(f"{failure} after {asked} harmful prompts ({why})")
            await asyncio.sleep(LOOK_S)
            with suppress(ControlError):  # of a busy machine; what has ended is told by the checks
                await self._look()
            self._check_progress()

    def _check_progress(self) -> None:
        self._checks()
        board, now = self._board, self._now()
        done = board.learnt if board.scene is Scene.LEARNING else board.harmful + board.harmless + board.limited
        if done != self._progress[0]:
            self._progress = (done, now)
        elif now - self._progress[1] > STALL_S:
            what = "answer that the baseline took" if board.scene is Scene.LEARNING else "answer"
            raise StoryError(f"no {what} for {STALL_S:.0f} s; failures so far: {board.failures[-3:]}")

    async def _look(self) -> None:
        self._board.note_route(await self._get(route_path(ROUTE)), self._now())
        self._grant(AHEAD_MAX - await self._waiting())

    def _grant(self, questions: int) -> None:
        self._granted = questions
        (self._may_ask.set if questions > 0 else self._may_ask.clear)()

    async def _get(self, path: str) -> Any:
        return await asyncio.to_thread(self._control.get, path)

    async def _ask_on(self, prompts: Iterator[Prompt]) -> None:
        """One client: a question, its answer, the next."""
        for prompt in prompts:
            await self._may_ask.wait()
            self._grant(self._granted - 1)
            self._board.note(await self._customer.ask(prompt))
            pace = self._stage.pace
            await asyncio.sleep(pace.learn_pause_s if self._board.scene is Scene.LEARNING else pace.pause_s)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
