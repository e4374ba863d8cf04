"""Labelled rows, what their labels say, and the table that is made of them."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.classifiers.contract import Item, OutOfScope, Role, Scored
from proxy.classifiers.evaluation.rows import ATTACK, Row, RowError, files, parsed, read, truths
from proxy.classifiers.evaluation.run import sampled, scored
from proxy.classifiers.evaluation.table import ALL, Quality, Table, tabulated


def line(text: str = "a text", **fields: Any) -> str:
    return json.dumps({"text": text, "role": "response", "labels": {}, **fields})


def row(text: str = "a text", source: str = "s", **labels: Any) -> Row:
    return parsed(line(text, source=source, labels=labels))


def of(table: Table, signal: str, group: str = ALL) -> Quality:
    return next(one for one in table.qualities if (one.signal, one.group) == (signal, group))


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_rows_are_read_plain_and_gzipped(tmp_path: Path, name: str) -> None:
    text = line(labels={"refusal": 1}, source="here") + "\n\n" + line(role="request") + "\n"
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    first, second = read(tmp_path / name)
    assert (first.role, first.labels, first.source) == (Role.RESPONSE, {"refusal": 1}, "here")
    assert second.role is Role.REQUEST


def test_a_folder_is_all_of_its_files_by_name(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "notes.txt"):
        (tmp_path / name).write_text(line(text=name))
    assert [one.text for one in read(tmp_path)] == ["a.jsonl", "b.jsonl"]


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ("{", "Expecting property name"),
        ("[]", "a row is a JSON object"),
        (line(text=3), "text and prompt are strings"),  # type: ignore[arg-type]
        (line(role="judge"), "role is 'judge'; it is one of request, response, other"),
        (line(labels=[]), "labels is an object"),
        (line(labels={"toxicity": 2}), "labels.toxicity is 2; it is a number from 0 to 1"),
        (line(labels={"hazard": ["rain"]}), "labels.hazard is ['rain']; it is a list of violent_crime"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, bad: str, what: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(line() + "\n" + bad + "\n")
    with pytest.raises(RowError) as wrong:
        list(read(path))
    assert str(wrong.value).startswith(f"{path}:2: ")
    assert what in str(wrong.value)


def test_a_cut_gzip_file_and_a_missing_one_are_named(tmp_path: Path) -> None:
    cut = tmp_path / "rows.jsonl.gz"
    cut.write_bytes(gzip.compress(line().encode() * 50)[:-20])
    with pytest.raises(RowError, match=r"rows\.jsonl\.gz: cannot be read"):
        list(read(cut))
    with pytest.raises(RowError, match="no such file or folder"):
        files(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RowError, match=r"holds no \.jsonl"):
        files(tmp_path / "empty")


def test_an_absent_label_is_unknown() -> None:
    assert truths({}) == {}
    assert truths({"refusal": 1, "hazard": ["fraud"]}) == {"refusal": True}
    assert truths({"toxicity": None, "refusal": 0}) == {"refusal": False}


@given(st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_a_share_of_annotators_counts_from_a_half(share: float) -> None:
    assert truths({"toxicity": share})["toxicity"] is (share >= 0.5)


def test_unsafe_is_known_where_one_kind_is_there_or_all_are_away() -> None:
    away = {"violence": 0, "self_harm": 0, "sexual": 0, "harassment": 0}
    assert truths(away)["unsafe"] is False
    assert truths({**away, "sexual": 1})["unsafe"] is True
    assert truths({"hate": 1})["unsafe"] is True
    assert "unsafe" not in truths({"hate": 0})
    assert "unsafe" not in truths({**away, "toxicity": 1})
    assert truths({"hate": 1, "unsafe": 0})["unsafe"] is False  # the label itself is believed first


def test_an_attack_is_either_of_its_kinds() -> None:
    assert truths({"jailbreak": 0})[ATTACK] is False
    assert truths({"jailbreak": 0, "injection": 1})[ATTACK] is True


def test_the_table_has_a_line_for_all_and_for_each_source() -> None:
    pairs = [
        (row(source="a", refusal=1), Scored("m@1", {"refusal": 0.9}, flags={"refusal": True})),
        (row(source="a", refusal=0), Scored("m@1", {"refusal": 0.2}, flags={"refusal": False})),
        (row(source="b", refusal=0), Scored("m@1", {"refusal": 0.95}, flags={"refusal": True})),
    ]
    table = tabulated(pairs)
    assert [(one.group, one.rows, one.positives) for one in table.qualities] == [
        (ALL, 3, 1),
        ("source a", 2, 1),
        ("source b", 1, 0),
    ]
    assert of(table, "refusal").auroc == 0.5
    assert of(table, "refusal").f1 == pytest.approx(2 / 3)
    assert (of(table, "refusal", "source a").auroc, of(table, "refusal", "source b").false_positive_rate) == (1.0, 1.0)
    assert math.isnan(of(table, "refusal", "source b").auroc)


def test_labels_that_a_machine_made_are_a_group_of_their_own() -> None:
    said = Scored("m@1", {"refusal": 0.9}, flags={"refusal": True})
    table = tabulated([(row(refusal=1), said), (row(refusal=1, label_kind="automatic"), said)])
    assert [one.group for one in table.qualities] == [ALL, "source s", "source s (automatic labels)"]


def test_rows_are_grouped_by_any_field() -> None:
    one = parsed(line(generator="g-7b", labels={"refusal": 0}))
    table = tabulated([(one, Scored("m@1", {"refusal": 0.1}, flags={"refusal": False}))], by="generator")
    assert [quality.group for quality in table.qualities] == [ALL, "generator g-7b"]


def test_only_what_is_both_known_and_scored_counts() -> None:
    scored_only = (row(), Scored("m@1", {"refusal": 0.9}, flags={"refusal": True}))
    known_only = (row(refusal=1), Scored("m@1", {"toxicity": 0.1}))
    foreign = (row(refusal=1), Scored("m@1", out_of_scope=OutOfScope.LANGUAGE))
    table = tabulated([scored_only, known_only, foreign])
    assert (table.rows, list(table.qualities), table.unscored) == (3, [], {"language": 1})


def test_an_attack_is_scored_by_the_larger_of_its_two() -> None:
    pair = (row(jailbreak=1), Scored("m@1", {"jailbreak": 0.2, "injection": 0.7}, flags={"injection": True}))
    assert of(tabulated([pair]), ATTACK).recall == 1.0
    assert of(tabulated([pair]), ATTACK).calibration_error == pytest.approx(0.3)


def test_categories_are_right_where_the_likeliest_is_one_of_them() -> None:
    hazards = {"fraud": 0.5, "weapons": 0.3}
    pairs = [
        (row(hazard=["fraud", "privacy"]), Scored("m@1", hazards=hazards)),
        (row(hazard=["weapons"], topic="home"), Scored("m@1", hazards=hazards, topics={"home": 0.9, "work": 0.1})),
        (row(topic="unheard of"), Scored("m@1", topics={"home": 1.0})),
    ]
    table = tabulated(pairs, by="source")
    assert [(one.signal, one.rows, one.accuracy) for one in table.tops if one.group == ALL] == [
        ("hazard", 2, 0.5),
        ("topic", 1, 1.0),
    ]


def test_the_table_as_json_holds_no_nan() -> None:
    pair = (row(refusal=1), Scored("m@1", {"refusal": 0.9}, flags={"refusal": True}))
    data = json.loads(json.dumps(tabulated([pair]).as_json(), allow_nan=False))
    assert data["signals"][0]["auroc"] is None
    assert data["signals"][0]["recall"] == 1.0


class Lengths:
    """Scores a text by its length, and writes down what it was asked."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def score(self, items: Sequence[Item]) -> list[Scored]:
        self.batches.append(len(items))
        return [Scored("m@1", {"toxicity": len(item.text) / 100}, embedding=np.ones(2, np.float32)) for item in items]


def test_rows_come_back_in_their_order_with_their_own_scores() -> None:
    rows = [row("x" * length) for length in (9, 1, 5, 7, 3)]
    classifier, told = Lengths(), list[int]()
    pairs = list(scored(classifier.score, rows, told.append, batch=2))
    assert [one for one, _ in pairs] == rows
    assert [result.scores["toxicity"] for _, result in pairs] == [len(one.text) / 100 for one in rows]
    assert all(result.embedding is None for _, result in pairs)
    assert (classifier.batches, told) == ([2, 2, 1], [2, 4, 5])


@given(st.lists(st.tuples(st.text(max_size=3), st.sampled_from("ab")), max_size=20), st.integers(1, 5))
@settings(deadline=None, max_examples=60)
def test_a_sample_keeps_as_many_of_each_source_and_always_the_same(texts: list[tuple[str, str]], most: int) -> None:
    rows = [row(text, source) for text, source in texts]
    chosen = sampled(rows, most)
    for source in "ab":
        assert sum(one.source == source for one in chosen) == min(most, sum(s == source for _, s in texts))
    assert sorted(one.text for one in sampled(rows[::-1], most)) == sorted(one.text for one in chosen)
