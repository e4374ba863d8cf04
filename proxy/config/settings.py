"""Every setting: type, default, unit, meaning and the reason for it. docs/configuration.md is made of these files.

Plain dataclasses, so that the traffic process can hold them without the validator (`load.py` has that, and runs in
the analysis process or in a child of its own). Names end in their unit. Sections are in `sections/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proxy.config.sections.judging import Classifiers, PolicySettings, Sampling
from proxy.config.sections.serving import DENIED_PATHS, Drain, Limits, Listen, Timeouts, Upstream
from proxy.config.sections.watching import Analysis, Discovery, Link, RouteSettings, StoreSettings
from proxy.core.declare import FORBID_UNKNOWN, setting


@dataclass(frozen=True, slots=True)
class Settings:
    """The root. Environment variables `GROUNDWIRE_SECTION__KEY` override the file, flags override both."""

    __pydantic_config__ = FORBID_UNKNOWN
    state_dir: str = setting(
        "",
        'Folder for the database, the enforcement file and the sockets; "" is $XDG_STATE_HOME/groundwire or '
        "~/.local/state/groundwire.",
        "A user can start it as it is; a container names a volume.",
    )
    policy: str = setting("default", "Name of a shipped policy (default, observe, strict) or path of a policy file.")
    checks_file: str = setting(
        "",
        'YAML file of check prompts, which a base must refuse before a revert is armed; "" is policies/checks.yaml.',
        "A base that refuses what is harmful in your own domain is the better proof.",
    )
    triggers_file: str = setting(
        "",
        'YAML file of known triggers, patterns that are searched in prompts; "" is policies/triggers.yaml.',
        "Harm in answers to prompts with a trigger is counted apart: add the phrases that you suspect.",
    )
    baseline_prompts_file: str = setting(
        "",
        "File of known harmful prompts (a YAML list or .jsonl lines, each a text or {prompt, category}). The base of a "
        'route is asked these to make its baseline; "" learns baselines from live traffic.',
        "What the base does is known before the candidate can have gone wrong. Naming a file allows Groundwire to ask "
        "the base these prompts in its own name, two at a time, in mode shadow too.",
    )
    baseline_review_s: float = setting(
        2_592_000.0,
        "A baseline that nobody has confirmed or replaced for this long is due for review: said in the log and in "
        "`baseline list`. 0 never reminds.",
        "Thirty days: what users ask drifts slowly.",
    )
    pane_s: float = setting(60.0, "Length of a pane of the counters.", "Detection section 2.")
    close_lag_s: float = setting(
        120.0,
        "A pane closes this long after its end at the latest; later counts are shown and enter no evidence. It closes "
        "sooner on a route where 999 of 1,000 of the last answers were counted sooner after their requests started.",
        "Detection section 3: the p99.9 latency, at most 120 s.",
    )
    client_half_close: Literal["abort", "allow"] = setting(
        "abort",
        "What a client's FIN means while its response is owed.",
        "SDKs hang up so; the model should stop at once.",
    )
    tenant_header: str = setting(
        "",
        "Header that names the tenant of a request, as a gateway before Groundwire sets it. Without it, a tenant is "
        "the body's `safety_identifier` or `user`, else the credential.",
        "One tenant may not revert a route for all; a client that may name itself can pass for many.",
    )
    tenant_salt: str = setting(
        "",
        "Key of the hash that puts tenants into four shards; the same on every replica.",
        "Two bits of the hash leave the traffic process: nobody can be found by them. The key keeps tenants from "
        "choosing their shard.",
    )
    x_forwarded: bool = setting(False, "Append X-Forwarded-For, -Proto and -Host.")
    denied_paths: tuple[str, ...] = setting(
        DENIED_PATHS,
        "Paths answered 403: `PATH` or `METHOD PATH` (a final * matches the rest).",
        "They change the server behind Groundwire's back, and the server's API key does not protect them.",
    )
    replicas: int = setting(
        1,
        "How many replicas of Groundwire serve these routes. With more than one, automatic actions are held unless "
        "`store.kind` is a shared one.",
        "Pods that decide alone flap: a route would be reverted on some of them.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting("info", "Log level of both processes.")
    log_format: Literal["auto", "json", "text"] = setting(
        "auto",
        "json: one object a line. text: words. auto: text on a terminal, else json.",
        "A collector reads JSON, a person at a terminal words; neither has to say so.",
    )
    log_libraries_level: Literal["debug", "info", "warning", "error"] = setting(
        "warning",
        "Log level of the libraries below. Of their messages only words and numbers are logged, never values.",
        "At info they write a line for each call of the control API.",
    )
    listen: Listen = setting(Listen, "Addresses.")
    upstreams: dict[str, Upstream] = setting(
        lambda: {"default": Upstream()}, "Model servers by name; `default` is the first choice."
    )
    limits: Limits = setting(Limits, "Bounds.")
    timeouts: Timeouts = setting(Timeouts, "Timeouts.")
    drain: Drain = setting(Drain, "Shutdown.")
    link: Link = setting(Link, "The wire between the processes.")
    analysis: Analysis = setting(Analysis, "The analysis process.")
    store: StoreSettings = setting(StoreSettings, "Where counters are kept.")
    classifiers: Classifiers = setting(Classifiers, "What judges texts.")
    sampling: Sampling = setting(Sampling, "Which answers are analysed.")
    policies: PolicySettings = setting(PolicySettings, "Policies beside the live one.")
    discovery: Discovery = setting(Discovery, "Route discovery.")
    routes: dict[str, RouteSettings] = setting(dict, "Routes by public model name.")
