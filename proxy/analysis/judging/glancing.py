"""Stage 0: what a cheap look says of an exchange before it is sampled. Blocking; called in a thread.

A glance misses little: a prompt is taken for harmful from a probability of 0.2 on, at a cue word, or with a known
trigger. Thresholds are set by `python -m bench.glance` on texts that the model never saw (guard-small@2, 2,099 texts,
200 of each source, most of them hard): the share that a glance finds of what the whole model flags, and the share of
the others that it takes for the same. What is taken without need costs time only.

    prompt_harmful .2   99 %, 13 %      toxicity .15          87 %, 13 %
    jailbreak .15       93 %, 2 %       response_harmful .2   93 %, 20 %
    injection .05       90 %, 2 %       (of 15 jailbreaks and 20 injections: few)

It took 0.7 ms a text, the whole model 19 ms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from proxy.classifiers.contract import Classifier, Item, Looks, Role, Scored
from proxy.core.observation import NO_HARM, Observation
from proxy.core.sampling import Glance
from proxy.features.harm_cues import category_of
from proxy.features.reading import Reading

PROMPT_HARMFUL: Final = "prompt_harmful"
HARMFUL_MIN: Final = 0.2  # probability that a prompt is harmful
RISKY_PROMPT: Final = {"jailbreak": 0.15, "injection": 0.05}  # probabilities from which a prompt,
RISKY_ANSWER: Final = {"toxicity": 0.15, "response_harmful": 0.2}  # or an answer, is risky

Read = tuple[tuple[Reading, ...], tuple[Observation, ...]]  # of one exchange, one by one


def glance_of(read: Read) -> Glance:
    """By cue words alone."""
    found, blanks = read
    prompts = dict.fromkeys(one.prompt for one in found)
    harmful = any(category_of(prompt) != NO_HARM for prompt in prompts if prompt)
    return Glance(harmful or any(one.triggers for one in blanks))


def glances(classifier: Classifier, batch: Sequence[Read]) -> list[Glance]:
    """By the classifier's stage 0 and by cue words; by these alone where it has none."""
    if not isinstance(classifier, Looks):
        return [glance_of(read) for read in batch]
    texts = [one for found, _ in batch for one in found]
    prompts = dict.fromkeys(one.prompt for one in texts if one.prompt.strip())
    items = [Item(prompt, Role.REQUEST) for prompt in prompts]
    items += [Item(one.text, Role.RESPONSE) for one in texts]
    scored = classifier.look(items) if items else []
    asked = dict(zip(prompts, scored, strict=False))
    said = iter(scored[len(prompts) :])
    return [_glance(read, asked, [next(said) for _ in read[0]]) for read in batch]


def _glance(read: Read, asked: Mapping[str, Scored], answers: Sequence[Scored]) -> Glance:
    prompts = [asked[one.prompt] for one in read[0] if one.prompt in asked]
    harmful = any(one.scores.get(PROMPT_HARMFUL, 0.0) >= HARMFUL_MIN for one in prompts)
    risky = any(_reaches(one, RISKY_PROMPT) for one in prompts) or any(_reaches(one, RISKY_ANSWER) for one in answers)
    return Glance(harmful or glance_of(read).harmful, risky)


def _reaches(scored: Scored, least: Mapping[str, float]) -> bool:
    return any(scored.scores.get(signal, 0.0) >= p for signal, p in least.items())
