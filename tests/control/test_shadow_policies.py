"""Shadow policies: the same panes, a state of their own, no effect; what they said otherwise; and one made live."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.config.policies import parse_policy
from proxy.control.memory import POLICY, SHADOW
from proxy.control.orders import ConflictError, NoRouteError, OrderError, Orders, Word
from proxy.control.policies.in_force import Loaded, Policies
from proxy.control.policies.orders import PolicyOrders
from proxy.control.policies.shadow_entry import from_bytes, key_of, to_bytes
from proxy.core.decisions.ladder import Command
from proxy.core.decisions.record import from_bytes as record_from_bytes
from proxy.core.decisions.replay import differences
from proxy.core.enforcement import Step
from proxy.core.policies.policy import Line, Lines, Policy
from tests.control.house import ENFORCE, House, house, one_route

KIM = Word("kim", "a drill", force=True)
TEXT = """
mode: enforce
baseline: {closes_at: 200, provisional_reverts: true}
lines:
  refusal_overall: {warning: 0.97, critical: 0.95}
  refusal_category: {warning: 0.97, critical: 0.95}
"""
LOOSE = Lines(refusal_overall=Line(0.7, 0.5), refusal_category=Line(0.7, 0.5))
LIVE = replace(ENFORCE, lines=LOOSE)
STRICTER = Loaded(parse_policy(TEXT, "tight"), TEXT, "tight")
TWIN = Loaded(ENFORCE, "the same in other words", "twin")
WATCHING = Policy(baseline=ENFORCE.baseline, lines=LOOSE)  # mode shadow: it limits and reverts nothing


async def learnt(built: House) -> None:
    await built.vouch()
    await built.days(6, 50, 0)


async def slipping(built: House, seconds: int = 12) -> None:
    """Refusal falls to 0.8: below the tight lines, above the live ones."""
    await built.days(seconds, 40, 10)


@settings(max_examples=5, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10), st.integers(1, 4)), min_size=2, max_size=6), st.integers(0, 5))
async def test_the_same_policy_in_shadow_says_the_same(story: list[tuple[int, int]], restore_at: int) -> None:
    async with house(shadows={"twin": TWIN}) as built:
        await learnt(built)
        for place, (refused, seconds) in enumerate(story):
            if place == restore_at:
                await Orders(built.plane).command("support", Command.RESTORE, KIM)
            for _ in range(seconds):
                await built.days(1, 5 * refused, 50 - 5 * refused)
                shadow = (await built.plane.memory.shadow("twin", "support").load())[1]
                entry = (await built.plane.memory.entry("support").load())[1]
                assert shadow is not None and entry is not None
                assert shadow.state.last_pane == entry.state.last_pane
                assert (shadow.state.severity, shadow.state.would) == (entry.state.severity, entry.state.would)
                assert shadow.state.evidence == entry.state.evidence
        assert [one["differences"] for one in await built.plane.shadows.diff(built.plane.setup, "support")] == [[]]


async def test_a_stricter_shadow_says_so_and_changes_nothing() -> None:
    async with house(policy=LIVE, shadows={"tight": STRICTER}) as built:
        await learnt(built)
        await slipping(built)
        assert all(not one.enforcements for one in built.published), "traffic hears nothing of a shadow"
        assert (await built.view())["step"] == "steady"
        [told] = await built.plane.shadows.diff(built.plane.setup, "support")
        assert (told["policy"], told["live"], told["now"]["step"]) == ("tight", "file", "reverted")
        last = told["differences"][-1]
        assert last["until_s"] is None
        assert last["live"] == {"severity": "low", "step": "steady", "record": ""}
        assert (last["shadow"]["severity"], last["shadow"]["step"]) == ("critical", "reverted")
        record = await built.plane.memory.decision(last["shadow"]["record"])
        assert record is not None
        assert record.at_s == last["from_s"]
        assert record.body["shadow"] == {"policy": "tight"}
        assert record.body["inputs"]["policy_text"] == TEXT


async def test_both_decisions_are_kept_and_compute_again() -> None:
    async with house(policy=LIVE, shadows={"tight": STRICTER}) as built:
        await learnt(built)
        await slipping(built)
        await built.days(8, 15, 35)
        kinds = {kind: await built.store.records(kind, 100) for kind in ("decision", SHADOW)}
        assert all(kinds.values())
        for found in kinds.values():
            assert all(differences(record_from_bytes(value)) == () for _, _, value in found)
        [told] = await built.plane.shadows.diff(built.plane.setup, "support")
        spans = told["differences"]
        assert spans
        assert all(one["from_s"] < one["until_s"] for one in spans), "they agree by now: both would have reverted"
        assert told["now"]["step"] == (await built.view())["would_step"] == "reverted"


async def test_a_shadow_goes_on_after_a_restart() -> None:
    async with house(policy=LIVE, shadows={"tight": STRICTER}) as built:
        await learnt(built)
        await slipping(built, 4)
        before = await built.store.load(key_of("tight", "support"))
        assert before is not None
        assert to_bytes(from_bytes(before[1])) == before[1]
        other = built.another()
        await other.open()
        for _ in range(8):
            await built.answers(40, 10)
            await built.second(other)
        [told] = await other.shadows.diff(other.setup, "support")
        assert told["since_s"] == from_bytes(before[1]).since_s
        assert told["now"]["step"] == "reverted"


async def test_another_text_of_the_same_name_begins_anew() -> None:
    async with house(policy=LIVE, shadows={"tight": STRICTER}) as built:
        await learnt(built)
        await slipping(built)
        changed = Policies(Loaded(LIVE, "policy text"), shadows={"tight": replace(STRICTER, text="edited")})
        await built.plane.reload(built.settings, changed)
        [told] = await built.plane.shadows.diff(built.plane.setup, "support")
        assert (told["since_s"], told["now"], told["differences"]) == (None, None, [])
        await built.days(2, 50, 0)
        [told] = await built.plane.shadows.diff(built.plane.setup, "support")
        assert told["since_s"] == built.clock() - 1.0
        assert told["now"]["step"] == "steady"


async def test_a_promoted_policy_is_live_at_once_with_what_its_shadow_has_seen() -> None:
    async with house(policy=WATCHING, shadows={"tight": STRICTER}) as built:
        await learnt(built)
        await slipping(built)
        said = await PolicyOrders(built.plane).promote("tight", "", KIM)
        assert "mode enforce, is live on every route" in said
        await built.plane.tick()
        assert (await built.view())["step"] == "reverted", "the shadow's evidence acts, without another pane"
        assert built.published[-1].by_route["support"].step is Step.REVERTED
        [line] = [one for one in await built.plane.memory.journal(10) if one["action"].startswith("policy")]
        assert line["actor"] == "kim"
        assert line["reason"] == "a drill"
        assert STRICTER.sha256[:12] in line["action"]
        record = await built.plane.memory.decision((await built.view())["enforcement_id"])
        assert record is not None
        assert record.body["inputs"]["policy_sha256"] == STRICTER.sha256
        assert differences(record) == ()
        assert len(await built.store.records(POLICY, 9)) == 1


async def test_a_promotion_holds_on_every_replica_and_after_a_restart() -> None:
    async with house(policy=WATCHING, shadows={"tight": STRICTER}) as built:
        other = built.another()
        await other.open()
        await PolicyOrders(built.plane).promote("tight", "", KIM)
        assert built.plane.setup.loaded("support") == STRICTER
        await built.second(other)
        assert other.setup.loaded("support") == STRICTER
        third = built.another()
        await third.open()
        assert third.setup.loaded("support") == STRICTER
        await third.reload(built.settings, Policies(Loaded(WATCHING, "policy text", "file"), shadows=built.shadows))
        assert third.setup.loaded("support") == STRICTER


async def test_a_file_that_was_edited_is_the_newer_word(caplog: pytest.LogCaptureFixture) -> None:
    async with house(policy=WATCHING, shadows={"tight": STRICTER}) as built:
        await PolicyOrders(built.plane).promote("tight", "", KIM)
        edited = Policies(Loaded(ENFORCE, "edited", "file"), shadows=built.shadows)
        await built.plane.reload(built.settings, edited)
        assert built.plane.setup.loaded("support").text == "edited"
        assert "promotion_superseded" in caplog.text


async def test_a_promotion_is_withdrawn() -> None:
    async with house(policy=WATCHING, shadows={"tight": STRICTER}) as built:
        orders = PolicyOrders(built.plane)
        with pytest.raises(ConflictError, match="no policy was promoted"):
            await orders.withdraw("", KIM)
        await orders.promote("tight", "", KIM)
        with pytest.raises(ConflictError, match="live one already"):
            await orders.promote("tight", "", KIM)
        assert "tight is withdrawn; file is live" in await orders.withdraw("", KIM)
        await built.second()
        assert built.plane.setup.loaded("support").text == "policy text"


async def test_on_one_route_only() -> None:
    routes = {**one_route("support"), **one_route("sales", policy="own")}
    async with house(routes, policy=WATCHING, shadows={"tight": STRICTER}) as built:
        plane, orders = built.plane, PolicyOrders(built.plane)
        own = Policies(Loaded(WATCHING, "policy text"), {"own": Loaded(ENFORCE, "own")}, built.shadows)
        await plane.reload(built.settings, own)
        await orders.promote("tight", "", KIM)
        assert (plane.setup.loaded("support"), plane.setup.loaded("sales").text) == (STRICTER, "own")
        await orders.withdraw("", KIM)
        await orders.promote("tight", "sales", KIM)
        assert (plane.setup.loaded("support").text, plane.setup.loaded("sales")) == ("policy text", STRICTER)
        with pytest.raises(NoRouteError):
            await orders.promote("tight", "none", KIM)
        with pytest.raises(OrderError, match="there are: tight"):
            await orders.promote("other", "", KIM)


async def test_a_route_that_is_forgotten_takes_its_shadows_along() -> None:
    async with house(policy=LIVE, shadows={"tight": STRICTER}) as built:
        await learnt(built)
        await built.second()
        assert await built.store.load(key_of("tight", "support")) is not None
        await built.plane.shadows.forget("support")
        assert await built.store.load(key_of("tight", "support")) is None
