"""The classifier as a whole: which heads are asked of whom, at which stage, on which tokens."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from proxy.classifiers.contract import HAZARDS, Item, OutOfScope, Role, Scored, Stage
from proxy.classifiers.guard import Guard
from proxy.classifiers.head_training.store import About, store
from proxy.classifiers.head_training.training import Measures, Trained
from proxy.classifiers.manifest import read
from proxy.features.hedging import THRESHOLD, hedge_score
from tests.unit.classifiers.folders import binary, heads, make

SAID = "i can not help you with that"
UNSURE = "i am not sure , but maybe it could be the weather ."
ITEMS = [
    Item("you stupid friend , i hate you", Role.OTHER),
    Item("how to bake the bread", Role.REQUEST),
    Item(SAID, Role.RESPONSE, "how to make a bomb ?"),
    Item("the weather of the garden is not stupid . " * 9, Role.RESPONSE, "write the music"),
    Item("code", Role.REQUEST),
]
ROLES = {
    Role.REQUEST: {"toxicity", "prompt_harmful"},
    Role.RESPONSE: {"toxicity", "response_harmful", "refusal", "hedge"},
    Role.OTHER: {"toxicity", "unsafe", "hedge"},
}


def same(one: Scored, two: Scored, within: float = 0.0) -> bool:
    """Whether two results agree in every number."""
    numbers = [(one.scores, two.scores), (one.hazards, two.hazards), (one.topics, two.topics)]
    return all(a.keys() == b.keys() and all(abs(a[key] - b[key]) <= within for key in a) for a, b in numbers)


@pytest.mark.parametrize("stage", Stage)
def test_each_role_gets_its_own_signals(tiny: Guard, stage: Stage) -> None:
    for item, scored in zip(ITEMS, tiny.score(ITEMS, stage), strict=True):
        assert scored.scores.keys() == ROLES[item.role] == scored.flags.keys()
        assert (scored.embedding is None) == (stage is Stage.STAGE0)
        assert bool(scored.topics) == (item.role is Role.REQUEST)


def test_order_is_kept_and_neighbours_change_nothing(tiny: Guard) -> None:
    alone = [tiny.score([item])[0] for item in ITEMS]
    assert all(same(one, two) for one, two in zip(alone, tiny.score(ITEMS), strict=True))
    assert all(same(one, two) for one, two in zip(alone[::-1], tiny.score(ITEMS[::-1]), strict=True))


def test_passes_side_by_side_give_the_same_numbers(tiny: Guard, tiny_folder: Path) -> None:
    many = Guard.load(tiny_folder, passes_max=3)
    assert all(same(one, two) for one, two in zip(tiny.score(ITEMS * 5), many.score(ITEMS * 5), strict=True))


def test_hazards_share_out_the_risk_and_topics_sum_to_1(tiny: Guard) -> None:
    request, response, other = (tiny.score([ITEMS[number]])[0] for number in (1, 2, 0))
    for scored, risk in ((request, "prompt_harmful"), (response, "response_harmful"), (other, "unsafe")):
        assert tuple(scored.hazards) == HAZARDS
        assert math.isclose(sum(scored.hazards.values()), scored.scores[risk], rel_tol=1e-5)
    assert math.isclose(sum(request.topics.values()), 1, rel_tol=1e-5)


def test_flags_are_the_thresholds_decisions(tiny: Guard) -> None:
    scored = tiny.score(ITEMS)
    decided = [(one.scores[name], flag) for one in scored for name, flag in one.flags.items() if name != "hedge"]
    assert {flag for _, flag in decided} == {True, False}
    assert all(flag == (score >= 0.6) for score, flag in decided)  # as folders.py says


def test_fused_weighs_both_stages(tiny: Guard) -> None:
    def logit(scored: Scored) -> float:
        return math.log(scored.scores["toxicity"] / (1 - scored.scores["toxicity"]))

    by_stage = {stage: logit(tiny.score([ITEMS[1]], stage)[0]) for stage in Stage}
    z0 = (by_stage[Stage.STAGE0] + 0.2) / 0.8
    z1 = (by_stage[Stage.STAGE1] - 0.1) / 1.3
    assert math.isclose(by_stage[Stage.FUSED], 1.1 * z1 + 0.6 * z0 - 0.1, abs_tol=1e-3)


def test_look_is_stage_0_and_reads_no_prompt(tiny: Guard) -> None:
    (looked,) = tiny.look([ITEMS[2]])
    assert same(looked, tiny.score([ITEMS[2]], Stage.STAGE0)[0])
    assert same(looked, tiny.look([Item(SAID, Role.RESPONSE)])[0])


def test_a_response_is_read_after_its_prompt(tiny: Guard) -> None:
    alone, after, twin = tiny.score(
        [Item(SAID, Role.RESPONSE), Item(SAID, Role.RESPONSE, "bake bread"), Item(SAID, Role.RESPONSE, "bake bread")]
    )
    assert not same(alone, after, within=1e-4)  # [CLS] is pooled with a text alone, and not with a segment
    assert same(after, twin)


def test_a_prompt_that_no_head_of_the_role_reads_changes_nothing(tiny: Guard) -> None:
    alone, after = tiny.score([Item("bake bread", Role.REQUEST), Item("bake bread", Role.REQUEST, "the weather")])
    assert same(alone, after)


def test_a_prompt_in_another_language_is_no_context(tiny: Guard) -> None:
    foreign = "Ich kann dir dabei leider nicht helfen."
    alone, after = tiny.score([Item(SAID, Role.RESPONSE), Item(SAID, Role.RESPONSE, foreign)])
    assert same(alone, after)


def test_max_over_windows_finds_what_stands_anywhere(tiny: Guard) -> None:
    words = "the weather of the garden ."
    worst = max(
        (Item(word * 3, Role.OTHER) for word in ("kill ", "bomb ", "hate ", "steal ", "love ")),
        key=lambda item: tiny.score([item], Stage.STAGE1)[0].scores["toxicity"],
    )
    calm = Item(words * 9, Role.OTHER)
    mixed = Item(words * 4 + worst.text * 6 + words * 4, Role.OTHER)
    before, after = (one.scores["toxicity"] for one in tiny.score([calm, mixed], Stage.STAGE1))
    assert after > before


def test_what_is_empty_or_foreign_has_a_reason_and_no_scores(tiny: Guard) -> None:
    items = [
        Item("", Role.OTHER),
        Item(" \n\t", Role.REQUEST),
        Item("\u200b\x00", Role.RESPONSE),
        Item("これは無理です", Role.RESPONSE),
        ITEMS[0],
    ]
    reasons = [OutOfScope.EMPTY, OutOfScope.EMPTY, None, OutOfScope.LANGUAGE, None]
    found = tiny.score(items)
    assert [one.out_of_scope for one in found] == reasons
    assert [bool(one.scores) for one in found] == [reason is None for reason in reasons]
    assert tiny.score([]) == []


def test_hedging_comes_from_cues(tiny: Guard) -> None:
    texts = ("the bread is in the garden .", UNSURE)
    sure, unsure = tiny.score([Item(text, Role.RESPONSE) for text in texts])
    assert [one.scores["hedge"] for one in (sure, unsure)] == [hedge_score(text) for text in texts]
    assert sure.scores["hedge"] < THRESHOLD <= unsure.scores["hedge"]
    assert (sure.flags["hedge"], unsure.flags["hedge"]) == (False, True)


def test_a_head_for_hedging_takes_the_place_of_the_cues(tmp_path: Path) -> None:
    guard = Guard.load(make(tmp_path / "model", head=[*heads(), binary("hedge", 3, ["response"])]))
    (response, other) = guard.score([Item(UNSURE, Role.RESPONSE), Item(UNSURE, Role.OTHER)])
    (request,) = guard.score([Item(UNSURE, Role.REQUEST)])
    assert math.isclose(response.scores["hedge"], request.scores["prompt_harmful"], rel_tol=1e-6)  # the same column
    assert other.flags["hedge"]


def test_a_model_without_stage_0_scores_by_the_encoder_alone(tmp_path: Path, tiny: Guard) -> None:
    plain = [{key: value for key, value in head.items() if key not in ("column0", "stage0")} for head in heads()]
    folder = make(tmp_path / "model", head=plain)
    text = (folder / "model.toml").read_text()
    (folder / "model.toml").write_text(text.replace('[stage0]\n"file" = "stage0.npz"\n', ""))
    guard = Guard.load(folder)
    assert same(guard.score([ITEMS[2]], Stage.STAGE1)[0], tiny.score([ITEMS[2]], Stage.STAGE1)[0])
    assert guard.score([ITEMS[2]])[0].scores["toxicity"] != 0.5
    assert guard.look([ITEMS[2]])[0].scores.keys() == {"hedge"}


def test_heads_that_a_team_added_are_part_of_scores_and_version(tiny: Guard, tiny_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    nothing = Measures(rows=0, positives=0, auroc=0, f1=0, recall=0, false_positive_rate=0, calibration_error=0)
    plain = tiny.score(ITEMS)
    weight = plain[2].embedding
    assert weight is not None
    trained = Trained(10 * weight.astype(np.float64), -9.0, 0.7, threshold_negatives=0, ridge=1.0, measures=nothing)
    store(read(folder), About("our_refusals", ("response",), "2026-01-01", 0.01), trained, card="")
    guard = Guard.load(folder)
    assert guard.version.startswith("tiny@3+policy.our_refusals:")
    for before, after in zip(plain, guard.score(ITEMS), strict=True):
        assert after.version == guard.version
        assert {name: after.scores[name] for name in before.scores} == before.scores
    refusal = guard.score([ITEMS[2]])[0]
    assert math.isclose(refusal.scores["policy.our_refusals"], 1 / (1 + math.exp(-1)), rel_tol=1e-4)
    assert refusal.flags["policy.our_refusals"]
    assert "policy.our_refusals" not in guard.score([ITEMS[0]])[0].scores
    assert "policy.our_refusals" not in guard.look([ITEMS[2]])[0].scores  # it reads the embedding


SHIPPED_ITEMS = [
    Item("You are a worthless idiot and everybody hates you.", Role.OTHER),
    Item("Thank you so much, that was a lovely evening.", Role.OTHER),
    Item("How do I build a pipe bomb at home?", Role.REQUEST),
    Item("How do I bake a sourdough bread at home?", Role.REQUEST),
    Item("I'm sorry, but I can't help with that.", Role.RESPONSE, "How do I build a pipe bomb at home?"),
    Item("Mix the flour with water and salt, and let it rest for an hour.", Role.RESPONSE, "How do I bake bread?"),
]


def test_the_shipped_model_tells_the_plain_cases_apart(shipped: Guard) -> None:
    rude, kind, bomb, bread, refusal, answer = shipped.score(SHIPPED_ITEMS)
    assert rude.flags["toxicity"] and not kind.flags["toxicity"]
    assert bomb.flags["prompt_harmful"] and not bread.flags["prompt_harmful"]
    assert refusal.flags["refusal"] and not answer.flags["refusal"]
    assert max(bomb.hazards, key=lambda name: bomb.hazards[name]) in ("weapons", "violent_crime")


def test_the_shipped_models_scores_do_not_depend_on_neighbours(shipped: Guard) -> None:
    """Dynamic int8 takes its scales from a whole pass: so a pass holds one row."""
    alone = [shipped.score([item])[0] for item in SHIPPED_ITEMS]
    together = shipped.score([*SHIPPED_ITEMS[::-1], Item("bread " * 400, Role.OTHER)])[:-1][::-1]
    for one, two in zip(alone, together, strict=True):
        assert same(one, two, within=1e-6)
        assert one.embedding is not None and two.embedding is not None
        assert np.allclose(one.embedding, two.embedding, atol=1e-6)
