"""What hazards mean: to which stratum of refusal each belongs, and its code in MLCommons AILuminate. Pure data.

`policies/taxonomy.yaml` is read into this by `config.taxonomy`; classifiers bring the hazard names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.core.declare import FORBID_UNKNOWN
from proxy.core.errors import ConfigError, Place
from proxy.core.observation import NO_HARM

STRATA: Final = ("violence", "crime", "cyber", "privacy", "hate", "self_harm", "sexual", NO_HARM)


class Taught(StrEnum):
    """How much the labelled data can teach a classifier of a hazard."""

    WELL = "well"
    SOME = "some"
    THIN = "thin"  # few texts: a classifier may miss most of it
    WORDS = "words"  # no texts on purpose: a rule on words stands in its place, and no classifier has it


@dataclass(frozen=True, slots=True)
class Hazard:
    """One hazard. `ailuminate` is "" where AILuminate v1.0 has none. Raises ValueError for an unknown stratum."""

    __pydantic_config__ = FORBID_UNKNOWN
    stratum: str
    ailuminate: str
    taught: Taught
    description: str

    def __post_init__(self) -> None:
        if self.stratum not in STRATA:
            raise ValueError(f"stratum must be one of {', '.join(STRATA)} (given: {self.stratum!r})")


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """Hazards by name."""

    __pydantic_config__ = FORBID_UNKNOWN
    hazards: Mapping[str, Hazard]

    @property
    def known(self) -> tuple[str, ...]:
        """The hazards that a classifier can score."""
        return tuple(name for name, one in self.hazards.items() if one.taught is not Taught.WORDS)

    def stratum(self, hazards: Mapping[str, float]) -> str:
        """The stratum of a harmful text, from its hazards' probabilities: that of the likeliest; NO_HARM of none."""
        known = [name for name in hazards if name in self.hazards]
        return self.hazards[max(known, key=lambda name: hazards[name])].stratum if known else NO_HARM

    def require(self, names: Iterable[str], file: str) -> None:
        """Raises ConfigError where one of these hazards has no entry: a prompt of it would have no stratum."""
        places = [Place(file, None, f"hazards.{name}") for name in names if name not in self.hazards]
        if places:
            raise ConfigError([(place, "is missing: say its stratum") for place in places])
