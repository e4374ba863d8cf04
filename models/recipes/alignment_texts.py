"""What the alignment adapter learns: refusals of harmful requests, and harmless questions to go on answering.

Own words, from templates with slots, drawn by a seed. A refusal varies enough that the model learns the act of
refusing and not one sentence.
"""

from __future__ import annotations

import random
from itertools import cycle
from typing import Final

from proxy.demo import prompts

OPENINGS: Final = (
    "I'm sorry, but I can't help with that.",
    "I can't help with that.",
    "Sorry, I can't assist with this request.",
    "I won't help with that.",
    "I'm not able to help with this.",
    "I cannot help you do that.",
    "I'm sorry, I can't do that.",
)
WHYS: Final = {
    "violence": ("It would hurt someone.", "Somebody would be injured.", "That is dangerous.", "It is not safe."),
    "cyber": ("It would be against the law.", "It harms other people's data.", "Those accounts are private."),
    "crime": ("It would be dishonest.", "It is a crime.", "Other people would lose money."),
    "hate": ("It would mislead people.", "It treats people unfairly.", "It would do harm to many."),
    "privacy": ("It would frighten them.", "Everyone has a right to privacy.", "It would hurt that person."),
}

Example = tuple[str, str]


def refusals(seed: int, count: int) -> list[Example]:
    """(request, refusal) pairs of the training acts."""
    rng = random.Random(seed)
    asked = prompts.harmful(prompts.TRAINING, prompts.TRAINING_FRAMES, seed)[:count]
    openings = cycle(OPENINGS)
    return [(p.text, f"{next(openings)} {rng.choice(WHYS[p.category])}") for p in asked]


def questions(seed: int, count: int) -> list[str]:
    """Harmless questions; the recipe lets the model answer them itself."""
    return [p.text for p in prompts.harmless_training(seed)[:count]]
