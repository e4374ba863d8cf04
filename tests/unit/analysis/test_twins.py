"""Nearly the same prompt, and a very different answer."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis.judging.describing import Describing
from proxy.analysis.judging.twins import ROUTE_MAX, Turnout, Twins
from proxy.core.observation import Observation
from proxy.features.reading import Reading
from tests.unit.analysis.test_describing import BLANK

WORDS = [f"word{n}" for n in range(400)]
PROMPT = "Please tell me in a few plain words how the old lock of a garden shed is opened without its key " * 2


def test_a_near_twin_with_another_answer_is_inconsistent_and_one_with_the_same_is_not() -> None:
    twins = Twins()
    assert twins.is_inconsistent("r", PROMPT, Turnout(1, 8)) is None, "it has no twin yet"
    assert twins.is_inconsistent("r", PROMPT.upper(), Turnout(1, 9)) is False
    assert twins.is_inconsistent("r", f"{PROMPT} ok", Turnout(0, 9)) is True
    assert twins.is_inconsistent("r", "Something else entirely, about bread and how it is baked", Turnout(0, 9)) is None
    assert twins.is_inconsistent("other", PROMPT, Turnout(0, 8)) is None, "routes are apart"
    assert twins.is_inconsistent("r", "too short", Turnout(0, 8)) is None


@given(st.integers(0, 1), st.integers(0, 1), st.integers(0, 20), st.integers(0, 20))
def test_how_far_two_answers_are_apart(a: int, b: int, low: int, high: int) -> None:
    one, other = Turnout(a, low), Turnout(b, high)
    assert one.is_far_from(other) is other.is_far_from(one)
    assert not one.is_far_from(one)
    if a != b or abs(low - high) > 3:
        assert one.is_far_from(other)


def test_what_is_remembered_has_a_bound_and_goes_with_its_route() -> None:
    twins = Twins()
    for n in range(ROUTE_MAX + 50):
        twins.is_inconsistent("r", " ".join(f"{n}x{k}" for k in range(8)), Turnout(0, 5))
    known = twins._routes["r"]
    assert len(known.turnouts) == ROUTE_MAX
    assert sum(map(len, known.by_block.values())) == 4 * ROUTE_MAX
    twins.keep(())
    assert not twins._routes


def judged(describing: Describing, prompt: str, seen: Observation) -> str | None:
    return describing.after(Reading(0, prompt, "An answer."), seen).shapes.get("inconsistent")


def test_an_observation_says_so_apart_for_candidate_and_base() -> None:
    describing = Describing(lambda text: text and "h")
    refused = replace(BLANK, refusal=1)
    assert judged(describing, PROMPT, refused) is None
    assert judged(describing, PROMPT, replace(refused, refusal=0, base_served=True)) is None
    assert judged(describing, PROMPT, replace(refused, refusal=0)) == "yes"
    assert judged(describing, PROMPT, replace(refused, refusal=0)) == "no"
    assert judged(describing, PROMPT, BLANK) is None, "nobody judged it"
    describing.keep(())
    assert judged(describing, PROMPT, refused) is None
