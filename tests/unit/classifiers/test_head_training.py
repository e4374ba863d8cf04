"""A head for a team's own category: the fit, the split, the file that stays, and what is refused."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.classifiers.contract import Role
from proxy.classifiers.evaluation.rows import RowError
from proxy.classifiers.extra_heads import ExtraHead, applied, is_stem, read, version
from proxy.classifiers.fields import ModelError
from proxy.classifiers.head_training import rows
from proxy.classifiers.head_training.card import Origin, card
from proxy.classifiers.head_training.folds import folds
from proxy.classifiers.head_training.logistic import fit, log_loss, probabilities
from proxy.classifiers.head_training.store import About, store
from proxy.classifiers.head_training.training import ROWS_MIN, TooLittleData, Trained, train
from proxy.classifiers.manifest import Manifest
from proxy.classifiers.tokens import Shape

DIM = 8
ABOUT = About("tax_advice", ("response",), "2026-01-02", 0.05)


def clouds(count: int, apart: float, seed: int = 0) -> tuple[Any, Any]:
    """`count` vectors of length 1 of each kind, the two kinds' middles this far apart."""
    generator = np.random.default_rng(seed)
    truth = np.arange(2 * count) % 2 == 1
    vectors = generator.normal(size=(2 * count, DIM))
    vectors[:, 0] += np.where(truth, apart, -apart)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), truth


def manifest(folder: Path, encoder: str = "e" * 64) -> Manifest:
    return Manifest(
        path=folder / "model.toml",
        name="guard-test",
        version="3",
        licence="Apache-2.0",
        base="",
        created="",
        languages=("en",),
        files={"model.onnx": encoder},
        encoder="model.onnx",
        tokenizer="tokenizer.json",
        emoji_names=False,
        embedding_dim=DIM,
        shape=Shape(),
        stage0="",
        heads=(),
    )


@given(st.integers(0, 1_000), st.sampled_from([0.01, 1.0, 100.0]), st.integers(5, 60))
@settings(max_examples=50, deadline=None)
def test_the_fit_is_where_the_slope_is_zero(seed: int, ridge: float, count: int) -> None:
    inputs, truth = clouds(count, 0.7, seed)
    weight, bias = fit(inputs, truth, ridge)
    gap = probabilities(inputs @ weight + bias) - truth
    assert np.abs(inputs.T @ gap + ridge * weight).max() < 1e-4 * count
    assert abs(gap.sum()) < 1e-4 * count


def test_the_fit_is_finite_where_a_line_parts_the_kinds() -> None:
    inputs, truth = clouds(50, 30.0)
    weight, bias = fit(inputs, truth, 0.01)
    assert np.isfinite([*weight, bias]).all()
    assert ((inputs @ weight + bias > 0) == truth).all()


def test_of_an_empty_direction_only_the_share_is_learnt() -> None:
    truth = np.array([True] * 10 + [False] * 30)
    weight, bias = fit(np.zeros((40, 2)), truth, 1.0)
    assert weight == pytest.approx([0, 0])
    assert probabilities(np.array([bias]))[0] == pytest.approx(0.25)


def test_log_loss_does_not_overflow() -> None:
    assert log_loss(np.array([900.0, -900.0]), np.array([True, False])) == 0
    assert log_loss(np.array([-900.0]), np.array([True])) == pytest.approx(900)


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(2, 6), st.integers(0, 9))
@settings(deadline=None, max_examples=60)
def test_folds_share_both_kinds_evenly(kinds: list[bool], count: int, seed: int) -> None:
    truth = np.array(kinds)
    fold = folds(truth, count, seed)
    assert (fold == folds(truth, count, seed)).all()
    for kind in (True, False):
        sizes = [int(np.sum(fold[truth == kind] == number)) for number in range(count)]
        assert max(sizes) - min(sizes) <= 1


def test_a_head_finds_what_is_there_and_claims_nothing_where_nothing_is() -> None:
    found = train(*clouds(400, 1.5), 0.05, seed=7)
    assert found.measures.auroc > 0.95
    assert found.measures.recall > 0.6
    assert found.measures.false_positive_rate < 0.12
    assert found.measures.calibration_error < 0.1
    nothing = train(*clouds(400, 0.0), 0.05, seed=7)
    assert abs(nothing.measures.auroc - 0.5) < 0.12
    assert nothing.measures.calibration_error < 0.1


def test_the_same_seed_gives_the_same_head_and_another_seed_another_split() -> None:
    data = clouds(100, 1.0)
    first, again, other = (train(*data, 0.05, seed) for seed in (7, 7, 8))
    assert (first.weight == again.weight).all()
    assert (first.threshold, first.measures) == (again.threshold, again.measures)
    assert not (first.weight == other.weight).all()


@pytest.mark.parametrize("positives", [0, ROWS_MIN - 1])
def test_too_few_of_a_kind_are_refused_with_the_number_that_is_needed(positives: int) -> None:
    truth = np.array([True] * positives + [False] * 200)
    with pytest.raises(TooLittleData, match=f"{positives} different texts with label 1 .* at least {ROWS_MIN} of each"):
        train(np.zeros((len(truth), DIM)), truth, 0.01, 7)


def stored(folder: Path, trained: Trained | None = None) -> Manifest:
    model = manifest(folder)
    origin = Origin(model.identity, model.licence, "rows.jsonl (sha256 0123)", 200, 100, 7)
    made = trained or train(*clouds(100, 1.5), 0.05, seed=7)
    store(model, ABOUT, made, card(ABOUT, origin, made))
    return model


def test_a_stored_head_scores_as_it_was_trained(tmp_path: Path) -> None:
    trained = train(*clouds(100, 1.5), 0.05, seed=7)
    (head,) = read(stored(tmp_path, trained))
    vectors, _ = clouds(20, 1.5, seed=1)
    for vector in vectors:
        scores, flags = applied([head], Role.RESPONSE, vector.astype(np.float32))
        expected = float(probabilities(vector @ trained.weight + trained.bias))
        assert scores == {"policy.tax_advice": pytest.approx(expected, abs=1e-5)}
        assert flags == {"policy.tax_advice": scores["policy.tax_advice"] >= trained.threshold}
    assert applied([head], Role.REQUEST, vectors[0].astype(np.float32)) == ({}, {})


def test_a_replaced_head_changes_the_version_of_the_scores_and_leaves_no_old_file(tmp_path: Path) -> None:
    (first,) = read(stored(tmp_path))
    (second,) = read(stored(tmp_path, train(*clouds(100, 0.5), 0.05, seed=7)))
    assert version("guard@1", [first]) != version("guard@1", [second])
    assert version("guard@1", [first]).startswith("guard@1+policy.tax_advice:")
    assert version("guard@1", []) == "guard@1"
    assert len(list((tmp_path / "heads").iterdir())) == 3


def test_a_model_without_heads_has_none(tmp_path: Path) -> None:
    assert read(manifest(tmp_path)) == ()


def changed_toml(folder: Path, before: str, after: str) -> None:
    path = folder / "heads" / "tax_advice.toml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("schema = 1", "schema = 2", "schema.: is not 1"),
        ('"policy.tax_advice"', '"policy.other"', "name.: is not policy.tax_advice"),
        ('roles = ["response"]', 'roles = ["judge"]', "unknown 'judge'"),
        ("threshold = 0", "threshold = 7", "is not between 0 and 1"),
        ("e" * 64, "f" * 64, r"was trained on another encoder \(guard-test@3"),
        ("schema = 1", "schema = 1\nsurprise = 2", "unknown key"),
        ("schema = 1", "schema 1", "is not TOML"),
    ],
)
def test_a_head_file_that_is_not_right_is_refused(tmp_path: Path, before: str, after: str, what: str) -> None:
    model = stored(tmp_path)
    changed_toml(tmp_path, before, after)
    with pytest.raises(ModelError, match=what):
        read(model)


def test_weights_that_are_cut_missing_or_for_another_dimension_are_refused(tmp_path: Path) -> None:
    model = stored(tmp_path)
    with pytest.raises(ModelError, match=r"has weights \(8,\) where the embedding is \[9\]"):
        read(replace(model, embedding_dim=DIM + 1))
    (weights,) = (tmp_path / "heads").glob("*.npz")
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(ModelError, match="truncated, changed or corrupt"):
        read(model)
    weights.unlink()
    with pytest.raises(ModelError, match=r"cannot be read \(No such file"):
        read(model)


def test_the_card_says_when_the_rate_cannot_be_shown() -> None:
    trained = train(*clouds(60, 1.5), 0.01, seed=7)
    origin = Origin("guard-test@3", "Apache-2.0", "rows.jsonl", 120, 60, 7)
    few = card(replace(ABOUT, false_positive_rate=0.01), origin, trained)
    enough = card(replace(ABOUT, false_positive_rate=0.1), origin, trained)
    assert "45 harmless texts cannot show a false positive rate of 1 %" in few
    assert "cannot show" not in enough
    assert f"| AUROC | {trained.measures.auroc:.3f} |" in few


def write(path: Path, *lines: Any) -> Path:
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines) + "\n")
    return path


def test_rows_are_read_once_each(tmp_path: Path) -> None:
    path = write(
        tmp_path / "rows.jsonl",
        {"text": "Put it all on one stock.", "label": 1},
        {"text": "Put it all on one stock.", "label": 1},
        {"text": "Ask an adviser.", "label": 0, "prompt": "Which stock?", "role": "response"},
        {"text": "Which stock?", "label": 0, "role": "request"},
    )
    found = rows.read(path)
    assert [label for _, label in found] == [True, False, False]
    assert found[1][0].prompt == "Which stock?"
    assert rows.roles(found) == [Role.REQUEST, Role.RESPONSE]


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ("nonsense", "Expecting value"),
        ([], "a row is a JSON object"),
        ({"text": " ", "label": 1}, "text is a string that is not empty"),
        ({"text": "a", "label": "yes"}, "label is 'yes'; it is 0 or 1"),
        ({"text": "a"}, "label is None"),
        ({"text": "a", "label": 1, "role": "judge"}, "it is one of request, response, other"),
        ({"text": "first", "label": 0}, "the text of line 1 again, with the other label"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, bad: Any, what: str) -> None:
    path = write(tmp_path / "rows.jsonl", {"text": "first", "label": 1}, bad)
    with pytest.raises(RowError) as wrong:
        rows.read(path)
    assert str(wrong.value).startswith(f"{path}:2: ")
    assert what in str(wrong.value)


@pytest.mark.parametrize("name", ["", "Tax", "a/b", "..", "a.b", "x" * 49])
def test_names_of_heads_are_plain(name: str) -> None:
    assert not is_stem(name)


def test_the_file_is_plain_toml(tmp_path: Path) -> None:
    stored(tmp_path)
    values = tomllib.loads((tmp_path / "heads" / "tax_advice.toml").read_text())
    assert (values["model"], values["false_positive_rate"]) == ("guard-test@3", 0.05)
    assert isinstance(read(manifest(tmp_path))[0], ExtraHead)
