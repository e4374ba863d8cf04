"""A record carries its panes, and has a bound all the same; panes beyond it wait for the next look."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from proxy.config.policies import policy_path
from proxy.core.baselines.baseline import Baseline, Kind, Standing, Tally
from proxy.core.decisions.decide import CELLS_MAX, fresh_panes
from proxy.core.decisions.engine import RouteState, step
from proxy.core.decisions.record import BYTES_MAX, to_bytes
from proxy.core.decisions.replay import differences
from proxy.core.drift.shapes import SHAPES
from proxy.core.evidence.signals import HIGHS
from proxy.core.windows import SCALE, Cell
from tests.unit.core.looks import CONTEXT, ENFORCE

CATEGORIES = ("crime", "cyber", "hate", "privacy", "self_harm", "sexual", "violence")
BY_CATEGORY = ("refusal", "refusal@1", "refusal@2", "refusal@3", "canary", "harmful_output", *HIGHS)
BINS = tuple(f"{number:02d}" for number in range(32))
LEVELS = range(8)


def everything(number: int) -> tuple[int, dict[Cell, int]]:
    """A pane in which every signal was counted at every weight."""
    cells = {
        Cell(signal, category, r, y): (3 + number % 7) * SCALE
        for signal, category, r, y in product(BY_CATEGORY, CATEGORIES, LEVELS, (0, 1))
    }
    cells |= {Cell(shape, name, r, 1): 123_456_789 for shape, name, r in product(SHAPES, BINS, LEVELS)}
    cells |= {Cell("assessed", "ok", r, 1): 1_000 * SCALE for r in LEVELS}
    return number, cells


def full_baseline() -> Baseline:
    shapes = {shape: dict.fromkeys(BINS, 10_000) for shape in SHAPES}
    return Baseline(
        Kind.LIVE,
        Standing.PROMOTED,
        dict.fromkeys(CATEGORIES, Tally(9_500, 10_000)),
        Tally(99_000, 100_000),
        judge="patterns-1",
        highs={signal: dict.fromkeys((*CATEGORIES, "none"), Tally(100, 10_000)) for signal in HIGHS},
        shapes=shapes,
        hours=dict.fromkeys(range(168), shapes),
    )


def test_the_largest_record_is_within_its_bound() -> None:
    panes = [everything(number) for number in range(1, 31)]
    cells = sum(len(counts) for _, counts in panes)
    assert cells > 2 * CELLS_MAX, "more than fits into one record"
    text = policy_path("strict").read_text()
    context = replace(CONTEXT, now_s=100.0, policy_text=text)
    outcome = step(RouteState(last_pane=0), panes, None, full_baseline(), ENFORCE, context)
    assert outcome.record is not None
    size = len(to_bytes(outcome.record))
    assert 0.25 * BYTES_MAX < size <= BYTES_MAX
    assert differences(outcome.record) == ()
    assert 0 < outcome.state.last_pane < 30, "the rest is taken by the next looks"


def test_every_pane_is_taken_once_and_in_order() -> None:
    panes = [everything(number) for number in (5, 3, 4)]
    wide = {Cell("refusal", f"{number}", 0, 1): SCALE for number in range(CELLS_MAX + 1)}
    state, seen = RouteState(last_pane=2), []
    waiting = [*panes, (6, wide), (7, wide)]
    while taken := [pane for pane, _ in fresh_panes(state, waiting)]:
        seen.append(taken)
        state = replace(state, last_pane=taken[-1])
    assert [pane for look in seen for pane in look] == [3, 4, 5, 6, 7]
    assert [6] in seen and [7] in seen, "a pane that is too large alone is taken all the same"
    assert fresh_panes(state, waiting) == ()
