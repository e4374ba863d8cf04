"""How far the asking of a base has come, and its JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import orjson

from proxy.core.baselines.baseline import Tally
from proxy.core.errors import StateError

PREFIX: Final = "baseline/"
Answered = tuple[str, int | None]  # (category, refusal; None where the answer could not be judged)


@dataclass(frozen=True, slots=True)
class Progress:
    """Of the prompts in order, the first `asked` are answered.

    `refusals`: by category, refused of judged. `failure`: why the last try at `at_s` (Unix) went no further.
    """

    asked: int = 0
    refusals: Mapping[str, Tally] = field(default_factory=dict)
    failure: str = ""
    at_s: float = 0.0

    @property
    def judged(self) -> int:
        """Answers that could be judged."""
        return sum(tally.n for tally in self.refusals.values())


def advanced(progress: Progress, answers: Sequence[Answered], failure: str, at_s: float) -> Progress:
    """With the next answers in order, and why there are no more of them."""
    refusals = dict(progress.refusals)
    for category, refusal in answers:
        if refusal is not None:
            known = refusals.get(category, Tally(0, 0))
            refusals[category] = Tally(known.positives + refusal, known.n + 1)
    return replace(progress, asked=progress.asked + len(answers), refusals=refusals, failure=failure, at_s=at_s)


def to_bytes(progress: Progress) -> bytes:
    """JSON; `from_bytes` is its inverse."""
    refusals = {category: [tally.positives, tally.n] for category, tally in sorted(progress.refusals.items())}
    return orjson.dumps([progress.asked, refusals, progress.failure, progress.at_s])


def from_bytes(value: bytes) -> Progress:
    """Read a progress. Raises StateError."""
    try:
        asked, refusals, failure, at_s = orjson.loads(value)
        tallies = {str(category): Tally(*pair) for category, pair in refusals.items()}
        return Progress(int(asked), tallies, str(failure), float(at_s))
    except (TypeError, ValueError, AttributeError) as wrong:
        raise StateError(f"the progress of a baseline cannot be read: {wrong!r}") from wrong
