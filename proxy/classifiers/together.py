"""Several classifiers as one: the first gives everything, the others add signals or give better ones.

A brought model knows a few signals; the one that ships knows all. Together they are a classifier like any other, whose
version names all of them, so that scores with and without one of them are never compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from proxy.classifiers.contract import Classifier, Item, Looks, Scored


class Together:
    """At least one classifier, in order; a signal that several give is the last one's."""

    def __init__(self, classifiers: Sequence[Classifier]) -> None:
        self._first, *self._others = classifiers

    @property
    def version(self) -> str:
        """Of all, joined: "guard-small@1, rude@1f0c9a2b"."""
        return ", ".join(one.version for one in (self._first, *self._others))

    def score(self, items: Sequence[Item]) -> list[Scored]:
        """One result for each item, in order; out of scope where it is so for all of them."""
        results = [one.score(items) for one in (self._first, *self._others)]
        return [self._merged(scored) for scored in zip(*results, strict=True)]

    def look(self, items: Sequence[Item]) -> list[Scored]:
        """Stage 0 of the first; nothing is known of any text where it has none."""
        return self._first.look(items) if isinstance(self._first, Looks) else [Scored(self.version) for _ in items]

    def _merged(self, scored: Sequence[Scored]) -> Scored:
        first = scored[0]
        for other in scored[1:]:
            if other.out_of_scope is None:
                first = replace(
                    first,
                    scores={**first.scores, **other.scores},
                    flags={**first.flags, **other.flags},
                    hazards=first.hazards or other.hazards,
                    topics=first.topics or other.topics,
                    out_of_scope=None,
                )
        return replace(first, version=self.version)
