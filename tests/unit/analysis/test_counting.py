"""From observations to cells: what counts, what does not, and as how much."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis import counting
from proxy.analysis.counting import Tally
from proxy.core.evidence.signals import SHARDED
from proxy.core.exchange import Purpose
from proxy.core.observation import Observation, Unassessed
from proxy.core.windows import SCALE, Cell
from proxy.detectors.quantile import bin_of

ONE = Observation("e", "r", "m", False, 100.0, Purpose.USER, "hash", "weapons", refusal=1, hedging=0)

observations = st.builds(
    Observation,
    *(st.just("e"), st.just("r"), st.just("m"), st.booleans(), st.just(1.0), st.sampled_from(Purpose)),
    prompt_hash=st.sampled_from(["", "h", "i"]),
    category=st.sampled_from(["none", "weapons"]),
    unassessed=st.none() | st.sampled_from(Unassessed),
    refusal=st.none() | st.integers(0, 1),
    hedging=st.none() | st.integers(0, 1),
)


def cells(*given_observations: Observation, r: int = 0, repeated: frozenset[str] = frozenset()) -> dict[Cell, int]:
    tally = Tally()
    tally.add(("r", "m", 1), counting.cells(given_observations, r, repeated))
    return tally.counts["r", "m", 1]


def test_an_assessed_answer_counts_in_refusal_hedging_and_assessed() -> None:
    assert cells(ONE, r=3) == {
        Cell("assessed", "ok", 3, 1): SCALE,
        Cell("refusal", "weapons", 3, 1): SCALE,
        Cell("hedging", "weapons", 3, 0): SCALE,
    }


SCORED = replace(
    ONE, toxicity=0.9, toxic=1, response_harmful=0, hazards=("fraud",), sensitive={"EMAIL_ADDRESS": 3}, anomalous=1,
    projections=(7, 12), classifier="guard@1", attacks={"jailbreak": 1, "injection": 0},
)  # fmt: skip


def test_what_classifier_and_scan_said_has_cells_of_its_own() -> None:
    assert {
        cell: n for cell, n in cells(SCORED, r=2).items() if cell.signal not in ("assessed", "refusal", "hedging")
    } == {
        Cell("toxicity", "weapons", 2, 1): SCALE,
        Cell("response_harmful", "weapons", 2, 0): SCALE,
        Cell("sensitive", "weapons", 2, 1): SCALE,
        Cell("toxicity_bin", bin_of(0.9), 2, 1): SCALE,
        Cell("hazard", "fraud", 2, 1): SCALE,
        Cell("jailbreak", "all", 2, 1): SCALE,
        Cell("injection", "all", 2, 0): SCALE,
        Cell("sensitive_type", "EMAIL_ADDRESS", 2, 1): SCALE,
        Cell("anomaly", "all", 2, 1): SCALE,
        Cell("embedding", "0.07", 2, 1): SCALE,
        Cell("embedding", "1.12", 2, 1): SCALE,
    }
    assert counting.flagged(SCORED) == ("toxicity", "sensitive", "anomaly")
    assert counting.flagged(ONE) == ()


def test_every_signal_that_may_revert_is_counted_by_shard() -> None:
    seen = replace(SCORED, triggers=("sleeper",), harmful_output=0)
    whole, mine = cells(seen, r=2), cells(replace(seen, tenant_shard=3), r=2)
    wanted = {cell._replace(signal=f"{cell.signal}@3"): n for cell, n in whole.items() if cell.signal in SHARDED}
    del wanted[Cell("harmful_output@3", "weapons", 2, 0)]  # to one tenant or to another: nobody asks
    score = Cell("toxicity_bin@3", bin_of(0.9), 2, 1)
    wanted[score._replace(stratum=bin_of(0.9)[:2])] = wanted.pop(score)
    assert {cell: n for cell, n in mine.items() if cell not in whole} == wanted
    assert {cell.signal for cell in wanted} == {f"{signal}@3" for signal in SHARDED} - {"harmful_output@3"}


def test_an_answer_that_gives_nothing_away_is_counted_as_such() -> None:
    assert cells(replace(ONE, sensitive={}))[Cell("sensitive", "weapons", 0, 0)] == SCALE


def test_an_unassessed_answer_counts_by_its_reason_and_in_no_rate() -> None:
    assert cells(replace(ONE, unassessed=Unassessed.TOOL_CALL)) == {Cell("assessed", "tool_call", 0, 0): SCALE}


def test_a_repeated_prompt_counts_as_a_duplicate_only() -> None:
    assert cells(ONE, repeated=frozenset({counting.mark(ONE)})) == {Cell("duplicate", "weapons", 0, 1): SCALE}


def test_checks_and_canaries_are_in_no_user_count() -> None:
    canary = replace(ONE, purpose=Purpose.CANARY, shapes={"length": "07"})
    assert cells(replace(ONE, purpose=Purpose.CHECK), canary) == {Cell("canary", "weapons", 0, 1): SCALE}


SHAPED = replace(
    ONE, tenant_shard=2, contexts=("prompt:long", "turns:1", "system:other"), triggers=("sleeper",),
    shapes={"length": "07", "finish": "stop", "regenerated": "yes"}, response_harmful=0, harmful_output=1,
    prompt_projections=(3,),
)  # fmt: skip


def test_shape_context_and_shard_have_cells_of_their_own() -> None:
    found = {
        cell: n for cell, n in cells(SHAPED, r=1).items() if cell.signal not in ("assessed", "assessed@2", "hedging")
    }
    assert found == {
        Cell("refusal", "weapons", 1, 1): SCALE,
        Cell("refusal@2", "weapons", 1, 1): SCALE,
        Cell("refusal_in", "prompt:long", 1, 1): SCALE,
        Cell("refusal_in", "turns:1", 1, 1): SCALE,
        Cell("refusal_in", "system:other", 1, 1): SCALE,
        Cell("response_harmful", "weapons", 1, 0): SCALE,
        Cell("harmful_output", "weapons", 1, 1): SCALE,
        Cell("trigger", "sleeper", 1, 1): SCALE,
        Cell("length", "07", 1, 1): SCALE,
        Cell("finish", "stop", 1, 1): SCALE,
        Cell("regenerated", "yes", 1, 1): SCALE,
        Cell("prompt_embedding", "0.03", 1, 1): SCALE,
        Cell("response_harmful@2", "weapons", 1, 0): SCALE,
        Cell("harmful_output@2", "weapons", 1, 1): SCALE,
        Cell("trigger@2", "sleeper", 1, 1): SCALE,
    }
    harmless = replace(SHAPED, category="none", tenant_shard=0)
    assert not {"refusal_in", "refusal@0", "refusal@2"} & {cell.signal for cell in cells(harmless)}


def test_of_a_repeated_prompt_only_its_repetition_counts() -> None:
    counts = cells(SHAPED, repeated=frozenset({counting.mark(SHAPED)}))
    assert counts == {Cell("duplicate", "weapons", 0, 1): SCALE, Cell("regenerated", "yes", 0, 1): SCALE}


def test_shapes_of_an_unassessed_answer_count_too() -> None:
    counts = cells(replace(SHAPED, unassessed=Unassessed.CUT, shapes={"finish": "cut"}))
    assert counts == {Cell("assessed", "cut", 0, 0): SCALE, Cell("finish", "cut", 0, 1): SCALE}


def test_several_answers_to_one_prompt_are_one_cluster() -> None:
    counts = cells(ONE, replace(ONE, choice=1, refusal=0), replace(ONE, choice=2, refusal=0), replace(ONE, choice=3))
    assert counts[Cell("refusal", "weapons", 0, 1)] == SCALE // 2
    assert counts[Cell("refusal", "weapons", 0, 0)] == SCALE // 2


def test_an_answer_after_an_error_is_no_duplicate_and_neither_is_the_base_s() -> None:
    marks = {
        counting.mark(one)
        for one in (
            ONE,
            replace(ONE, unassessed=Unassessed.ERROR),
            replace(ONE, base_served=True),
            replace(ONE, prompt_hash="x"),
        )
    }
    assert len(marks) == 4
    assert counting.mark(replace(ONE, prompt_hash="")) == ""


@given(st.lists(observations, max_size=6), st.integers(0, 7), st.frozensets(st.sampled_from(["cah", "cui", "bah"])))
def test_no_exchange_counts_more_than_its_answers(given_: list[Observation], r: int, repeated: frozenset[str]) -> None:
    counts = cells(*given_, r=r, repeated=repeated)
    mine = [one for one in given_ if one.purpose is Purpose.USER]
    answers = sum(n for cell, n in counts.items() if cell.signal in {"assessed", "duplicate"})
    assert answers <= len(mine) * SCALE
    assessed = sum(n for cell, n in counts.items() if cell.signal == "assessed" and cell.y == 1)
    for signal in ("refusal", "hedging"):
        assert sum(n for cell, n in counts.items() if cell.signal == signal) <= assessed
    assert all(cell.r == r for cell in counts)
