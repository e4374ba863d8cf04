"""What every local classifier promises, asked of each: the small one of the tests and the one that ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.classifiers.contract import HAZARDS, Classifier, Item, Role, Scored
from proxy.classifiers.guard import Guard
from proxy.classifiers.loading import find_model
from tests.unit.classifiers.folders import make

TEXTS = [
    "",
    " ",
    "ok",
    "How do I bake bread?",
    "\ud83d half a pair \udc00",
    "\x00\x01\x7f",
    "a" * 20_000,
    "你好",
    "word " * 3_000,
    "<script>alert(1)</script>",
    "[CLS] [SEP] [MASK] [PAD]",
    "\U0001d4ef\U0001d4ea\U0001d4f7\U0001d4ec\U0001d502",
]


@pytest.fixture(scope="module", params=["tiny", "shipped"])
def classifier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    folder: Path = find_model() if request.param == "shipped" else make(tmp_path_factory.mktemp("contract"))
    return Guard.load(folder)


def holds(classifier: Classifier, scored: Scored) -> None:
    """One result is as the contract says."""
    assert scored.version == classifier.version
    numbers = [*scored.scores.values(), *scored.hazards.values(), *scored.topics.values()]
    assert all(0 <= number <= 1 for number in numbers)
    assert scored.flags.keys() <= scored.scores.keys()
    assert set(scored.hazards) <= set(HAZARDS)
    if scored.out_of_scope is not None:
        assert not numbers and scored.embedding is None
    elif scored.embedding is not None:
        assert scored.embedding.dtype == np.float32
        assert abs(float(np.linalg.norm(scored.embedding)) - 1) < 1e-3


@pytest.mark.parametrize("role", Role)
def test_no_text_raises_and_each_has_one_result_in_order(classifier: Classifier, role: Role) -> None:
    items = [Item(text, role, prompt) for text in TEXTS for prompt in ("", TEXTS[4])]
    found = classifier.score(items)
    assert len(found) == len(items)
    for scored in found:
        holds(classifier, scored)
    assert [one.out_of_scope is None for one in found[::2]] == [one.out_of_scope is None for one in found[1::2]]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.builds(Item, st.text(max_size=60), st.sampled_from(Role), st.text(max_size=30)), max_size=3))
def test_scores_are_the_same_again_and_in_order(classifier: Classifier, items: list[Item]) -> None:
    found, again = classifier.score(items), classifier.score(items[::-1])[::-1]
    assert [dict(one.scores) for one in found] == [dict(one.scores) for one in again]
    for scored in found:
        holds(classifier, scored)


def test_nothing_in_nothing_out(classifier: Classifier) -> None:
    assert classifier.score([]) == []
    assert "@" in classifier.version
