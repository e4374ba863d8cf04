"""A look that would say the same again is not taken; nothing else may come of that."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.control.baselines.orders import BaselineOrders
from proxy.control.entry import to_bytes
from proxy.control.looking import in_time
from proxy.control.orders import Orders, Word
from proxy.control.policies.in_force import Loaded, Policies
from proxy.core.baselines.learning import Learning
from proxy.core.decisions.engine import step
from proxy.core.decisions.ladder import Command
from proxy.core.policies.policy import Blind
from proxy.core.windows import SCALE, Cell
from proxy.stores.embedded import open_embedded
from tests.control.house import ENFORCE, House, house, one_route, settings_of

KIM = Word("kim", "a drill", force=True)
POLICY = dataclasses.replace(ENFORCE, blind=Blind(quiet_s=20.0))
PANE_S = 5.0

Event = tuple[str, int]
events = st.lists(
    st.one_of(
        st.tuples(st.just("answers"), st.integers(0, 10)),
        st.tuples(st.just("answers"), st.sampled_from([0, 10])),
        st.tuples(st.just("seconds"), st.integers(1, 30)),
        st.tuples(st.sampled_from(["vouch", "lost", "disarm", "rearm", "shadow", "arm", "promote"]), st.just(0)),
        st.tuples(st.sampled_from(["restore", "revert", "reload", "back"]), st.just(0)),
    ),
    min_size=5,
    max_size=40,
)


async def happen(built: House, event: Event) -> None:
    what, n = event
    orders = Orders(built.plane)
    pane = int(built.clock() // PANE_S)
    if what == "answers":
        counts = {Cell("refusal", "crime", 0, 1): n * 6 * SCALE, Cell("refusal", "crime", 0, 0): (10 - n) * 6 * SCALE}
        counts[Cell("assessed", "ok", 0, 1)] = 60 * SCALE
        await built.store.add("support", "default/support", pane, counts)
    elif what == "lost":
        await built.store.add("support", "default/support", pane, {Cell("lost", "wire", 0, 1): 10 * SCALE})
    elif what == "vouch":
        await built.vouch()
    elif what == "disarm":
        await orders.disarm("support", 7.0, KIM)
    elif what == "rearm":
        await orders.rearm(KIM)
    elif what in {"shadow", "arm"}:
        await (orders.shadow if what == "shadow" else orders.arm)("support", KIM)
    elif what == "promote":
        if (await built.view())["baseline"]["status"] == "provisional":
            await BaselineOrders(built.plane).promote("support", "", KIM)
    elif what in {"restore", "revert"}:
        await orders.command("support", Command(what), KIM)
    elif what == "reload":
        policy = dataclasses.replace(
            POLICY, mode="shadow" if built.plane.setup.policy("").mode == "enforce" else "enforce"
        )
        await built.plane.reload(built.settings, Policies(Loaded(policy, "policy text")))
    elif what == "back":
        built.clock.now_s -= 200.0


async def lived(story: Sequence[Event], *, skips: bool) -> list[Any]:
    """All that can be seen after each event."""
    built = House(settings_of(one_route(), pane_s=PANE_S), await open_embedded(None), policy=POLICY)
    await built.plane.open()
    seen: list[Any] = []
    for event in story:
        await happen(built, event)
        for _ in range(max(1, event[1]) if event[0] == "seconds" else 1):
            if not skips:
                built.plane.looks._settled.clear()
            await built.second()
            entry = built.plane.memory.entry("support").known
            assert entry is not None
            seen.append((to_bytes(entry), await built.view()))
    seen.append(await built.store.records("decision", 1_000))
    seen.append([{k: v for k, v in line.items() if k != "id"} for line in await built.plane.memory.journal(1_000)])
    seen.append(built.published)
    await built.plane.stop()
    await built.store.close()
    return seen


@settings(max_examples=25, deadline=None)
@given(events)
async def test_a_look_that_is_left_out_changes_nothing(story: list[Event]) -> None:
    assert await lived(story, skips=True) == await lived(story, skips=False)


async def test_a_story_with_a_revert_is_the_same() -> None:
    story = [("vouch", 0), *[("answers", 10)] * 10, ("seconds", 10), *[("answers", 1)] * 20, ("seconds", 60)]
    told = await lived(story, skips=True)
    assert told == await lived(story, skips=False)
    assert told[-4][1]["step"] == "reverted"


async def test_the_engine_rests_while_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []

    def noting(*given: Any, **more: Any) -> Any:
        calls.append(given[-1].now_s)
        return step(*given, **more)

    monkeypatch.setattr("proxy.control.looking.step", noting)
    async with house(pane_s=60.0) as built:
        await built.days(120, 0, 0)
        assert len(calls) <= 6, "once a pane, and once more where a look changed something"
        before = len(calls)
        await built.store.add(
            "support", "default/support", int(built.clock() // 60.0), {Cell("refusal", "crime", 0, 1): 1}
        )
        await built.second()
        assert len(calls) == before + 1


async def test_nothing_of_a_route_lies_ahead_once_the_clock_was_set_back() -> None:
    async with house() as built:
        entry = built.plane.memory.entry("support").known
        assert entry is not None
        now = int(built.clock())
        state = dataclasses.replace(
            entry.state, last_pane=now + 900, harmful_pane=now + 800, learning=Learning(judge="x", after_pane=now + 900)
        )
        ahead = dataclasses.replace(entry, state=state, judge_pane=now + 700, context_pane=now + 600)
        back = in_time(ahead, 1.0, built.clock())
        panes = back.state.last_pane, back.state.harmful_pane, back.state.learning.after_pane
        assert {*panes, back.judge_pane, back.context_pane} == {now}
