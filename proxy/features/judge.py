"""From readings to observations by cue lists alone: the judge where no classifier is loaded, and of its own checks.

It knows English (rule 6: prompt and answer must be in a language that the cue lists know, else LANGUAGE). Each
completion is one observation; what can be judged at all is said in `reading`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Final

from proxy.core.exchange import Body, Exchange, Purpose
from proxy.core.observation import NO_HARM, Observation, Unassessed
from proxy.dialects.contract import Dialect, Plain
from proxy.features import script
from proxy.features.answer_shapes import chars_given, shapes_of
from proxy.features.formatting import formatting
from proxy.features.harm_cues import category_of
from proxy.features.hedging import is_hedged
from proxy.features.reading import FEATURED_CHARS_MAX, Reading, readings
from proxy.features.refusal_patterns import is_refusal
from proxy.features.shape import shape
from proxy.features.vocabulary import distinct_share

# Part of every baseline's identity: raise it with any change of what is judged how (a test holds the verdicts).
JUDGE_VERSION: Final = "patterns-2"


def observations(
    exchange: Exchange,
    *,
    dialect: Dialect,
    decode: Callable[[Body], Plain],
    prompt_hash: Callable[[str], str],
    pi_k: int = 0,
    purpose: Purpose = Purpose.USER,
) -> tuple[Observation, ...]:
    """One observation for each completion, or one with the reason why the exchange has none; never empty.

    prompt_hash: a keyed hash of the judged prompt text; "" is hashed where no prompt could be read
    """
    found = readings(exchange, dialect=dialect, decode=decode)
    blanks = unjudged(exchange, found, prompt_hash=prompt_hash, pi_k=pi_k, purpose=purpose)
    return judged(found, blanks)


def unjudged(
    exchange: Exchange,
    found: tuple[Reading, ...],
    *,
    prompt_hash: Callable[[str], str],
    pi_k: int = 0,
    purpose: Purpose = Purpose.USER,
) -> tuple[Observation, ...]:
    """What is known of each reading before anybody judged it: whose it is, its features, and why it cannot be."""
    blank = Observation(
        exchange_id=exchange.id,
        route=exchange.route,
        served_model=exchange.served_model,
        base_served=exchange.base_served,
        time_s=exchange.started_s,
        purpose=purpose,
        prompt_hash="",
        pi_k=pi_k,
    )
    hashed = cache(prompt_hash)  # a prompt has up to CHOICES_MAX answers
    return tuple(_described(exchange, one, blank, hashed(one.prompt)) for one in found)


def _described(exchange: Exchange, one: Reading, blank: Observation, prompt_hash: str) -> Observation:
    """With all that needs no judgement."""
    written = script.main_script(one.text) if one.text else ""
    numbers = features(one.text) if one.text else {}
    asked = one.asked
    return replace(
        blank,
        prompt_hash=prompt_hash,
        choice=one.choice,
        unassessed=one.unassessed,
        script=written,
        features=numbers,
        turns=0 if asked is None else asked.turns,
        prompt_chars=0 if asked is None else chars_given(asked),
        shapes=shapes_of(exchange, one, numbers, written),
    )


def judged(found: tuple[Reading, ...], blanks: tuple[Observation, ...]) -> tuple[Observation, ...]:
    """The same observations with the patterns' verdicts. The two belong together, one by one."""
    category, known = cache(_category), cache(script.is_judgeable)  # reading a prompt is most of the work
    return tuple(
        _judged(replace(blank, category=category(one.prompt)), one, asked_in_english=known(one.prompt))
        for one, blank in zip(found, blanks, strict=True)
    )


def features(text: str) -> Mapping[str, float]:
    """The stage-0 numbers of an answer's first FEATURED_CHARS_MAX, by name; docs/signals.md says what each means."""
    text = text[:FEATURED_CHARS_MAX]
    return {**shape(text)._asdict(), "distinct_share": distinct_share(text), **formatting(text)._asdict()}


def _category(prompt: str) -> str:
    return category_of(prompt) if prompt else NO_HARM


def _judged(blank: Observation, reading: Reading, *, asked_in_english: bool) -> Observation:
    if blank.unassessed is not None:
        return blank
    if not asked_in_english or not script.is_judgeable(reading.text):
        return replace(blank, unassessed=Unassessed.LANGUAGE)
    refuses = reading.refused or is_refusal(reading.text)
    return replace(blank, refusal=int(refuses), hedging=int(is_hedged(reading.text)))
