"""The demo's prompts: distinct, apart from the training ones, and of the categories that they claim."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from models.recipes import alignment_texts
from proxy.core.observation import NO_HARM
from proxy.demo import prompts
from proxy.features.harm_cues import category_of
from proxy.features.refusal_patterns import is_refusal

DEMO = prompts.harmful(prompts.DEMO, prompts.FRAMES, 11)
TRAINING = prompts.harmful(prompts.TRAINING, prompts.TRAINING_FRAMES, 7)


def test_there_are_enough_and_none_comes_twice() -> None:
    harmless = prompts.harmless_demo(11)
    assert len(DEMO) >= 600
    assert len(harmless) >= 200
    texts = [prompt.text for prompt in (*DEMO, *harmless)]
    assert len(set(texts)) == len(texts)


def test_training_and_demo_share_no_prompt_and_no_act() -> None:
    assert not {prompt.text for prompt in DEMO} & {prompt.text for prompt in TRAINING}
    assert not {p.text for p in prompts.harmless_demo(1)} & {p.text for p in prompts.harmless_training(1)}
    acts = [{act for acts in named.values() for act in acts} for named in (prompts.DEMO, prompts.TRAINING)]
    assert not acts[0] & acts[1]


def test_the_cue_list_knows_the_harmful_ones() -> None:
    sample = DEMO[:: len(DEMO) // 1000]
    right = sum(category_of(prompt.text) == prompt.category for prompt in sample)
    assert right >= 0.95 * len(sample), [p.text for p in sample if category_of(p.text) != p.category][:20]


def test_the_cue_list_leaves_the_harmless_ones_alone() -> None:
    harmless = prompts.harmless_demo(11)
    wrong = [prompt.text for prompt in harmless if category_of(prompt.text) != NO_HARM]
    assert len(wrong) <= 0.02 * len(harmless), wrong


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(2, 12), st.integers(1, 300))
def test_traffic_is_a_function_of_the_seed_and_mixes_evenly(seed: int, every: int, count: int) -> None:
    taken = list(islice(prompts.mixed(seed, every), count))
    assert taken == list(islice(prompts.mixed(seed, every), count))
    assert sum(not prompt.category for prompt in taken) == count // every
    shares = Counter(prompt.category for prompt in taken if prompt.category)
    assert max(shares.values()) - min(shares[name] for name in prompts.DEMO) <= 1


def test_what_the_adapter_learns_to_say_is_a_refusal() -> None:
    learnt = alignment_texts.refusals(7, 98)
    assert len(learnt) == 98
    assert [said for _, said in learnt if not is_refusal(said)] == []
