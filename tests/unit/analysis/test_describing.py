"""System prompts by name, regenerations, context bands."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis.judging.describing import Describing, judged_shapes
from proxy.analysis.judging.regenerations import ENTRIES_MAX, MEMORY_S, Regenerations
from proxy.analysis.judging.systems import NONE, OTHER, SLOTS, TOP, Systems
from proxy.core.exchange import Purpose
from proxy.core.observation import Observation
from proxy.dialects.contract import Message, Request
from proxy.features.reading import Reading

BLANK = Observation("e", "r", "m", False, 100.0, Purpose.USER, "hash", turns=2, prompt_chars=9_000)
ASKED = Request(messages=(Message("system", "Be kind."), Message("user", "Hi")), system="Be kind.")


@given(st.lists(st.integers(0, 40), max_size=400))
def test_at_most_a_few_system_prompts_have_a_name(stream: list[int]) -> None:
    systems = Systems()
    names = {systems.name("r", f"{one:032x}") for one in stream} - {OTHER, NONE}
    assert len(names) <= SLOTS
    if len(set(stream)) <= TOP:
        assert OTHER not in {systems.name("r", f"{one:032x}") for one in stream}


def test_the_most_frequent_system_prompts_have_names_however_many_there_are() -> None:
    systems = Systems()
    told = Counter[str]()
    for n in range(6_000):
        often = f"{n % 8:032d}"
        rare = f"{1_000 + n:032d}"
        told[systems.name("r", often)] += 1
        told[systems.name("r", rare)] += 1
    assert told[OTHER] > 5_000  # nearly all of the rare ones
    assert all(told[f"{k:032d}"[:12]] for k in range(8))
    assert systems.name("r", "") == NONE
    systems.keep(())
    assert systems.name("r", "f" * 32) == "f" * 12


def test_asked_again_at_once_is_a_regeneration_and_later_is_not() -> None:
    memory = Regenerations()
    question = ("r", "user", "hash", 1, 10)
    assert not memory.is_again(question, 100.0)
    assert memory.is_again(question, 100.0 + MEMORY_S)
    assert not memory.is_again(question, 101.0 + 2 * MEMORY_S)
    assert not memory.is_again(("r", "another", "hash", 1, 10), 101.0 + 2 * MEMORY_S)


def test_what_is_remembered_has_a_bound() -> None:
    memory = Regenerations()
    for n in range(ENTRIES_MAX + 100):
        memory.is_again(("r", "", str(n), 1, 1), 100.0)
    assert len(memory) == ENTRIES_MAX
    memory.is_again(("r", "", "x", 1, 1), 101.0 + MEMORY_S)
    assert len(memory) == 1


def test_an_answer_is_described_by_its_context_and_holds_no_text() -> None:
    describing = Describing(lambda text: f"H({len(text)})" if text else "")
    seen = describing.before(Reading(0, "Hi", "Hello", asked=ASKED), BLANK)
    assert seen.system == "H(8)"
    assert seen.contexts == ("prompt:long", "turns:2-4", "system:H(8)")
    marks = {"context_system": "H(8)", "context_tools": "none", "context_sampling": "none"}
    assert seen.shapes == {"regenerated": "no", **marks}
    again = describing.before(Reading(0, "Hi", "Hello", asked=ASKED), BLANK)
    assert again.shapes == {"regenerated": "yes", **marks}
    assert describing.before(Reading(0, "Hi", "Hello"), BLANK) is BLANK


def test_what_a_judgement_adds() -> None:
    assert judged_shapes(BLANK) == {"harm_share": "harmless"}
    seen = Observation("e", "r", "m", False, 1.0, Purpose.USER, "h", "fraud", attacks={"jailbreak": 0, "injection": 1})
    assert judged_shapes(seen) == {"harm_share": "harmful", "attack": "injection"}
