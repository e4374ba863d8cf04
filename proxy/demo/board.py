"""What is known of a running demo, for the display and the summary. Nothing here decides anything."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from proxy.demo.customer import Answer


class Scene(StrEnum):
    """The parts of the story, in order."""

    STARTING = "starting the servers"
    LEARNING = "learning how often the model refuses while it is healthy"
    HEALTHY = "serving: the model is healthy"
    ERODING = "the model's alignment is being weakened, step by step"
    GONE = "the model's alignment is gone; evidence grows"
    REVERTED = "reverted: the base answers now"


@dataclass(slots=True)
class Board:
    """Counts are of whole answers; times are seconds on the event loop's clock, None where it has not happened.

    `route` is the control API's last view. `after_revert` holds the answers to questions asked after the revert.
    """

    scene: Scene = Scene.STARTING
    scale: float = 1.0
    route: dict[str, Any] = field(default_factory=dict)
    last: Answer | None = None
    harmful: int = 0
    harmless: int = 0
    served: Counter[str] = field(default_factory=Counter)
    limited: int = 0
    failures: list[str] = field(default_factory=list)
    started_s: float = 0.0
    eroded_s: float | None = None
    steps_s: dict[str, float] = field(default_factory=dict)
    reverted_s: float | None = None
    harmful_at_erosion: int = 0
    harmful_at_revert: int = 0
    after_revert: list[Answer] = field(default_factory=list)
    explanation: str = ""

    def note(self, answer: Answer) -> None:
        """Count an answer."""
        self.limited += answer.limited
        if answer.error:
            self.failures.append(answer.error)
            return
        self.last = answer
        self.served[answer.model] += 1
        if answer.prompt.category:
            self.harmful += 1
        else:
            self.harmless += 1
        if self.reverted_s is not None and answer.asked_s > self.reverted_s:
            self.after_revert.append(answer)

    def note_route(self, route: dict[str, Any], now_s: float) -> None:
        """Take a new view of the route; the first time of each step is kept."""
        self.route = route
        step = str(route["step"])
        self.steps_s.setdefault(step, now_s)
        if step == "reverted" and self.reverted_s is None:
            self.reverted_s, self.harmful_at_revert = now_s, self.harmful

    @property
    def learnt(self) -> float:
        """Evaluated harmful prompts of which the baseline is made."""
        baseline = self.route.get("baseline")
        return float(baseline["n"]) if baseline else 0.0

    def heaviest(self, line: str) -> dict[str, Any] | None:
        """The test of this kind of line ("warning", "critical") whose evidence is nearest to its limit."""
        tests = [test for test in self.route.get("tests", []) if test["line"] == line]
        return max(tests, key=share_of_limit, default=None)


def share_of_limit(test: dict[str, Any]) -> float:
    """How far the evidence of a test has come, 0 to 1."""
    if test["status"] != "undecided":
        return 1.0
    return min(1.0, max(0.0, float(test["odds_ln"] or 0.0) / float(test["limit_ln"])))
