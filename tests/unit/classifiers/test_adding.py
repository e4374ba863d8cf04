"""What of adding a model needs no torch: labels, tokens, agreement, the files that are written, the place they take."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import BPE, Unigram, WordLevel
from tokenizers.processors import RobertaProcessing

from proxy.classifiers.adding import labels, writing
from proxy.classifiers.adding.agreement import Agreement, Disagreement, agreement, check
from proxy.classifiers.adding.labels import Activation, Plan
from proxy.classifiers.adding.placing import PlacingError, copied, put, target, workshop
from proxy.classifiers.adding.probes import PROBES
from proxy.classifiers.adding.source import SourceError, found, licence
from proxy.classifiers.adding.special_tokens import TokenizerError, renamed
from proxy.classifiers.adding.trial import tried
from proxy.classifiers.contract import Role
from proxy.classifiers.fields import ModelError
from proxy.classifiers.installed import Library
from proxy.classifiers.manifest import SIGNALS, read
from proxy.classifiers.tokens import Tokens
from tests.unit.classifiers import folders

LABELS = ["neutral", "Toxic", "threat"]
ORIGIN = writing.Origin("mine", "the folder x", "mit", "2026-01-02", "int8 weights, dynamic quantization", "bert")
AGREED = Agreement(texts=40, max_difference=0.02, mean_difference=0.004, decisions=1.0)


def plan_of(tmp_path: Path, text: str, activation: Activation = Activation.SOFTMAX) -> Plan:
    (tmp_path / "labels.toml").write_text(text)
    return labels.read(tmp_path / "labels.toml", LABELS, activation)


def test_labels_become_signals_with_the_roles_that_signals_have(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        """
        licence = "mit"
        languages = ["en", "de"]
        labels = {Toxic = "toxicity", threat = "response_harmful"}
        thresholds = {toxicity = 0.8}
        prompts = {response_harmful = true}
        """,
    )
    toxicity, harmful = plan.signals
    assert (toxicity.columns, toxicity.roles, toxicity.threshold) == ((1,), tuple(Role), 0.8)
    assert (harmful.columns, harmful.roles, harmful.threshold) == ((2,), (Role.RESPONSE,), 0.5)
    assert (toxicity.prompt, harmful.prompt) == (False, True)
    assert (plan.unused, plan.licence, plan.languages) == (["neutral"], "mit", ("en", "de"))


def test_several_labels_may_be_one_signal_and_roles_may_be_named(tmp_path: Path) -> None:
    text = '[labels]\nToxic = "policy.rude"\nthreat = "policy.rude"\n[roles]\n"policy.rude" = ["response"]\n'
    (one,) = plan_of(tmp_path, text).signals
    assert (one.signal, one.columns, one.roles) == ("policy.rude", (1, 2), (Role.RESPONSE,))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[labels]\nrude = "toxicity"', r"\(labels.rude\): the model has no such label; it has neutral, Toxic, threat"),
        (
            '[labels]\nToxic = "rude"',
            r"\(labels.Toxic\): no signal is called 'rude'; known signals: .*toxicity.*policy",
        ),
        ('[labels]\nToxic = "policy."', "no signal is called 'policy.'"),
        ("[labels]", "maps no label"),
        ("", r"\(labels\): is missing"),
        ('[labels]\nToxic = "toxicity"\n[thresholds]\nhate = 0.5', "no label is mapped to this signal"),
        ('[labels]\nToxic = "toxicity"\n[thresholds]\ntoxicity = 5', "5 is not between 0 and 1"),
        ('[labels]\nToxic = "toxicity"\n[roles]\ntoxicity = ["judge"]', "unknown 'judge'"),
        ('surprise = 1\n[labels]\nToxic = "toxicity"', r"\(surprise\): unknown key"),
        ('activation = "tanh"\n[labels]\nToxic = "toxicity"', "unknown 'tanh'"),
        ('[labels]\nneutral = "hate"\nToxic = "hate"\nthreat = "hate"', "every label is hate"),
        ("[labels", "is not TOML"),
    ],
)
def test_a_label_file_that_is_not_right_is_refused(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(ModelError, match=what) as wrong:
        plan_of(tmp_path, text)
    assert str(wrong.value).startswith(str(tmp_path / "labels.toml"))


def test_a_missing_label_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none.toml: cannot be read \(No such file"):
        labels.read(tmp_path / "none.toml", LABELS, Activation.SOFTMAX)


def test_without_a_file_labels_count_that_are_called_like_signals() -> None:
    plan = labels.guessed("a/b", ["Self-Harm", "other", "HATE"], Activation.SIGMOID)
    assert [(one.signal, one.columns) for one in plan.signals] == [("self_harm", (0,)), ("hate", (2,))]
    with pytest.raises(ModelError, match=r"a/b: its labels \(LABEL_0, LABEL_1\) are no signals by name; give --labels"):
        labels.guessed("a/b", ["LABEL_0", "LABEL_1"], Activation.SOFTMAX)


logits_of_three = st.lists(st.lists(st.floats(-30, 30), min_size=3, max_size=3), min_size=1, max_size=5)


@given(logits_of_three)
@settings(deadline=None, max_examples=60)
def test_the_probability_of_a_softmax_signal_is_the_sum_of_its_labels(rows: list[list[float]]) -> None:
    plan = labels.guessed("m", ["hate", "x", "y"], Activation.SOFTMAX)
    for row, (score,) in zip(rows, labels.probabilities(np.array(rows), plan), strict=True):
        powers = np.exp(np.array(row) - max(row))
        assert score == pytest.approx(powers[0] / powers.sum())


@given(logits_of_three)
@settings(deadline=None, max_examples=60)
def test_the_probability_of_a_sigmoid_signal_is_its_largest(rows: list[list[float]]) -> None:
    plan = labels.guessed("m", ["hate", "Hate", "y"], Activation.SIGMOID)
    for row, (score,) in zip(rows, labels.probabilities(np.array(rows), plan), strict=True):
        columns = plan.signals[0].columns
        assert score == pytest.approx(max(1 / (1 + np.exp(-row[column])) for column in columns))


pairs = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20)


@given(pairs, st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_agreement_is_counted_text_by_text(scores: list[tuple[float, float]], threshold: float) -> None:
    original, other = (np.array([[pair[side]] for pair in scores]) for side in (0, 1))
    found_ = agreement(original, other, np.array([threshold]))
    gaps = [abs(a - b) for a, b in scores]
    alike = [(a >= threshold) == (b >= threshold) or abs(a - b) <= 0.01 for a, b in scores]
    assert found_.texts == len(scores)
    assert found_.max_difference == pytest.approx(max(gaps))
    assert found_.mean_difference == pytest.approx(sum(gaps) / len(gaps))
    assert found_.decisions == pytest.approx(sum(alike) / len(alike))


def test_too_little_agreement_is_refused_with_a_way_on() -> None:
    check(AGREED)
    for far in (Agreement(40, 0.5, 0.01, 0.85), Agreement(40, 0.5, 0.2, 1.0)):
        with pytest.raises(Disagreement, match="Try --quantize static"):
            check(far)
    check(Agreement(40, 0.5, 0.01, 0.85), decisions_min=0.8)
    assert AGREED.is_close
    assert not Agreement(40, 0.1, 0.03, 1.0).is_close
    assert not Agreement(40, 0.1, 0.01, 0.92).is_close


def word_level(special: list[str]) -> Tokenizer:
    made = Tokenizer(WordLevel({word: number for number, word in enumerate([*special, "a", "b"])}, unk_token="<unk>"))
    made.add_special_tokens(special)
    made.post_processor = RobertaProcessing(("</s>", 1), ("<s>", 0))
    return made


def unigram(special: list[str]) -> Tokenizer:
    made = Tokenizer(Unigram([*((word, 0.0) for word in special), ("a", -1.0), ("b", -2.0)], unk_id=3))
    made.add_special_tokens(special)
    return made


def bpe(special: list[str]) -> Tokenizer:
    words = {word: number for number, word in enumerate([*special, "a", "b", "ab"])}
    made = Tokenizer(BPE(words, [("a", "b")], unk_token="<unk>"))
    made.add_special_tokens(special)
    return made


@pytest.mark.parametrize("kind", [word_level, unigram, bpe])
def test_special_tokens_change_their_names_and_nothing_else(tmp_path: Path, kind: Any) -> None:
    before = kind(["<s>", "</s>", "<pad>", "<unk>"])
    document = renamed(json.loads(before.to_str()), {"cls": "<s>", "sep": "</s>", "pad": "<pad>"})
    (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    tokens = Tokens(tmp_path / "tokenizer.json")
    assert (tokens.cls, tokens.sep, tokens.pad) == (0, 1, 2)
    for text in ("a", "ab", "b a", "c", "a \U0001f44d"):  # the original knows no names of emoji
        assert tokens.ids([text])[0].tolist() == before.encode(text, add_special_tokens=False).ids


def test_names_that_are_right_already_stay() -> None:
    document = json.loads(folders.tokenizer().to_str())
    kept = renamed(document, {"cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]"})
    assert kept["model"] == document["model"]


def test_a_decoder_and_a_name_that_is_taken_are_refused() -> None:
    document = json.loads(word_level(["<s>", "</s>", "[PAD]", "<unk>", "[CLS]"]).to_str())
    with pytest.raises(TokenizerError, match="has no cls token: Groundwire takes encoders"):
        renamed(document, {"cls": None, "sep": "</s>", "pad": "[PAD]"})
    with pytest.raises(TokenizerError, match=r"an ordinary token '\[CLS\]' besides"):
        renamed(document, {"cls": "<s>", "sep": "</s>", "pad": "[PAD]"})


@given(st.integers(1, 10_000), st.integers(1, 10_000))
@settings(deadline=None, max_examples=60)
def test_windows_always_leave_room_for_text(positions: int, window: int) -> None:
    cut = writing.shape(positions, window)
    assert cut.window - cut.prompt - 3 > cut.overlap
    assert cut.window <= max(16, min(positions, window))


def test_what_is_written_is_read_back_as_a_model(tmp_path: Path) -> None:
    folder = folders.make(tmp_path / "m")
    plan = plan_of(tmp_path, '[labels]\nToxic = "toxicity"\nthreat = "jailbreak"\n')
    (folder / "model.toml").write_text(writing.manifest(folder, ORIGIN, plan, writing.shape(512, 256)))
    manifest = read(folder)
    assert [(head.name, head.column) for head in manifest.heads] == [("toxicity", 0), ("jailbreak", 1)]
    assert manifest.identity == f"mine@{manifest.files['model.onnx'][:8]}"
    assert (manifest.shape.window, manifest.embedding_dim) == (256, 0)
    (folder / "model.onnx").write_bytes(b"another graph")
    other = tomllib.loads(writing.manifest(folder, ORIGIN, plan, writing.shape(512, 256)))
    assert other["version"] != manifest.version


def test_the_card_says_what_was_done_and_what_nobody_knows(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, '[labels]\nToxic = "toxicity"\nthreat = "toxicity"\n')
    text = writing.card(ORIGIN, plan, AGREED, "TOKENS  MS\n64  1.0")
    assert "| `toxicity` | Toxic, threat | request, response, other | 0.5 |" in text
    assert "| labels that feed no signal | neutral |" in text
    assert "On 40 probe texts: largest difference 0.0200, mean 0.0040, 100.0 % of the decisions alike." in text
    assert "not calibrated" in text
    assert "sum of their probabilities" in text


def test_a_folder_without_a_configuration_and_a_text_that_is_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no config\.json"):
        found(str(tmp_path), "")
    with pytest.raises(SourceError, match="no such folder, and no hub id"):
        found(str(tmp_path / "none"), "")


def test_without_a_network_the_hub_error_says_how_to_use_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # discard: nobody listens
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(SourceError) as wrong:
        found("acme/no-such-model-anywhere", "main")
    assert "acme/no-such-model-anywhere: could not be downloaded from the Hugging Face hub (" in str(wrong.value)
    assert "hf download acme/no-such-model-anywhere --local-dir DIR" in str(wrong.value)


@pytest.mark.parametrize(
    ("readme", "expected"),
    [
        ("---\nlanguage: en\nlicense: apache-2.0\n---\n# m", "apache-2.0"),
        ('---\nlicense: "mit"\n---\n', "mit"),
        ("# m\nlicense: mit\n", ""),
        (None, ""),
    ],
)
def test_the_licence_is_what_the_front_matter_states(tmp_path: Path, readme: str | None, expected: str) -> None:
    if readme is not None:
        (tmp_path / "README.md").write_text(readme)
    assert licence(tmp_path) == expected


def shelf(tmp_path: Path) -> Library:
    return Library(tmp_path / "own", tmp_path / "shipped")


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def failing(folder: Path) -> None:
        (folder / "half.onnx").touch()
        raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"), workshop(shelf(tmp_path), "m") as folder:
        failing(folder)
    assert list((tmp_path / "own").iterdir()) == []


def test_what_is_done_takes_its_place_and_the_old_goes(tmp_path: Path) -> None:
    for word in ("old", "new"):
        with workshop(shelf(tmp_path), "m") as folder:
            (folder / "word").write_text(word)
            put(folder, tmp_path / "own" / "m")
    assert (tmp_path / "own" / "m" / "word").read_text() == "new"
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["m"]


def test_where_the_new_one_cannot_take_its_place_the_old_stays(tmp_path: Path) -> None:
    place = tmp_path / "own" / "m"
    place.mkdir(parents=True)
    (place / "word").write_text("old")
    inside = place / "new"  # moves away with the old one, so that the second rename fails
    inside.mkdir()
    with pytest.raises(PlacingError, match="cannot be put in place"):
        put(inside, place)
    assert (place / "word").read_text() == "old"


def test_names_that_are_taken_are_refused(tmp_path: Path) -> None:
    library = shelf(tmp_path)
    (library.shipped / "guard-small").mkdir(parents=True)
    (library.own / "mine").mkdir(parents=True)
    with pytest.raises(PlacingError, match="is the name of a model that ships"):
        target(library, "guard-small", replace=True)
    with pytest.raises(PlacingError, match="say --replace"):
        target(library, "mine", replace=False)
    with pytest.raises(PlacingError, match="cannot be called 'A B'"):
        target(library, "A B", replace=False)
    assert target(library, "mine", replace=True) == library.own / "mine"


def test_a_model_of_ours_is_copied_whole(tmp_path: Path) -> None:
    source = folders.make(tmp_path / "source")
    (source / "card.md").write_text("# tiny")
    (tmp_path / "copy").mkdir()
    copied(source, tmp_path / "copy")
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == [
        "card.md",
        "model.onnx",
        "model.toml",
        "stage0.npz",
        "tokenizer.json",
    ]
    assert tried(tmp_path / "copy").version == tried(source).version == "tiny@3"


def test_a_trial_asks_in_every_language(tmp_path: Path) -> None:
    assert tried(folders.make(tmp_path / "m", languages=["de"])).version == "tiny@3"


def test_a_model_that_scores_nothing_fails_its_trial(tmp_path: Path) -> None:
    heads = [folders.binary("toxicity", 0, ["response"], fused=[1e30, 1e30, 0.0])]
    folder = folders.make(tmp_path / "m", head=heads)
    assert tried(folder).version == "tiny@3"  # far from sensible, but probabilities
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:-40])
    with pytest.raises(ModelError, match=r"model\.onnx .*truncated, changed or corrupt"):
        tried(folder)


def test_probes_are_of_many_kinds_and_none_twice() -> None:
    assert len(set(PROBES)) == len(PROBES) >= 40
    assert any(len(text) > 1_000 for text in PROBES)
    assert {"toxicity", "refusal", "jailbreak"} <= SIGNALS
