"""What an answer is counted under besides its judgement: system prompt, context bands, regenerations, triggers."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from proxy.analysis.judging.regenerations import Regenerations
from proxy.analysis.judging.systems import Systems
from proxy.analysis.judging.twins import Turnout, Twins
from proxy.core.baselines.fingerprint import SAMPLING, SYSTEM, TOOLS
from proxy.core.exchange import Purpose
from proxy.core.observation import NO_HARM, Observation
from proxy.dialects.contract import Request
from proxy.features.answer_shapes import NO, YES
from proxy.features.bands import prompt_band, turns_band
from proxy.features.reading import Reading

SYSTEMS_CACHED_MAX: Final = 256  # system prompts whose hash is remembered: most of a route's requests share one
HASHED_CHARS_MAX: Final = 65_536
ATTACKS: Final = ("jailbreak", "injection")

Triggers = Callable[[str], tuple[str, ...]]


def no_triggers(_: str) -> tuple[str, ...]:
    """Where no patterns are loaded."""
    return ()


class Describing:
    """One for the process; called from one thread at a time. `keyed_hash` as `prompt_key.prompt_hasher` gives it."""

    def __init__(self, keyed_hash: Callable[[str], str]) -> None:
        self.systems = Systems()
        self.marks = {signal: Systems() for signal in (SYSTEM, TOOLS, SAMPLING)}
        self.triggers: Triggers = no_triggers
        self._regenerations = Regenerations()
        self._twins = {False: Twins(), True: Twins()}  # of candidates, and of bases
        self._user_hash = keyed_hash
        self._hash = lru_cache(maxsize=SYSTEMS_CACHED_MAX)(keyed_hash)

    def before(self, reading: Reading, seen: Observation) -> Observation:
        """With all that needs no judgement of the answer."""
        asked = reading.asked
        if asked is None or seen.purpose is not Purpose.USER:
            return seen
        system = self._hash(asked.system[:HASHED_CHARS_MAX])
        return replace(
            seen,
            system=system,
            answer_id=self._user_hash(reading.id),
            contexts=(
                f"prompt:{prompt_band(seen.prompt_chars)}",
                f"turns:{turns_band(seen.turns)}",
                f"system:{self.systems.name(seen.route, system)}",
            ),
            triggers=self.triggers(reading.prompt),
            shapes={**seen.shapes, "regenerated": self._regenerated(asked, seen), **self._marks(asked, seen)},
        )

    def after(self, reading: Reading, seen: Observation, **more: Any) -> Observation:
        """With what only a judgement gives, and with `more` fields: each copy of an observation costs some time."""
        shapes = judged_shapes(seen)
        if seen.purpose is Purpose.USER and seen.refusal is not None and not seen.choice:
            turnout = Turnout(seen.refusal, len(reading.text).bit_length())
            differs = self._twins[seen.base_served].is_inconsistent(seen.route, reading.prompt, turnout)
            if differs is not None:
                shapes["inconsistent"] = YES if differs else NO
        return replace(seen, shapes=shapes, **more)

    def keep(self, routes: Container[str]) -> None:
        """Forget what is known of other routes. May be called from another thread."""
        for systems in (self.systems, *self.marks.values()):
            systems.keep(routes)
        for twins in self._twins.values():
            twins.keep(routes)

    def _marks(self, asked: Request, seen: Observation) -> dict[str, str]:
        """What the deployment fixes in each request: the traffic's part of a context fingerprint."""
        texts = {SYSTEM: asked.system, TOOLS: asked.offered, SAMPLING: asked.sampling}
        return {
            signal: self.marks[signal].name(seen.route, self._hash(text[:HASHED_CHARS_MAX]))
            for signal, text in texts.items()
        }

    def _regenerated(self, asked: Request, seen: Observation) -> str:
        if seen.unassessed is not None or seen.choice or not seen.prompt_hash:
            return NO
        question = (seen.route, self._user_hash(asked.user), seen.prompt_hash, seen.turns, seen.prompt_chars)
        return YES if self._regenerations.is_again(question, seen.time_s) else NO


def judged_shapes(seen: Observation) -> dict[str, str]:
    """The drift signals that only a judgement gives, added to the others."""
    shapes = dict(seen.shapes)
    shapes["harm_share"] = "harmless" if seen.category == NO_HARM else "harmful"
    if seen.attacks:
        shapes["attack"] = next((name for name in ATTACKS if seen.attacks.get(name)), "none")
    if seen.topic:
        shapes["topic"] = seen.topic
    return shapes
