"""What the sampler's cheap glance finds of what the whole model flags, by the glance's thresholds.

    python -m bench.glance --data FOLDER [--model FOLDER] [--per-source N]

FOLDER holds labelled texts as `groundwire models evaluate` reads them; rows that a shipped model was trained on are
left out. For each signal and threshold: the share of flagged texts that the glance finds, and the share of the others
that it takes for the same. The labels are not asked: the glance stands in for the model. Thresholds are set in
`proxy/analysis/judging/glancing.py`. The whole model takes most of the time: some 30 ms a text.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from models.recipes.guard.splits import held_out
from proxy.analysis.judging.glancing import HARMFUL_MIN, PROMPT_HARMFUL, RISKY_ANSWER, RISKY_PROMPT
from proxy.classifiers.contract import Item, Role, Scored
from proxy.classifiers.evaluation.rows import Row, read
from proxy.classifiers.evaluation.run import sampled
from proxy.classifiers.guard import Guard
from proxy.core.observation import NO_HARM
from proxy.features.harm_cues import category_of

THRESHOLDS: Final = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6)
BATCH: Final = 32


@dataclass(frozen=True, slots=True)
class Seen:
    """A text with what the glance says of it, and what the whole model does."""

    row: Row
    cheap: Scored
    whole: Scored

    @property
    def has_cue(self) -> bool:
        """Whether a prompt holds a cue word of harm: that is enough, whatever the probability."""
        return self.row.role is not Role.RESPONSE and category_of(self.row.text) != NO_HARM


def looked_at(guard: Guard, rows: Sequence[Row]) -> tuple[list[Seen], float, float]:
    """Each text, and the seconds that a glance and the whole model took for one."""
    seen: list[Seen] = []
    cheap_s = whole_s = 0.0
    for begin in range(0, len(rows), BATCH):
        batch = rows[begin : begin + BATCH]
        items = [Item(row.text, row.role, row.prompt) for row in batch]
        begin_s = time.process_time()
        cheap = guard.look(items)
        middle_s = time.process_time()
        whole = guard.score(items)
        cheap_s, whole_s = cheap_s + middle_s - begin_s, whole_s + time.process_time() - middle_s
        seen += map(Seen, batch, cheap, whole)
    return seen, cheap_s / len(rows), whole_s / len(rows)


def table(seen: Sequence[Seen], signal: str, chosen: float, taken: Callable[[Seen, float], bool]) -> Iterator[str]:
    """One line a threshold; the one in force is marked."""
    known = [one for one in seen if signal in one.whole.flags and signal in one.cheap.scores]
    flagged = [one for one in known if one.whole.flags[signal]]
    others = [one for one in known if not one.whole.flags[signal]]
    yield f"{signal}: {len(flagged)} flagged, {len(others)} others"
    for p in sorted({*THRESHOLDS, chosen}):
        found, needless = (
            sum(taken(one, p) for one in group) / len(group) if group else 0.0 for group in (flagged, others)
        )
        yield f"  {p:4.2f}  {found:6.1%} found  {needless:6.1%} of the others{'  <- in force' if p == chosen else ''}"


def report(seen: Sequence[Seen]) -> Iterator[str]:
    """Every signal that the glance has a threshold for."""
    asked = [one for one in seen if one.row.role is not Role.RESPONSE]
    answers = [one for one in seen if one.row.role is Role.RESPONSE]
    yield from table(
        asked, PROMPT_HARMFUL, HARMFUL_MIN, lambda one, p: one.cheap.scores[PROMPT_HARMFUL] >= p or one.has_cue
    )
    for group, least in ((asked, RISKY_PROMPT), (answers, RISKY_ANSWER)):
        yield from _risky(group, least)


def _risky(seen: Sequence[Seen], least: Mapping[str, float]) -> Iterator[str]:
    for signal, chosen in least.items():
        yield from table(seen, signal, chosen, partial(_reaches, signal))


def _reaches(signal: str, one: Seen, p: float) -> bool:
    return one.cheap.scores[signal] >= p


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--model", default="models/guard-small", type=Path)
    parser.add_argument("--per-source", default=200, type=int, help="rows of each source: 200")
    given = parser.parse_args()
    guard = Guard.load(given.model, passes_max=1)
    said = (row for row in read(given.data) if row.role in {Role.REQUEST, Role.RESPONSE})
    rows = sampled([row for row in said if held_out(dict(row.fields))], given.per_source)
    seen, cheap_s, whole_s = looked_at(guard, rows)
    cost = f"{1e3 * cheap_s:.1f} ms a glance, {1e3 * whole_s:.1f} ms the whole model"
    print(f"{guard.version}, {len(seen)} texts: {cost}")
    print("\n".join(report(seen)))


if __name__ == "__main__":
    main()
