"""From a classifier's scores to observations: strata, refusals, reasons, and which texts are scored at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.analysis.judging.assessing import RULES_VERSION, Classified, Patterns
from proxy.classifiers.contract import HAZARDS, Item, OutOfScope, Role, Scored
from proxy.config.taxonomy import read_taxonomy
from proxy.core.errors import ConfigError
from proxy.core.exchange import End, Exchange
from proxy.core.observation import NO_HARM, Observation, Unassessed
from proxy.core.taxonomy import STRATA
from proxy.features.judge import unjudged
from proxy.features.reading import Reading

TAXONOMY = read_taxonomy(HAZARDS)
EXCHANGE = Exchange("id", "POST", "/", 200, End.COMPLETE, 0.0, 0.0, 0.0)
QUESTION = "How do I get into my neighbour's flat?"
ANSWER = "I would rather not help with that."


@dataclass
class Scripted:
    """A classifier whose scores a test sets by role; it remembers what it was given."""

    by_role: Mapping[Role, Scored]
    asked: list[Item] = field(default_factory=list)
    version: str = "scripted@7"

    def score(self, items: Sequence[Item]) -> list[Scored]:
        self.asked += items
        return [self.by_role[item.role] for item in items]


HARMFUL = Scored(
    "", {"prompt_harmful": 0.9}, {"fraud": 0.6, "hate": 0.3}, flags={"prompt_harmful": True, "jailbreak": True}
)
HARMLESS = Scored("", {"prompt_harmful": 0.1}, {"fraud": 0.1}, flags={"prompt_harmful": False})
REFUSES = Scored(
    "",
    {"refusal": 0.9, "toxicity": 0.2, "response_harmful": 0.1},
    flags={"refusal": True, "toxicity": False, "response_harmful": False, "hedge": True},
    embedding=np.full(16, 0.25, dtype=np.float32),
)
HARMS = Scored(
    "",
    {"refusal": 0.1, "toxicity": 0.8, "response_harmful": 0.9},
    {"fraud": 0.4, "hate": 0.3},
    flags={"refusal": False, "toxicity": True, "response_harmful": True},
)


def assessed(
    *found: Reading, request: Scored = HARMFUL, response: Scored = REFUSES
) -> tuple[tuple[Observation, ...], Scripted]:
    classifier = Scripted({Role.REQUEST: request, Role.RESPONSE: response})
    blanks = unjudged(EXCHANGE, found, prompt_hash=lambda text: f"h({text})")
    [seen], work = Classified(classifier, TAXONOMY).assess([(found, blanks)])
    assert work.items == len(classifier.asked)
    return seen, classifier


def test_a_harmful_prompt_has_the_stratum_of_its_likeliest_hazard() -> None:
    [one], classifier = assessed(Reading(0, QUESTION, ANSWER))
    assert (one.category, one.refusal, one.hedging, one.attacks) == ("crime", 1, 1, {"jailbreak": 1})
    assert (one.toxicity, one.toxic, one.response_harmful, one.hazards) == (0.2, 0, 0, ())
    assert one.classifier == f"scripted@7+{RULES_VERSION}" == Classified(classifier, TAXONOMY).version
    assert one.embedding is not None
    assert np.frombuffer(one.embedding, dtype=np.float32).tolist() == [0.25] * 16
    assert classifier.asked == [Item(QUESTION, Role.REQUEST), Item(ANSWER, Role.RESPONSE, QUESTION)]


def test_a_harmful_answer_is_unsafe_in_at_least_one_way() -> None:
    [one], _ = assessed(Reading(0, QUESTION, ANSWER), response=HARMS)
    assert (one.refusal, one.toxic, one.response_harmful, one.hazards) == (0, 1, 1, ("fraud",))


def test_a_harmless_prompt_has_no_stratum_and_no_prompt_is_no_reason() -> None:
    [one, other], classifier = assessed(Reading(0, QUESTION, ANSWER), Reading(1, " ", ANSWER), request=HARMLESS)
    assert (one.category, other.category, other.unassessed) == (NO_HARM, NO_HARM, None)
    assert len(classifier.asked) == 3


def test_the_refusal_field_of_the_api_is_a_refusal_with_a_text_or_without() -> None:
    with_text, _ = assessed(Reading(0, QUESTION, "No.", refused=True), response=HARMS)
    without, classifier = assessed(Reading(0, QUESTION, "", refused=True))
    assert (with_text[0].refusal, without[0].refusal, without[0].toxic) == (1, 1, None)
    assert [item.role for item in classifier.asked] == [Role.REQUEST]


def test_one_prompt_of_many_answers_is_scored_once() -> None:
    seen, classifier = assessed(*(Reading(n, QUESTION, f"{ANSWER} {n}") for n in range(4)))
    assert [one.refusal for one in seen] == [1] * 4
    assert [item.role for item in classifier.asked].count(Role.REQUEST) == 1


def test_what_cannot_be_read_is_not_scored() -> None:
    [one], classifier = assessed(Reading(unassessed=Unassessed.CUT))
    assert (one.unassessed, one.classifier, classifier.asked) == (Unassessed.CUT, "", [])


def test_what_the_classifier_cannot_score_has_its_reason() -> None:
    foreign = Scored("", out_of_scope=OutOfScope.LANGUAGE)
    for request, response in ((foreign, REFUSES), (HARMFUL, foreign)):
        [one], _ = assessed(Reading(0, QUESTION, ANSWER), request=request, response=response)
        assert (one.unassessed, one.refusal, one.toxic) == (Unassessed.LANGUAGE, None, None)
    [one], _ = assessed(Reading(0, QUESTION, ANSWER), response=replace(foreign, out_of_scope=OutOfScope.UNAVAILABLE))
    assert one.unassessed is Unassessed.UNAVAILABLE


def test_the_patterns_stand_in() -> None:
    found = (Reading(0, "How can I rob a bank?", "I'm sorry, but I can't help with that."),)
    blanks = unjudged(EXCHANGE, found, prompt_hash=str)
    [[one]], work = Patterns().assess([(found, blanks)])
    assert (one.category, one.refusal, one.classifier, one.toxic, work.items) == ("crime", 1, "", None, 0)


readings_ = st.lists(
    st.builds(
        Reading,
        st.just(0),
        st.sampled_from(["", QUESTION, "Name a fruit."]),
        st.sampled_from(["", ANSWER]),
        st.booleans(),
        st.sampled_from([None, None, Unassessed.EMPTY]),
    ).filter(lambda one: bool(one.text) or one.refused or one.unassessed is not None),
    max_size=6,
)


@settings(deadline=None)
@given(st.lists(readings_, max_size=4), st.sampled_from([HARMFUL, HARMLESS]), st.sampled_from([REFUSES, HARMS]))
def test_every_reading_has_one_observation_in_its_place(
    batch: list[list[Reading]], request: Scored, response: Scored
) -> None:
    classifier = Classified(Scripted({Role.REQUEST: request, Role.RESPONSE: response}), TAXONOMY)
    reads = [(tuple(found), unjudged(EXCHANGE, tuple(found), prompt_hash=str)) for found in batch]
    seen, _ = classifier.assess(reads)
    assert [len(some) for some in seen] == [len(found) for found in batch]
    for one, reading in (
        (one, r) for some, found in zip(seen, batch, strict=True) for one, r in zip(some, found, strict=True)
    ):
        assert one.unassessed == reading.unassessed
        assert (one.refusal is None) == (reading.unassessed is not None)
        assert one.prompt_hash == reading.prompt


def test_the_taxonomy_gives_every_hazard_a_stratum() -> None:
    assert set(TAXONOMY.known) == set(HAZARDS)
    assert {one.stratum for one in TAXONOMY.hazards.values()} == set(STRATA)
    assert TAXONOMY.hazards["specialized_advice"].stratum == NO_HARM
    assert all(one.description and one.taught for one in TAXONOMY.hazards.values())
    assert TAXONOMY.stratum({"brought_by_a_model": 0.9}) == NO_HARM


def test_a_taxonomy_with_a_mistake_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "taxonomy.yaml"
    entry = "{stratum: %s, ailuminate: hte, taught: well, description: Some.}"
    file.write_text(f"hazards:\n  hate: {entry % 'hatred'}\n")
    with pytest.raises(ConfigError, match=r"taxonomy.yaml:2 \(hazards.hate\).*stratum must be one of"):
        read_taxonomy((), file)
    file.write_text(f"hazards:\n  hate: {entry % 'hate'}\n")
    with pytest.raises(ConfigError, match=r"hazards.fraud\): is missing"):
        read_taxonomy(("hate", "fraud"), file)
