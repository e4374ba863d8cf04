"""How answers are chosen and judged: classifiers, sampling, shadow policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proxy.core.declare import FORBID_UNKNOWN, setting


@dataclass(frozen=True, slots=True)
class RemoteClassifier:
    """A classifier on another machine that judges a share of the answers: docs/remote-classifiers.md."""

    __pydantic_config__ = FORBID_UNKNOWN
    name: str = setting("", "Its name in counts, metrics and logs: lower-case letters, digits, `_` and `-`.")
    kind: Literal["", "openai_moderation", "perspective", "llama_guard", "wildguard", "granite_guardian"] = setting(
        "",
        "Whose requests and answers it speaks: openai_moderation, perspective; or llama_guard, wildguard, "
        "granite_guardian, which are guard models behind chat completions.",
    )
    url: str = setting("", "http(s)://HOST[:PORT][/PREFIX]; the API's own path (/v1/...) is put after it.")
    model: str = setting("", "Name of the model there. Pin a dated one: scores of other versions do not compare.")
    key_env: str = setting("", "Environment variable with the API key.")
    key_file: str = setting("", "File with the API key; read for each request, so that a new key is taken up.")
    tls_ca_file: str = setting(
        "", 'PEM file of the authorities to trust; "" is the system\'s. There is no way to trust all.'
    )
    timeout_s: float = setting(10.0, "From connecting to the whole answer.", "A guard model on a busy GPU.")
    share: float = setting(0.05, "Share of answers that are sent, 0 to 1, chosen by a hash of the exchange's id.")
    requests_per_minute_max: int = setting(60, "No minute has more requests than this.", "One a second.")
    requests_per_day_max: int = setting(10_000, "No day has more requests than this; they are spread over the day.")
    redact: bool = setting(
        True,
        "Mask personal data and secrets before sending. Only a guard model of your own may do without.",
    )
    criterion: Literal[
        "harm", "jailbreak", "violence", "social_bias", "sexual_content", "profanity", "unethical_behavior"
    ] = setting("harm", "What granite_guardian asks; it answers one question a call. Others ignore this.")
    logprobs: bool = setting(
        True,
        "Ask guard models for the probabilities of their verdict; a server that refuses the fields needs false.",
        "Without them a score is 0 or 1.",
    )


@dataclass(frozen=True, slots=True)
class Classifiers:
    """What judges texts, in the analysis process. SIGHUP takes a change; so does a change of the model's files."""

    __pydantic_config__ = FORBID_UNKNOWN
    enabled: bool = setting(
        True,
        "Judge with a classifier; else, and where its model cannot be loaded, by cue lists.",
        "Its version is part of every baseline: a route that changes from one to the other needs a new baseline.",
    )
    model: str = setting("", 'Folder of the model, or the name of one that ships; "" is guard-small.')
    also: tuple[str, ...] = setting(
        (),
        "Folders of further models. Their signals are added; of a signal that `model` has too, theirs holds.",
        "A brought model knows a few signals, `model` all of them. Each costs its own time.",
    )
    previous: tuple[str, ...] = setting(
        (),
        "Folders of the classifier before this one (its `model`, then its `also`). It judges on for routes whose "
        "baseline is of its verdicts, until the new one has learnt a baseline that is put in force; then it is let go.",
        "Needed after a restart only: a classifier that is replaced in a running process stays in memory as long.",
    )
    threads: int = setting(
        1, "Threads of one pass of the model.", "More answers a second come from more replicas, not from more threads."
    )
    batch_items_max: int = setting(
        16, "Exchanges that are judged together.", "A batch of long answers takes about a second on one core."
    )
    batch_wait_ms: float = setting(
        20.0, "Longest time that an exchange waits for others to be judged with.", "Nobody waits for the verdict."
    )
    remote: tuple[RemoteClassifier, ...] = setting(
        (), "Classifiers on other machines, a list. None is asked unless it stands here."
    )


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which answers are analysed: docs/sampling.md. SIGHUP takes a change; `groundwire route sample` goes before it."""

    __pydantic_config__ = FORBID_UNKNOWN
    strategy: Literal["full", "random", "risk", "adaptive"] = setting(
        "adaptive",
        "full: all answers. random: `share` of them. risk: all that is risky, `share` of the rest. adaptive: all while "
        "`cpu_share` is kept, else fewer, of harmless traffic first.",
        "Small traffic is analysed whole, and a large one cannot flood the queue: lost answers are no random sample.",
    )
    share: float = setting(
        0.1, "Share of answers, above 0 to 1, for random and risk; rounded up to a power of two, at least 1/128.", "R3."
    )
    share_min: float = setting(
        0.0078125, "adaptive never goes below this share, rounded up in the same way.", "1/128: weights stay bounded."
    )
    cpu_share: float = setting(
        0.75,
        "Share of one core that judging may take; adaptive keeps to it, others do not look at it.",
        "A quarter of the thread is left to work off a burst.",
    )


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """Policies beside the live one."""

    __pydantic_config__ = FORBID_UNKNOWN
    shadow: tuple[str, ...] = setting(
        (),
        "Policies that see the same panes as the live one and change nothing: shipped names or paths, at most 4. "
        "`groundwire policy diff` prints what they would have done differently.",
        "A policy is tried on real traffic before it acts: docs/policies.md.",
    )
