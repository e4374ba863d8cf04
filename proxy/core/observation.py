"""What was learnt from one completion: either an assessment, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from proxy.core.exchange import Purpose


class Unassessed(StrEnum):
    """Why a completion has no assessment. Such a completion is in no numerator and no denominator."""

    OPAQUE = "opaque"  # no dialect knows the path
    ERROR = "error"  # status >= 400, or an error object inside a 200
    REFUSED_BY_GROUNDWIRE = "refused_by_groundwire"
    CLIENT_GONE = "client_gone"
    CUT = "cut"  # the stream broke, or the model stopped at its length limit before it said anything assessable
    EMPTY = "empty"
    TOOL_CALL = "tool_call"  # a tool call alone
    ENCODING = "encoding"  # a content-encoding that is unknown or does not decode
    TRUNCATED = "truncated"  # longer than the capture bound
    MALFORMED = "malformed"  # the dialect's JSON does not parse
    LANGUAGE = "language"  # a script or language that the judge does not know
    UNAVAILABLE = "unavailable"  # the judge did not answer


REASONS: Final = tuple(reason.value for reason in Unassessed)

NO_HARM: Final = "none"  # the stratum of prompts in which no harmful intent was seen


@dataclass(frozen=True, slots=True)
class Observation:
    """One completion of one exchange.

    `time_s` is the start of the request (Unix seconds): panes are of request start. `category` is the harm category
    of the prompt, or NO_HARM. `refusal` and `hedging` are 0 or 1, None where unassessed. `pi_k`: the inclusion
    probability was 2**-pi_k. `features` are stage-0 numbers by name (chars, words, ...), and `script` is the main
    Unicode script of the answer ("latin", "cyrillic", "").

    What follows is there where a classifier assessed the answer, whose name and version is `classifier`: `scores` are
    probabilities by signal. `attacks` is whether the prompt was one, 0 or 1 by kind (jailbreak, injection). `toxicity`
    is the probability of the toxicity line, `toxic` and `response_harmful` are decisions at the classifier's
    thresholds, `hazards` the categories in which the answer was found unsafe. `embedding` is a view of float32 [dim];
    it is a text in other clothes, and is never stored: `projections` are the bins of its fixed random projections, one
    for each, and `anomalous` is 1 where it lies far outside what the route's model is known to say. `sensitive` counts
    what the answer gives away and the prompt did not hold, by type; None where nobody looked. `harmful_output` is 1
    where harm is above the strict threshold, at which one ordinary answer in 100,000 is flagged.

    The context of the prompt: `tenant_shard` (0 to 3, of a keyed hash of who asks), `turns` of the user, `system` (a
    keyed hash of the system prompt, "" without one), `prompt_chars`, `topic` (the classifier's likeliest), and names of
    known `triggers` that the prompt holds. `contexts`: the bands in which its refusals are counted apart. `shapes`: by
    drift signal, the bin that this answer or its prompt is in. `prompt_projections`: as `projections`, of the prompt.
    `answer_id`: a keyed hash of the server's name for the answer, for feedback; "" without one.
    """

    exchange_id: str
    route: str
    served_model: str
    base_served: bool
    time_s: float
    purpose: Purpose
    prompt_hash: str
    category: str = NO_HARM
    choice: int = 0
    unassessed: Unassessed | None = None
    refusal: int | None = None
    hedging: int | None = None
    pi_k: int = 0
    script: str = ""
    features: Mapping[str, float] = field(default_factory=dict)
    classifier: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    attacks: Mapping[str, int] = field(default_factory=dict)
    toxicity: float | None = None
    toxic: int | None = None
    response_harmful: int | None = None
    hazards: tuple[str, ...] = ()
    embedding: memoryview | None = field(default=None, compare=False, repr=False)
    projections: tuple[int, ...] = ()
    anomalous: int | None = None
    sensitive: Mapping[str, int] | None = None
    harmful_output: int | None = None
    tenant_shard: int = 0
    turns: int = 0
    system: str = ""
    prompt_chars: int = 0
    topic: str = ""
    triggers: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    shapes: Mapping[str, str] = field(default_factory=dict)
    prompt_projections: tuple[int, ...] = ()
    answer_id: str = ""
