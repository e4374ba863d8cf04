"""What the name tagger is fitted on: own wordings with drawn names, and ordinary texts that a teacher has marked."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.recipes.names.lexicon import Lists, Weighted

WORDINGS: Final = Path(__file__).parent / "wordings.txt"
FILLS: Final = 110  # of each wording
LOWER_SHARE: Final = 0.08  # of samples that are written without capitals
REPLACED: Final = 0.6  # of the people in a teacher's text
_SLOT = re.compile(r"\{([A-Z])\}")
_TITLES: Final = (
    "Mr.",
    "Mrs.",
    "Ms.",
    "Dr.",
    "Mr",
    "Ms",
    "Dr",
    "Professor",
    "Prof.",
    "Miss",
    "Sir",
    "Captain",
    "Judge",
)
_PARTICLES: Final = ("van", "de", "von", "der", "di", "da", "bin", "al", "del", "le")
_ENDINGS: Final = (
    "Inc|Inc.|Ltd|Ltd.|LLC|GmbH|Group|Corp|Corporation|Partners|Bank|& Co|Holdings|AG|Insurance|Systems|"
    "Foundation|Labs|Media|Airlines|Foods|Energy|University|Hospital|Institute"
).split("|")
_COINED: Final = (
    "Nortrex|Velora|Quantix|Brightpath|Solvent|Kestrel|Meridian|Bluefin|Oakridge|Zentara|Halcyon|Vantage|"
    "Lumina|Orbis|Pinnacle|Argos|Helix|Summit|Evergreen|Ironwood|Cobalt|Aurora|Beacon|Catalyst|Dynamo|Fathom|"
    "Glacier|Harbor|Ember"
).split("|")
_PRODUCTS: Final = (
    "Galaxy S9|ThinkPad X1|Vectron 500|Model T|Kindle|Firefox|Android|Word|Photoshop|Civic|Corolla|"
    "PlayStation|Excel|Bluetooth Speaker|Smart Watch|Coffee Maker|Python|Java|JavaScript|Rust|Docker|Linux|"
    "Postgres|Redis|Kubernetes|Windows|Alexa|Siri|ChatGPT|Llama|Gemini|Tesla|Mercedes|Ford|Bitcoin|Netflix|"
    "Jupiter|Venus|Mercury|Saturn|Apollo|Zeus|Monopoly|Tetris|Pascal|Ruby|Julia|Swift|Jenkins|Django|Claude|"
    "Mistral"
).split("|")
_TITLE_WORDS: Final = (
    "Night|River|Silence|Garden|Shadow|Winter|Light|Stone|Letters|Summer|Storm|Ocean|Dream|Road|House|Mirror|"
    "Fire|Last|Golden|Broken|Lost|Hidden|Secret|Blue|Red|Silver|Endless|Quiet"
).split("|")
_STREETS: Final = ("Street", "Road", "Avenue", "Lane", "Drive", "Court", "Way", "Boulevard")


@dataclass(frozen=True, slots=True)
class Sample:
    """A text and its spans (start, end, class); words in `ignored` spans teach nothing. weight: how much it counts."""

    text: str
    spans: tuple[tuple[int, int, str], ...]
    ignored: tuple[tuple[int, int], ...] = ()
    weight: float = 1.0


class Drawn:
    """Draws names by a seed: half of the time by how common they are, half evenly."""

    def __init__(self, held: Lists, rng: random.Random) -> None:
        self.rng = rng
        self._held = held
        self._even = {id(some): list(some) for some in (held.given, held.family, held.towns)}
        self._heavy = {id(some): list(_cumulative(some)) for some in (held.given, held.family, held.towns)}

    def given(self) -> str:
        return self._one(self._held.given)

    def family(self) -> str:
        return self._one(self._held.family)

    def town(self) -> str:
        return self._one(self._held.towns)

    def country(self) -> str:
        return self.rng.choice(self._held.countries)

    def person(self) -> str:
        """A name in one of the ways that people write them."""
        given, family, roll = self.given(), self.family(), self.rng.random()
        initial = self.rng.choice("ABCDEFGHJKLMNPRSTW")
        forms = (
            (0.55, f"{given} {family}"),
            (0.70, given),
            (0.77, f"{given} {initial}. {family}"),
            (0.79, f"{given} {initial} {family}"),
            (0.81, f"{initial}. {family}"),
            (0.825, f"{initial}.{self.rng.choice('ABCDEJKLMPRST')}. {family}"),
            (0.86, family),
            (0.88, f"{given} {family}-{self.family()}"),
            (0.90, f"{given} {self.rng.choice(_PARTICLES)} {family}"),
            (0.94, f"{given} {family}".upper()),
            (0.97, f"{given} {self.given()} {family}"),
            (1.01, f"{given} {family} {self.family()}"),
        )
        return next(form for most, form in forms if roll < most)

    def organisation(self) -> str:
        """A firm, often with a family's name."""
        kind = self.rng.randrange(5)
        if kind == 0:
            return f"{self.family()} {self.rng.choice(_ENDINGS)}"
        if kind == 1:
            return f"{self.family()}, {self.family()} and {self.family()}"
        if kind == 2:
            return f"{self.family()}-{self.family()}"
        coined = self.rng.choice(_COINED)
        return f"{coined} {self.rng.choice(_ENDINGS)}" if kind == 3 else coined

    def street(self) -> str:
        name = self.rng.choice((self.family(), self.town(), self.rng.choice(_TITLE_WORDS)))
        return f"{self.rng.randrange(1, 999)} {name} {self.rng.choice(_STREETS)}"

    def work(self) -> str:
        return " ".join(self.rng.sample(_TITLE_WORDS, self.rng.randrange(1, 4)))

    def namesake(self) -> str:
        """A name that a street or a firm has from someone."""
        return self.rng.choice((self.family, self.family, self.town, self.given))()

    def product(self) -> str:
        return self.rng.choice(_PRODUCTS)

    def _one(self, some: Weighted) -> str:
        names = self._even[id(some)]
        if self.rng.random() < 0.5:
            return self.rng.choice(names)
        return self.rng.choices(names, cum_weights=self._heavy[id(some)])[0]


def _cumulative(some: Weighted) -> Iterator[float]:
    total = 0.0
    for weight in some.values():
        total += weight
        yield total


def filled(drawn: Drawn) -> Iterator[Sample]:
    """Each own wording FILLS times."""
    for line in WORDINGS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            wording = line.replace("\\n", "\n").replace("{{", "{").replace("}}", "}")
            for _ in range(FILLS if "{" in line else FILLS // 10):
                yield lowered(_fill(wording, drawn), drawn.rng)


def _fill(wording: str, drawn: Drawn) -> Sample:
    text, spans, at = "", [], 0
    for slot in _SLOT.finditer(wording):
        text += wording[at : slot.start()]
        before, value, kind = _value(slot[1], drawn)
        text += before
        if kind:
            spans.append((len(text), len(text) + len(value), kind))
        text += value
        at = slot.end()
    return Sample(text + wording[at:], tuple(spans))


def _value(slot: str, drawn: Drawn) -> tuple[str, str, str]:
    """(what stands before it, what it says, its class)."""
    if slot == "T":
        return f"{drawn.rng.choice(_TITLES)} ", drawn.family(), "PERSON"
    if slot == "E":
        return "", f"{drawn.given()}.{drawn.family()}@mail.example".replace(" ", ""), ""
    return "", *_called(slot, drawn)


def _called(slot: str, drawn: Drawn) -> tuple[str, str]:
    if slot in "PFL":
        return {"P": drawn.person, "F": drawn.given, "L": drawn.family}[slot](), "PERSON"
    if slot == "O":
        return drawn.organisation(), "organisation"
    if slot in "CN":
        return (drawn.town() if slot == "C" else drawn.country()), "GPE"
    return {"S": drawn.street, "W": drawn.work, "X": drawn.product, "K": drawn.namesake}[slot](), ""


def renamed(sample: Sample, drawn: Drawn) -> Sample:
    """The text with some of its people called otherwise, so that names are learnt from what stands around them."""
    text, at = "", 0
    spans: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(sample.spans):
        said = sample.text[start:end]
        text += sample.text[at:start]
        value = _other_name(said, drawn) if kind == "PERSON" and drawn.rng.random() < REPLACED else said
        spans.append((len(text), len(text) + len(value), kind))
        text += value
        at = end
    return Sample(text + sample.text[at:], tuple(spans), weight=sample.weight)


def _other_name(said: str, drawn: Drawn) -> str:
    if " " in said:
        return drawn.person()
    return drawn.given() if drawn.rng.random() < 0.7 else drawn.family()


def lowered(sample: Sample, rng: random.Random) -> Sample:
    """Some samples without capitals, where that changes no offset."""
    lower = sample.text.lower()
    if len(lower) != len(sample.text) or rng.random() >= LOWER_SHARE:
        return sample
    return Sample(lower, sample.spans, sample.ignored, sample.weight)


_USED = re.compile(r"(?<=[a-z,;] )[^\W\d_]{2,20}(?!\w)")


def usage(texts: Iterable[str]) -> dict[str, int]:
    """Lower-case word -> 1 mostly capitalised, 2 mostly lower case, 3 nearly always lower case; within sentences."""
    lower: Counter[str] = Counter()
    capital: Counter[str] = Counter()
    for text in texts:
        for word in _USED.findall(text):
            if word.islower():
                lower[word] += 1
            elif word[1:].islower():
                capital[word.lower()] += 1
    return {word: level for word in lower | capital if (level := _level(lower[word], capital[word]))}


def _level(lower: int, capital: int) -> int:
    if lower >= 5 and lower >= 19 * capital:
        return 3
    if lower >= 2 and lower > capital:
        return 2
    return 1 if capital >= 3 else 0


def untrusted(sample: Sample, usage_of: Mapping[str, int]) -> Sample:
    """A teacher's people who are called like ordinary words teach nothing."""
    doubtful = tuple(
        (start, end)
        for start, end, kind in sample.spans
        if kind == "PERSON" and all(usage_of.get(word, 0) >= 2 for word in sample.text[start:end].lower().split())
    )
    kept = tuple(span for span in sample.spans if span[:2] not in doubtful)
    return Sample(sample.text, kept, doubtful + sample.ignored, sample.weight)


def shuffled(samples: Sequence[Sample], rng: random.Random) -> list[Sample]:
    """In an order that the seed gives."""
    return rng.sample(samples, len(samples))
