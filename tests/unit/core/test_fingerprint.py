"""The context of a baseline: what changes it at once, and what share of traffic changes it, within the budget."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.baselines import fingerprint as fp
from proxy.core.baselines.fingerprint import (
    SAMPLING,
    SEEN_MIN,
    SYSTEM,
    TOOLS,
    Fingerprint,
    Watch,
    changes,
    follow,
    left,
)
from proxy.core.windows import SCALE, Cell, Counts

KNOWN = Fingerprint({"judge": "j-1", "candidate_root": "a"}, {SYSTEM: {"old": 950, "odd": 3, "other": 47}})


def requests(r: int = 0, **marks: int) -> Counts:
    return {Cell(SYSTEM, mark, r, 1): n * SCALE for mark, n in marks.items() if n}


def after(panes: list[Counts], known: Fingerprint = KNOWN) -> Watch:
    return follow(Watch(1, -1), known, list(enumerate(panes)))


def test_a_fact_that_is_known_on_both_sides_and_differs_is_a_change() -> None:
    now = Fingerprint({"judge": "j-2", "candidate_root": "a", "server": "0.9"})
    assert changes(KNOWN, now) == ("the classifier changed from 'j-1' to 'j-2'",)
    assert changes(KNOWN, KNOWN) == ()
    assert changes(KNOWN, Fingerprint({"judge": ""})) == (), "what is not known now is no change"
    moved = Fingerprint({"judge": "j-1", "candidate_root": "b"})
    assert len(changes(KNOWN, moved)) == 1
    assert changes(KNOWN, moved, without=("candidate",)) == ()
    assert changes(Fingerprint({"policy": "a"}), Fingerprint({"policy": "b"})) == (), "recorded, and no change"


def test_one_odd_request_is_no_change_and_eleven_in_a_row_are() -> None:
    assert left(after([requests(old=5), requests(fresh=1), requests(old=5)]), 60.0) == ()
    assert left(after([requests(fresh=1) for _ in range(11)]), 60.0) == (
        "more than 20% of requests carry a new system prompt",
    )


def test_a_mark_that_was_too_rare_in_the_baseline_is_not_known_to_it() -> None:
    assert left(after([requests(odd=30)]), 60.0) != ()
    assert left(after([requests(other=300)]), 60.0) == ()


def test_weights_count() -> None:
    """Eleven answers that stand for one each prove it; at a 16th of the weight they do not."""
    assert left(after([requests(r=4, fresh=11)]), 60.0) == ()


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_up_to_the_line_nothing_is_said_for_weeks(share: float) -> None:
    """Two weeks of minutes at the line: a false mark once a year at most; a fixed seed."""
    rng = random.Random(7)
    panes = []
    for _ in range(20_160):
        new = sum(rng.random() < share for _ in range(4))
        panes.append(requests(fresh=new, old=4 - new))
    assert left(after(panes), 60.0) == ()


def test_above_the_line_it_is_found_within_the_day() -> None:
    rng = random.Random(7)
    panes = []
    for _ in range(1_440):
        new = sum(rng.random() < 0.35 for _ in range(4))
        panes.append(requests(fresh=new, old=4 - new))
    assert left(after(panes), 60.0) != ()


@given(st.lists(st.integers(0, 5), min_size=2, max_size=20), st.data())
def test_panes_are_followed_once_however_they_are_bundled(news: list[int], data: st.DataObject) -> None:
    panes = [(number, requests(fresh=new, old=2)) for number, new in enumerate(news)]
    cut = data.draw(st.integers(0, len(panes)))
    once = follow(Watch(1, -1), KNOWN, panes)
    twice = follow(follow(Watch(1, -1), KNOWN, panes[:cut]), KNOWN, panes[max(0, cut - 2) :])
    assert twice == once
    back = fp.watch_from_json(json.loads(json.dumps(fp.watch_to_json(once))))
    assert (back.version, back.pane, back.seen) == (once.version, once.pane, once.seen)
    assert left(back, 60.0) == left(once, 60.0)


def test_what_a_baseline_does_not_know_of_is_learnt_from_traffic_and_tested_from_then_on() -> None:
    blank = Fingerprint({"judge": "j-1"})
    few = after([requests(old=SEEN_MIN - 1)], blank)
    assert fp.completed(blank, few.seen) is blank
    enough = follow(few, blank, [(1, requests(old=1))])
    known = fp.completed(blank, enough.seen)
    assert known.seen == {SYSTEM: {"old": SEEN_MIN}}
    assert left(follow(enough, known, [(2, requests(fresh=11))]), 60.0) != ()


def test_marks_that_come_and_go_for_ever_have_a_bound() -> None:
    watch = Watch(1, -1)
    for number in range(50):
        watch = follow(watch, Fingerprint(), [(number, {Cell(TOOLS, f"m{number:02d}", 0, 1): SCALE})])
    assert len(watch.seen[TOOLS]) <= fp.MARKS_MAX + 1
    assert sum(watch.seen[TOOLS].values()) == 50
    assert SAMPLING not in watch.seen


@given(st.dictionaries(st.sampled_from(["judge", "server"]), st.text(max_size=4)))
def test_a_fingerprint_comes_back(facts: dict[str, str]) -> None:
    one = Fingerprint(facts, {SYSTEM: {"b": 2, "a": 1}})
    assert fp.from_json(json.loads(json.dumps(fp.to_json(one)))) == one
