"""The parts of the guard models' recipe that need no torch: templates, splits, labels, the shipped table's columns."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.recipes.guard import check_texts, data, reliability, splits, templates
from models.recipes.guard.heads import COLUMNS, HEADS, offsets
from proxy.classifiers.contract import HAZARDS, Role

OWN = tuple(templates.filled(data.OWN))


def test_templates_are_filled_and_the_same_for_the_same_seed() -> None:
    assert tuple(templates.filled(data.OWN)) == OWN
    assert tuple(templates.filled(data.OWN, seed=1)) != OWN
    assert len({one.template for one in OWN}) > 2_500


def test_no_slot_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "slots:\n  a: ['{b} b']\n  b: [c]\nrows:\n  - labels: {hate: 0}\n    role: response\n    prompt: 'so {b}?'\n"
        "    texts: ['say {a}', 'f({z})']\n"
    )
    first, second = templates.filled(tmp_path)
    assert (first.text, first.prompt) == ("say c b", "so c?")
    assert second.text == "f({z})"  # a brace that no slot names is the text's own


def test_a_text_may_answer_one_of_its_rows_prompts(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "rows:\n  - labels: {refusal_kind: refuses}\n    role: response\n    prompt: ['one?', 'two?']\n"
        "    texts: ['@1 No, not two.', '@0 No, not one.']\n"
    )
    assert [(one.prompt, one.text) for one in templates.filled(tmp_path)] == [
        ("two?", "No, not two."), ("one?", "No, not one."),
    ]  # fmt: skip


def test_none_of_our_texts_begins_with_a_mark() -> None:
    assert not [one.text for one in OWN if one.text.startswith("@") and one.text[1:2].isdigit()]


def test_slots_that_name_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "slots:\n  a: ['{b}']\n  b: ['{a}{a}']\nrows:\n  - labels: {hate: 0}\n    role: other\n    texts: ['{a}']\n"
    )
    with pytest.raises(ValueError, match=r"x\.yaml: slots that name each other"):
        list(templates.filled(tmp_path))


def test_a_template_falls_on_one_side_with_all_its_fillings() -> None:
    sides: dict[str, set[bool]] = {}
    for row in data._own(0):
        sides.setdefault(row.key, set()).add(row.held_out)
    assert all(len(side) == 1 for side in sides.values())
    held = sum(side == {True} for side in sides.values())
    assert 0.06 < held / len(sides) < 0.14


@given(st.text(max_size=200), st.text(max_size=50))
def test_a_row_and_its_copy_in_capitals_fall_on_one_side(text: str, source: str) -> None:
    row: dict[str, Any] = {"text": text, "source": source}
    if text.isascii():
        assert splits.held_out(row) == splits.held_out({**row, "text": text.upper()})
    assert 0.0 <= splits.share_of(text) < 1.0


@pytest.mark.parametrize("source", sorted(splits.UNSEEN_SOURCES))
def test_sources_that_are_kept_out_are_kept_out_whole(source: str) -> None:
    assert all(splits.held_out({"text": str(number), "source": source}) for number in range(50))
    assert splits.held_out({"text": "x", "source": "any", "generator": "yi-6b-chat"})


def test_labels_imply_only_what_they_imply() -> None:
    assert data.implied({"hate": 1.0}, "other", "s") == {
        "hate": 1.0,
        "toxicity": 1.0,
        "unsafe": 1.0,
        "hazard": float(HAZARDS.index("hate")),
    }
    civil = data.implied({"toxicity": 0.0}, "other", "s")
    assert civil["hate"] == civil["unsafe"] == 0.0
    assert "unsafe" not in data.implied({"toxicity": 0.0}, "other", "ipavlopoulos/toxic_spans")
    assert "unsafe" not in data.implied({"toxicity": 1.0}, "other", "s")  # swearing is no hazard
    assert "jailbreak" not in data.implied({"prompt_harmful": 1.0}, "request", "own/jailbreak")


@given(
    st.dictionaries(
        st.sampled_from(["hate", "toxicity", "unsafe", "prompt_harmful", "jailbreak", "injection", "response_harmful"]),
        st.sampled_from([0.0, 1.0]),
    ),
    st.sampled_from([role.value for role in Role]),
)
def test_a_given_label_is_never_changed(labels: dict[str, float], role: str) -> None:
    out = data.implied(labels, role, "s")
    assert all(out[name] == value for name, value in labels.items())
    assert all(not math.isnan(value) for value in out.values())


def test_heads_lie_side_by_side() -> None:
    at = offsets()
    taken = [column for head in HEADS for column in range(at[head.name], at[head.name] + head.columns)]
    assert taken == list(range(COLUMNS))


def test_every_own_label_is_one_that_the_heads_know() -> None:
    known = {head.name for head in HEADS} | {"hedge"}
    assert {name for one in OWN for name in one.labels} <= known


def test_our_sentences_have_no_fault() -> None:
    assert check_texts.main(data.OWN) == 0


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"toxicity\.jsonl\.gz is missing: DATA must be"):
        data.rows(Path("nowhere"))


def test_a_perfectly_calibrated_score_lies_on_the_diagonal() -> None:
    probability = np.repeat([0.05, 0.55, 0.95], 100)
    truth = np.concatenate([np.arange(100) < share for share in (5, 55, 95)])
    points = reliability.curve(truth, probability).points
    assert [count for *_, count in points] == [100, 100, 100]
    assert all(abs(score - share) < 1e-9 for score, share, _ in points)
    assert reliability.svg({"toxicity": reliability.curve(truth, probability)}).count("<circle") == 3
