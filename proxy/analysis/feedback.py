"""What users thought of answers: `POST /v1/feedback {response_id, score}`.

An answer's id is remembered as a keyed hash with the place of its counts, for MEMORY_S and at most ENTRIES_MAX of them,
by the process that counted it; the id itself is not kept. Each answer takes one score. It counts in the pane of the
answer while that is open, else in the pane of now, with the weight of the answer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence, Set
from typing import Final, NamedTuple

from proxy.analysis import counting
from proxy.core.exchange import Exchange
from proxy.core.observation import Observation
from proxy.core.windows import SCALE, Cell, cell, pane_of

FEEDBACK: Final = "feedback"
MEMORY_S: Final = 3_600.0
ENTRIES_MAX: Final = 50_000
BAD_BELOW: Final = 1 / 3
GOOD_FROM: Final = 2 / 3


class _Answer(NamedTuple):
    key: counting.Key
    r: int
    until_s: float


CountLater = Callable[[counting.Key, Cell, int], bool]


class Feedback:
    """One for the process. `keyed_hash` as `prompt_key.prompt_hasher` gives it; `now` gives Unix seconds."""

    def __init__(
        self, keyed_hash: Callable[[str], str], count_later: CountLater, now: Callable[[], float], pane_s: float
    ) -> None:
        self._hash = keyed_hash
        self._count_later = count_later
        self._now = now
        self._pane_s = pane_s
        self._answers: OrderedDict[str, _Answer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def offer(
        self, _: Exchange, key: counting.Key, r: int, observed: Sequence[Observation], repeated: Set[str]
    ) -> None:
        """For the pipeline: these answers have counted, unless their prompt is among the repeated ones."""
        now_s = self._now()
        for one in observed:
            if one.answer_id and counting.mark(one) not in repeated:
                self._answers[one.answer_id] = _Answer(key, r, now_s + MEMORY_S)
        while self._answers and (len(self._answers) > ENTRIES_MAX or self._is_over(now_s)):
            self._answers.popitem(last=False)

    def take(self, response_id: str, score: float) -> bool:
        """A score in [0, 1]; False where no such answer is waiting for one."""
        now_s = self._now()
        answer = self._answers.pop(self._hash(response_id), None)
        if answer is None or answer.until_s < now_s:
            return False
        place = cell(FEEDBACK, bin_of(score), answer.r, 1)
        if self._count_later(answer.key, place, SCALE):
            return True
        route, served, _ = answer.key
        return self._count_later((route, served, pane_of(now_s, self._pane_s)), place, SCALE)

    def _is_over(self, now_s: float) -> bool:
        return next(iter(self._answers.values())).until_s < now_s


def bin_of(score: float) -> str:
    """Which third of the scale."""
    if score < BAD_BELOW:
        return "bad"
    return "good" if score >= GOOD_FROM else "fair"
