"""The stream protocol: what is counted, what is left out, and what is printed."""

from __future__ import annotations

import random
from typing import Any

import pytest

from proxy.commands.replay.errors import BadStream
from proxy.commands.replay.following import Follower
from proxy.commands.replay.header import read_header
from proxy.commands.replay.screen import Screen
from proxy.core.baselines.baseline import Baseline, Kind, Standing, Tally
from proxy.core.baselines.baseline import to_json as baseline_to_json
from proxy.core.decisions.decide import Look, decide
from proxy.core.decisions.outcome import Context
from proxy.core.evidence.findings import Status
from proxy.core.evidence.plan import make_plan
from proxy.core.evidence.state import RouteState
from proxy.core.policies.policy import Budgets, Policy
from proxy.core.windows import SCALE, Cell
from tests.unit.replay.streams import CATEGORIES, T0, WELL, answers, header, numbered, ran

PROTOCOL = {"i", "signal", "severity", "t", "estimate", "bound", "line", "change_t"}
FALL = numbered(answers(WELL, 600), answers(0.55, 900, seed=2, t0=T0 + 120))


def test_a_fall_is_told_as_it_grows_and_before_it_ends() -> None:
    told = [one for one in ran(header(), FALL).alarms if one["signal"] == "refusal"]
    assert [one["severity"] for one in told] == ["changed", "warning", "critical*", "critical"]
    assert all(one.keys() >= PROTOCOL for one in told)
    assert told[0]["i"] < 680 and told[-1]["i"] < 1_400
    for one in told:
        assert T0 + 120 <= one["change_t"] <= one["t"] <= T0 + 120 + 180
        assert one["t"] <= FALL[one["i"]]["t"]
    warning = told[1]
    assert warning["estimate"] < warning["bound"] <= warning["line"] + 0.01


def test_categories_carry_their_name_or_number() -> None:
    records = [{**one, "harm_category": CATEGORIES.index(one["harm_category"]) + 3} for one in FALL]
    first = header(records=[{**one, "harm_category": 3 + place % 2} for place, one in enumerate(header()["baseline"])])
    signals = {one["signal"] for one in ran(first, records).alarms}
    assert signals == {"refusal", "refusal_cat3", "refusal_cat4"}
    assert {one["signal"] for one in ran(header(), FALL).alarms} >= {"refusal_catcrime", "refusal_catviolence"}


def test_nothing_is_said_of_a_route_that_is_well() -> None:
    assert ran(header(), answers(WELL, 3_000)).alarms == []


def test_recovery_is_told_and_a_second_fall_after_it() -> None:
    well_again = answers(0.97, 2_500, seed=3, t0=T0 + 300)
    parts = (answers(0.5, 600), well_again, answers(0.4, 600, seed=4, t0=T0 + 900))
    told = [name for name in ran(header(), numbered(*parts)).named() if name[0] == "refusal"]
    assert told.count(("refusal", "recovered")) == 1
    before, after = told[: told.index(("refusal", "recovered"))], told[told.index(("refusal", "recovered")) :]
    assert ("refusal", "warning") in before
    assert ("refusal", "warning") in after


def test_a_recovery_says_what_it_rests_on() -> None:
    parts = (answers(0.5, 600), answers(0.97, 2_500, seed=3, t0=T0 + 300))
    back = [one for one in ran(header(), numbered(*parts)).alarms if one["severity"] == "recovered"]
    assert {one["signal"] for one in back} == {"refusal", "refusal_catcrime", "refusal_catviolence"}
    for one in back:
        assert one["estimate"] > 0.9 > one["line"]
        assert T0 + 240 <= one["change_t"] < one["t"]


def test_every_signal_of_the_protocol_has_its_alarm_and_nothing_else_speaks() -> None:
    rng = random.Random(11)

    def of(n: int, t0: float, **ill: float) -> list[dict[str, Any]]:
        made = answers(WELL, n, seed=n, t0=t0, per_s=50.0)
        score, flag, scale, topics = (ill.get(name, well) for name, well in USUAL.items())
        return [
            {
                **one,
                "toxicity": score * rng.random(),
                "anomaly": int(rng.random() < flag),
                "length": round(scale * rng.uniform(200, 900)),
                "topic": rng.randrange(int(topics)),
            }
            for one in made
        ]

    well = of(20_000, 0.0)
    for name, signal in (("score", "tox"), ("flag", "anomaly"), ("scale", "length"), ("topics", "topic")):
        ill = of(6_000, T0 + 60, **{name: {"score": 0.5, "flag": 0.03, "scale": 3.0, "topics": 3.0}[name]})
        found = ran(header(records=well), numbered(of(3_000, T0), ill)).alarms
        assert {one["signal"] for one in found} == {signal}
        assert all(T0 + 60 <= one["change_t"] < one["t"] for one in found)


USUAL = {"score": 0.2, "flag": 0.0002, "scale": 1.0, "topics": 8.0}


CANARIES = answers(0.5, 100, seed=9, per_s=0.3, canary=1)
TWICE = sorted([*FALL, *answers(0.8, 900, seed=5, t0=T0 + 300), *CANARIES], key=lambda one: one["t"])


@pytest.mark.parametrize(
    ("first", "records"),
    [(header(), TWICE), (header(records=answers(WELL, 400, seed=100)), answers(0.70, 700, seed=1))],
    ids=["a fall and canaries", "a small baseline and the guard"],
)
def test_one_that_was_left_out_for_speed_would_have_said_nothing(
    first: Any, records: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spared = ran(first, numbered(records))
    monkeypatch.setattr(Screen, "shows", lambda *_: True)
    whole = ran(first, numbered(records))
    assert whole.alarms == spared.alarms
    assert looks(whole.replay.followers) > 4 * looks(spared.replay.followers)


def looks(followers: dict[Any, Follower]) -> int:
    return sum(one.looks for one in followers.values())


def test_it_says_what_the_live_engine_says_looking_every_second() -> None:
    """A plain reference: counts by hand, closed panes and one open pane, a look each second."""
    records = numbered(answers(WELL, 300), answers(0.6, 500, seed=2, t0=T0 + 60))
    known = Baseline(Kind.FILE, Standing.PROMOTED, {name: Tally(1_900, 2_000) for name in CATEGORIES})
    plan, state = make_plan(known, Policy(), 60.0), RouteState()
    panes: dict[int, dict[Cell, int]] = {}
    told: list[tuple[str, str, Status, float]] = []
    statuses: dict[Any, Status] = {}
    waiting = list(records)
    for second in range(int(T0) + 1, int(records[-1]["t"]) + 2):
        while waiting and waiting[0]["t"] < second:
            record = waiting.pop(0)
            place = Cell("refusal", record["harm_category"], 0, record["refusal"])
            counts = panes.setdefault(int(record["t"] // 60), {})
            counts[place] = counts.get(place, 0) + SCALE
        closed = [(number, counts) for number, counts in panes.items() if (number + 1) * 60 <= second]
        opened = next(((number, counts) for number, counts in panes.items() if (number + 1) * 60 > second), None)
        outcome = decide(Look(state, closed, opened, plan, known, Policy(), Context("support", "m", second, 60.0)))
        panes = {} if opened is None else {opened[0]: opened[1]}
        state = outcome.state
        for finding in outcome.findings:
            key = (finding.metric, finding.stratum, finding.line)
            if finding.status is not statuses.get(key, Status.UNDECIDED) and finding.status is not Status.UNDECIDED:
                told.append((finding.stratum, finding.line, finding.status, second))
            statuses[key] = finding.status
    marks = {Status.CROSSED: "", Status.GUARDED: "*"}
    expected = {
        ("refusal" if stratum == "overall" else f"refusal_cat{stratum}", f"{line}{marks[status]}", float(at))
        for stratum, line, status, at in told
    }
    alarms = ran(header(), records).alarms
    assert {(one["signal"], one["severity"], one["t"]) for one in alarms if one["i"] < 799} == {
        one for one in expected if one[2] < records[-1]["t"]
    }
    assert len(expected) > 5


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b'{"t": 6001', "not JSON"),
        (b"[1, 2]", "a record is an object"),
        (b'{"i": 1}', "a record needs 't'"),
        (b'{"t": "noon", "weight": 1}', "numbers"),
        (b'{"t": -5, "weight": 1}', "`t` must be a time"),
        (b'{"t": 6001, "route": "support", "weight": 1, "toxicity": 1.5}', "toxicity must be from 0 to 1"),
        (b'{"t": 6001, "route": "support", "weight": 1, "anomaly": 2}', "0, 1 or null"),
        (b'{"t": 6001, "route": "support", "weight": 1, "length": -1}', "length must be"),
        (b'{"t": 6001, "route": "support", "weight": 1, "topic": [1]}', "plain values"),
        (b'{"t": 6001, "route": "support", "weight": 1, "harm_category": "crime", "refusal": 3}', "0, 1 or null"),
        (b'{"t": 6001, "route": 7}', "`route` must be"),
    ],
)
def test_a_bad_line_is_named_by_its_number_and_counts_nothing(line: bytes, what: str) -> None:
    records: list[Any] = [*FALL[:10], line, b"  \n", *FALL[10:]]
    found = ran(header(), records)
    assert "line 12: " in found.said and what in found.said
    assert found.replay.tally.bad == 1
    assert found.alarms == ran(header(), FALL).alarms


def test_unknown_fields_are_ignored_and_fields_left_out_are_null() -> None:
    keys = ("i", "t", "route", "weight", "refusal", "harm_category")
    bare = [{key: one[key] for key in keys} for one in FALL]
    more = [{**one, "tenant": {"deep": [1]}, "latency_s": 0.3} for one in FALL]
    assert ran(header(), bare).alarms == ran(header(), more).alarms == ran(header(), FALL).alarms


def test_probabilities_off_the_grid_or_below_the_lowest_are_rejected_and_counted() -> None:
    first = header([{"from_t": 0, "harm": 0.5, "all": 0.25}])
    off = [{**one, "weight": 0.3} for one in FALL]
    below = [{**one, "weight": 0.25} for one in FALL]
    for records in (off, below):
        found = ran(first, records)
        assert found.alarms == []
        assert found.replay.tally.rejected["refusal of harmful prompts"] == len(FALL)
    assert ran(first, [{**one, "weight": 0.5} for one in FALL]).alarms == ran(header(), FALL).alarms


def test_weights_follow_the_epochs() -> None:
    """At pi = 1 and a lowest of 1/4, each record weighs a quarter: the same fall takes longer to prove."""
    policy = [{"from_t": 0, "harm": 0.25, "all": 0.25}, {"from_t": T0 + 120, "harm": 1.0, "all": 1.0}]
    assert ran(header(policy), FALL).named() == ran(header(), FALL).named()
    late = ran(header([{"from_t": 0, "harm": 0.25, "all": 0.25}]), FALL)
    early = ran(header(), FALL)
    first = {one["severity"]: one["i"] for one in early.alarms if one["signal"] == "refusal"}
    then = {one["severity"]: one["i"] for one in late.alarms if one["signal"] == "refusal"}
    assert then["warning"] > first["warning"]


def test_a_prompt_counts_once_in_ten_minutes_and_canaries_always() -> None:
    loop = [{**one, "refusal": 0, "prompt_hash": "the same"} for one in answers(0.0, 900)]
    found = ran(header(), loop)
    assert found.alarms == []
    assert found.replay.tally.duplicates == 899
    spread = [{**one, "t": T0 + 300.0 * place} for place, one in enumerate(loop)]
    assert ran(header(), spread).replay.tally.duplicates == 450
    assert ran(header(), [{**one, "canary": 1} for one in loop]).replay.tally.duplicates == 0


def test_a_copy_of_an_unsampled_prompt_is_a_copy() -> None:
    """Else a prompt would count the more surely the more often it is repeated: of copies the first decides."""
    unsampled = {**FALL[0], "weight": None, "refusal": None, "prompt_hash": "a"}
    tally = ran(header(), [unsampled, {**FALL[1], "prompt_hash": "a"}]).replay.tally
    assert (tally.unsampled, tally.duplicates) == (1, 1)


def test_routes_do_not_mix() -> None:
    other = [{**one, "route": "other"} for one in answers(WELL, len(FALL), seed=7)]
    both = [one for pair in zip(FALL, other, strict=True) for one in pair]
    records = [*header()["baseline"], *({**one, "route": "other"} for one in header()["baseline"])]
    each = Policy(budgets=Budgets(scope="route"))
    alone = ran(header(), FALL, each).alarms
    found = ran(header(records=records), both, each).alarms
    assert {one["route"] for one in found} == {"support"}
    assert [(one["signal"], one["severity"], one["t"]) for one in found] == [
        (one["signal"], one["severity"], one["t"]) for one in alone
    ]
    shared = ran(header(records=records), both).alarms  # one budget for both: each of them needs more
    assert shared[-1]["t"] > found[-1]["t"]


def test_a_baseline_without_routes_is_everybodys_and_without_any_it_is_learnt() -> None:
    shared = [{key: value for key, value in one.items() if key != "route"} for one in header()["baseline"]]
    assert ran(header(records=shared), FALL).alarms == ran(header(), FALL).alarms
    learning = ran({"meta": {}}, numbered(answers(WELL, 5_100), answers(0.5, 900, t0=T0 + 1_020.0)))
    assert ("refusal", "warning") in learning.named()


def test_a_baseline_may_be_a_document() -> None:
    known = Baseline(Kind.FILE, Standing.PROMOTED, {name: Tally(1_900, 2_000) for name in CATEGORIES})
    first = {"meta": {}, "baseline": baseline_to_json(known)}
    assert ran(first, FALL).alarms == ran(header(), FALL).alarms


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"", "not JSON"),
        (b'{"i": 1, "t": 3}', "line 1 must be"),
        (b'{"meta": 3}', "meta must be an object"),
        (b'{"meta": {"policy": [{"from_t": 0, "harm": 0.3, "all": 1}]}}', "`harm` must be the lowest"),
        (b'{"meta": {}, "baseline": [{"toxicity": 7}]}', "baseline record 0: toxicity"),
        (b'{"meta": {}, "baseline": "x"}', "must be a list of records"),
    ],
)
def test_a_stream_without_a_header_is_refused(line: bytes, what: str) -> None:
    with pytest.raises(BadStream, match=what.replace("`", ".")):
        read_header(line)
