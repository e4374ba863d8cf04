"""Several classifiers as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from proxy.analysis.judging.classifier import Chosen
from proxy.classifiers.contract import HAZARDS, Classifier, Item, OutOfScope, Role, Scored
from proxy.classifiers.guard import Guard
from proxy.classifiers.together import Together
from proxy.config.sections.judging import Classifiers
from proxy.config.taxonomy import read_taxonomy
from tests.unit.classifiers import folders

ITEM = Item("a text", Role.RESPONSE)


class Says:
    """Always says the same."""

    def __init__(self, said: Scored) -> None:
        self.version = said.version
        self._said = said

    def score(self, items: Sequence[Item]) -> list[Scored]:
        return [self._said for _ in items]


def merged(*said: Scored) -> Scored:
    together: Classifier = Together([Says(one) for one in said])
    (one,) = together.score([ITEM])
    assert one.version == together.version
    return one


FIRST = Scored(
    "a@1",
    {"toxicity": 0.1, "refusal": 0.9},
    {"fraud": 0.2},
    {"home": 1.0},
    {"toxicity": False, "refusal": True},
    np.ones(1, np.float32),
)
SECOND = Scored("b@2", {"toxicity": 0.8, "policy.rude": 0.7}, flags={"toxicity": True, "policy.rude": True})


def test_the_others_add_signals_and_the_last_word_is_theirs() -> None:
    one = merged(FIRST, SECOND)
    assert one.version == "a@1, b@2"
    assert one.scores == {"toxicity": 0.8, "refusal": 0.9, "policy.rude": 0.7}
    assert one.flags == {"toxicity": True, "refusal": True, "policy.rude": True}
    assert (one.hazards, one.topics, one.embedding is FIRST.embedding) == ({"fraud": 0.2}, {"home": 1.0}, True)


def test_what_one_cannot_read_another_may() -> None:
    foreign = Scored("a@1", out_of_scope=OutOfScope.LANGUAGE)
    assert merged(foreign, SECOND).scores == SECOND.scores
    assert merged(foreign, SECOND).out_of_scope is None
    assert merged(FIRST, Scored("b@2", out_of_scope=OutOfScope.LANGUAGE)).scores == FIRST.scores
    assert merged(foreign, Scored("b@2", out_of_scope=OutOfScope.EMPTY)).out_of_scope is OutOfScope.LANGUAGE


def test_one_alone_is_itself() -> None:
    assert merged(FIRST) is not None
    assert merged(FIRST).scores == FIRST.scores
    assert Together([Says(FIRST)]).score([]) == []


async def test_the_analysis_process_loads_all_and_takes_a_change_of_any(tmp_path: Path) -> None:
    took_over: list[str] = []
    chosen = Chosen(Guard.load, read_taxonomy(HAZARDS), lambda assessor: took_over.append(assessor.version))
    model = folders.make(tmp_path / "model")
    own = folders.make(tmp_path / "own", name="own", head=[folders.binary("policy.rude", 0, ["response"])])
    await chosen.take(Classifiers(model=str(model), also=(str(own),)))
    assert "tiny@3, own@3" in took_over[-1]
    folders.make(own, name="own", version="4")
    for _ in range(2):
        await chosen.look()
    assert "tiny@3, own@4" in took_over[-1]
    (own / "tokenizer.json").unlink()
    for _ in range(2):
        await chosen.look()
    assert "tokenizer.json" in chosen.wrong
    assert "tiny@3, own@4" in took_over[-1], "the old ones stay"
