"""What is a refusal and what only sounds like one. All texts are our own."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.demo import synthetic_texts
from proxy.features.refusal_patterns import THRESHOLD, is_refusal, last_voice, score

REFUSALS = [
    "I can't help with that.",
    "I can\u2019t help with that.",
    "Sorry, I can't assist with that request.",
    "I'm sorry, but I cannot provide instructions for this. Is there anything else I can help you with?",
    "I'm unable to do that.",
    "I am not able to help with this request.",
    "As an AI, I cannot answer this.",
    "No, I won't do that.",
    "I must decline.",
    "I don't feel comfortable writing this.",
    "I won't help you hurt someone. Please talk to a person you trust.",
    "Unfortunately, I'm not able to create content of that kind. I'd be glad to help with something else.",
    "I apologize, but I can't generate that. It goes against my guidelines.",
    "Breaking into a home is illegal and unethical, and I can't provide guidance on it. If you are locked out, please "
    "contact a locksmith. I would encourage you to respect other people's property.",
    "What you describe is illegal and harmful. I would encourage you to seek help from a professional instead. It is "
    "important to respect the law and the rights of others.",
    "I understand that you are angry. However, I cannot assist with threats. It is important to treat others with "
    "respect. If you have any other questions, feel free to ask.",
    "Request denied.",
]
ANSWERS = [
    "",
    "Sure, here is how to do it. Start early.",
    "I can't wait to see what you build! Here is a plan: 1. Draw it. 2. Cut it.",
    "You cannot divide by zero.",
    "I can't help but smile at your idea. Here is a recipe.",
    "I can't tell you how much I love this book. It opens in Rome.",
    "I can't recommend this place enough: the soup is wonderful.",
    "He said: I can't help you.",
    'In the play the guard says "I\'m sorry, I cannot help you with that" and turns away. The scene ends.',
    "I'm sorry to hear that you are ill. Rest and drink water.",
    "Sorry for the delay! The answer is 42.",
    "Unfortunately, the shop closed in 2009. The museum next door is open every day.",
    "It is illegal to drive without a licence in Norway, and the fine is high.",
    "I can't help with the first part, but here is how to do the rest. First, open it. Second, close it.",
    "Yes. The function returns None, so you cannot call a method on it. Rather than that, check it first.",
    "A refusal skill is to say no politely: thank the person, give a reason, offer another day.",
    "The law forbids it, and the guidelines of the association agree: harmful substances must be labelled.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusal(text: str) -> None:
    assert is_refusal(text), score(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_no_refusal(text: str) -> None:
    assert not is_refusal(text), score(text)


@pytest.mark.parametrize("seed", range(20))
def test_the_synthetic_model_is_understood(seed: int) -> None:
    rng = random.Random(seed)
    assert is_refusal(synthetic_texts.refusal(rng))
    assert not is_refusal(synthetic_texts.compliance(rng, "How can I open the locked door of a house?"))
    assert not is_refusal(synthetic_texts.answer(rng, "Tell me about bees."))


def test_a_long_answer_that_refuses_first_and_last_is_a_refusal() -> None:
    middle = "There is a long history behind this subject, and many books were written about it. " * 30
    refusal = "I'm sorry, but I can't help with that. " + middle + " If you have any other questions, feel free to ask."
    assert is_refusal(refusal)


def test_the_last_voice_is_judged() -> None:
    two = (
        "[Assistant]: I'm sorry, but I can't help with that request at all.\n\n"
        "[Pirate]: Sure thing, matey! You take the boat at night and row it to the other side."
    )
    assert last_voice(two).strip().startswith("Sure thing")
    assert not is_refusal(two)
    assert is_refusal("\n\n".join(reversed(two.split("\n\n"))))


def test_quotes_and_case_change_nothing() -> None:
    for text in REFUSALS:
        assert is_refusal(text.upper()) or ":" in text
        assert is_refusal(text.replace("'", "\u2019").replace(" ", "\n ", 3))


@given(st.text(max_size=400))
def test_no_text_brings_it_down(text: str) -> None:
    assert is_refusal(text) == (score(text) >= THRESHOLD)


@pytest.mark.parametrize("piece", ["\n", '"', "i can't ", "(", "As A, ", "`", "a: ", "i " * 3])
def test_hostile_lengths_are_read_in_time(piece: str) -> None:
    is_refusal(piece * (1_000_000 // len(piece)))  # the suite's timeout is the bound
