"""The samples that the name tagger learns from: offsets that hold, whatever fills a wording. All names are invented."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.recipes.names import fit, lexicon, samples
from proxy.sensitive import names_model as m
from proxy.sensitive.names import spans

LISTS = lexicon.Lists(
    given={"Ottila": 5.0, "Bram": 1.0, "Ann Lee": 1.0},
    family={"Vandersloot": 5.0, "Quist": 1.0},
    towns={"Eastmoor": 1.0, "Bad Wellen": 9.0},
    countries=("Norland", "South Ridge"),
)
SEEDS = st.integers(0, 10_000)


def drawn(seed: int) -> samples.Drawn:
    return samples.Drawn(LISTS, random.Random(seed))


def test_every_wording_fills_and_marks_what_it_drew() -> None:
    made = list(samples.filled(drawn(1)))
    assert len(made) > 10_000
    known = {word for some in (LISTS.given, LISTS.family) for name in some for word in name.lower().split()}
    for sample in made:
        for start, end, kind in sample.spans:
            assert sample.text[start:end].strip() == sample.text[start:end] != ""
            if kind == "PERSON":
                assert any(word in sample.text[start:end].lower() for word in known)


@given(SEEDS)
def test_the_same_seed_gives_the_same_names(seed: int) -> None:
    assert [drawn(seed).person() for _ in range(3)] == [drawn(seed).person() for _ in range(3)]


@given(SEEDS)
def test_people_are_renamed_and_all_else_stays(seed: int) -> None:
    text = "Yesterday Tom Dean of Acme met Sue in Oslo."
    marks = ((10, 18, "PERSON"), (22, 26, "organisation"), (31, 34, "PERSON"), (38, 42, "GPE"))
    made = samples.renamed(samples.Sample(text, marks), drawn(seed))
    said = [made.text[start:end] for start, end, _ in made.spans]
    assert said[1] == "Acme"
    assert said[3] == "Oslo"
    assert made.text == f"Yesterday {said[0]} of Acme met {said[2]} in Oslo."


def test_usage_tells_words_from_names() -> None:
    texts = ["so the bread was good, and Bram ate bread"] * 6
    assert samples.usage(texts)["bread"] == 3
    assert samples.usage(texts)["bram"] == 1


def test_a_teacher_is_not_believed_where_a_person_is_called_like_a_word() -> None:
    sample = samples.Sample("Bread and Bram", ((0, 5, "PERSON"), (10, 14, "PERSON")))
    trusted = samples.untrusted(sample, {"bread": 3})
    assert trusted.spans == ((10, 14, "PERSON"),)
    assert trusted.ignored == ((0, 5),)


def test_the_lexicon_holds_each_part_of_a_name() -> None:
    flags = lexicon.flags(LISTS, {"bread": 3, "bram": 1})
    assert flags["bram"] == m.GIVEN | 1 << m.USAGE_SHIFT
    assert flags["lee"] & m.GIVEN
    assert flags["wellen"] & m.PLACE_COMMON
    assert flags["bread"] >> m.USAGE_SHIFT == 3


def test_a_fit_learns_whom_the_context_names() -> None:
    known = fit.lexicon_of(lexicon.flags(LISTS, {}))
    people = [samples.Sample(f"Dear {name},", ((5, 5 + len(name), "PERSON"),)) for name in ("Bram", "Ottila", "Xo")]
    towns = [samples.Sample(f"We live in {name} now", ((11, 11 + len(name), "GPE"),)) for name in ("Eastmoor", "Uplo")]
    rng = np.random.default_rng(3)
    data = fit.examples((people + towns) * 40, known, rng)
    model = fit.rounded(known, fit.fitted(data, rng))
    assert [(span.type, span.start) for span in spans("Dear Zzyzx,", model)] == [("PERSON", 5)]
    assert [(span.type, span.start) for span in spans("We live in Zzyzx now", model)] == [("GPE", 11)]
