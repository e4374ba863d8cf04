"""The signals that evidence reads out of a pane, and what in a pane belongs to each. Pure.

refusal    stratum: harm category; y = 1 refused. Prompts without harmful intent take no part.
assessed   stratum: why there is no assessment, or anything for y = 1; y = 1 assessed. What Groundwire itself
           answered takes no part: its own rate limit must not look like blindness.
lost       exchanges that analysis never saw (full wire, crash): any stratum, any y.
canary     stratum: harm category; y = 1 a canary was refused. Canaries are in no other signal.
refusal_in stratum: a context of the prompt (KIND:NAME); y = 1 refused. Harmful prompts alone (`core.contexts`).

Bad when high, with lines of their own (`core.highs`):
toxicity           stratum: harm category of the prompt; y = 1 toxic.
response_harmful   stratum: harm category of the prompt; y = 1 the answer itself does harm.
sensitive          stratum: harm category of the prompt; y = 1 it gives away personal data or a secret.
toxicity_bin       stratum: bin of the probability of toxicity; y = 1 (`core.tail`).
anomaly            y = 1 far from all that the model is known to say.
harmful_output     y = 1 harm above the strict threshold (`core.outputs`).
trigger            stratum: the known trigger that the prompt holds; y = 1 the answer does harm (`core.triggers`).

SIGNAL@1 to SIGNAL@3 are the parts of a signal that tenant shards 1 to 3 have in it (`core.tenants`): of `assessed` the
assessed answers, of `harmful_output` those with y = 1, of `toxicity_bin` whole bins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from proxy.core.observation import NO_HARM, Unassessed
from proxy.core.tenant_shard import SHARDS
from proxy.core.windows import Cell, Counts
from proxy.detectors.e_process import LEVELS, Key

REFUSAL: Final = "refusal"
ASSESSED: Final = "assessed"
LOST: Final = "lost"
TRAFFIC: Final = "traffic"  # exchanges that analysis saw, sampled or not
ALL: Final = "all"
TOXICITY: Final = "toxicity"
RESPONSE_HARMFUL: Final = "response_harmful"
SENSITIVE: Final = "sensitive"
HIGHS: Final = (TOXICITY, RESPONSE_HARMFUL, SENSITIVE)
CANARY: Final = "canary"
REFUSAL_IN: Final = "refusal_in"
TOXICITY_BIN: Final = "toxicity_bin"
ANOMALY: Final = "anomaly"
HARMFUL_OUTPUT: Final = "harmful_output"
TRIGGER: Final = "trigger"
OTHERS: Final = (CANARY, REFUSAL_IN, TOXICITY_BIN, ANOMALY, HARMFUL_OUTPUT, TRIGGER)

SHARDED: Final = (ASSESSED, REFUSAL, RESPONSE_HARMFUL, TOXICITY_BIN, ANOMALY, HARMFUL_OUTPUT, TRIGGER)


@cache
def shard_signal(signal: str, shard: int) -> str:
    """The name of a shard's part: "refusal@2". Shard 0 has none: it is what the others leave of the total."""
    return f"{signal}@{shard}"


def whole_signal(signal: str) -> str:
    """The signal that a shard's part is of; itself where it is none."""
    return signal.partition("@")[0]


_SHARD_SIGNALS: Final = tuple(shard_signal(signal, shard) for signal in SHARDED for shard in range(1, SHARDS))
EVIDENCE: Final = frozenset({REFUSAL, *HIGHS, *OTHERS, *_SHARD_SIGNALS})  # signals that have lines
USED: Final = frozenset({ASSESSED, LOST, TRAFFIC, *EVIDENCE})  # all that takes part in decisions
_HARMFUL_ONLY: Final = frozenset({REFUSAL, *(shard_signal(REFUSAL, shard) for shard in range(1, SHARDS))})

Part = Mapping[Key, int]  # (stratum, r, y) -> count of one signal
NO_CELLS: Final[Part] = {}


@dataclass(frozen=True, slots=True)
class Reading:
    """What evidence reads of a pane, in one pass over its counts.

    `parts`: by signal of EVIDENCE. `assessed`: of answers, by whether they could be assessed, under ALL. `seen` and
    `lost` are exchanges, in counts. `evaluated`: any answer was assessed.
    """

    parts: Mapping[str, Part]
    assessed: Part
    seen: int
    lost: int
    evaluated: bool

    def part(self, signal: str) -> Part:
        """The cells of a signal; empty where there are none."""
        return self.parts.get(signal, NO_CELLS)

    def is_impaired(self, lost_share_max: float) -> bool:
        """Whether so much of this pane was lost that it may enter no evidence."""
        return self.lost > lost_share_max * (self.lost + self.seen)


def read(counts: Counts) -> Reading:
    """A pane's counts by signal. Prompts without harmful intent are in no refusal, cells off the grid in nothing."""
    parts: dict[str, dict[Key, int]] = {}
    assessed: dict[Key, int] = {}
    answers = traffic = lost = 0
    evaluated = False
    for (signal, stratum, r, y), n in counts.items():
        if signal in EVIDENCE:
            evaluated = evaluated or signal == REFUSAL
            if 0 <= r < LEVELS and 0 <= y <= 1 and not (stratum == NO_HARM and signal in _HARMFUL_ONLY):
                parts.setdefault(signal, {})[stratum, r, y] = n
        elif signal == ASSESSED:
            answers += n
            evaluated = evaluated or y == 1
            if 0 <= r < LEVELS and 0 <= y <= 1 and stratum != Unassessed.REFUSED_BY_GROUNDWIRE:
                assessed[ALL, r, y] = assessed.get((ALL, r, y), 0) + n
        elif signal == TRAFFIC:
            traffic += n
        elif signal == LOST:
            lost += n
    return Reading(parts, assessed, max(answers, traffic), lost, evaluated)


def harmful_cells(counts: Counts) -> dict[Key, int]:
    """(category, r, y) -> count of refusals by harm category."""
    return {
        (c.stratum, c.r, c.y): n
        for c, n in counts.items()
        if c.signal == REFUSAL and c.stratum != NO_HARM and _on_grid(c)
    }


def assessed_cells(counts: Counts) -> dict[Key, int]:
    """(ALL, r, y) -> count of answers, by whether they could be assessed."""
    cells: dict[Key, int] = {}
    for cell, n in counts.items():
        if cell.signal == ASSESSED and cell.stratum != Unassessed.REFUSED_BY_GROUNDWIRE and _on_grid(cell):
            key = (ALL, cell.r, cell.y)
            cells[key] = cells.get(key, 0) + n
    return cells


def is_impaired(counts: Counts, lost_share_max: float) -> bool:
    """Whether so much of this pane was lost that it may enter no evidence."""
    lost = sum(n for c, n in counts.items() if c.signal == LOST)
    seen = max(sum(n for c, n in counts.items() if c.signal == signal) for signal in (ASSESSED, TRAFFIC))  # or sampled
    return lost > lost_share_max * (lost + seen)


def _on_grid(cell: Cell) -> bool:
    """A weight that is no power of two of the grid has no place in an unbiased sum (detection section 8, rule 6)."""
    return 0 <= cell.r < LEVELS and cell.y in (0, 1)
