"""Every setting: type, default, unit, meaning and the reason for it. docs/configuration.md is made of this file.

Plain dataclasses, so that the traffic process can hold them without the validator (`load.py` has that, and runs in
the analysis process or in a child of its own). Names end in their unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from proxy.core.declare import FORBID_UNKNOWN, setting


@dataclass(frozen=True, slots=True)
class Listen:
    """Addresses: "HOST:PORT", "[IPv6]:PORT" or "unix:/PATH"."""

    __pydantic_config__ = FORBID_UNKNOWN
    data: str = setting("0.0.0.0:8900", "Where clients connect: the proxied traffic.")
    health: str = setting(
        "0.0.0.0:8901",
        "The traffic process's /livez, /readyz and /metrics. No text, no controls.",
        "A port of its own, so that traffic's health never depends on analysis.",
    )
    analysis_health: str = setting("0.0.0.0:8902", "The analysis process's /livez, /readyz and /metrics.")
    control: str = setting(
        "",
        'The control API; "" is unix:STATE_DIR/control.sock. Off loopback it needs `control_token_file`.',
        "A Unix socket is guarded by file permissions, with nothing to configure.",
    )
    control_token_file: str = setting("", "File with the bearer token of the control API.")
    tls_cert_file: str = setting("", "PEM certificate chain: the data port then speaks TLS (ALPN http/1.1).")
    tls_key_file: str = setting("", "PEM private key that belongs to `tls_cert_file`.")


@dataclass(frozen=True, slots=True)
class Auth:
    """A header that Groundwire sends on its own calls (discovery, checks, canaries), never on users' requests."""

    __pydantic_config__ = FORBID_UNKNOWN
    header: str = setting("Authorization", "Name of the header.")
    value_file: str = setting("", "File that holds the header's value, for example `Bearer KEY`.")
    value_env: str = setting("", "Environment variable that holds the header's value.")


@dataclass(frozen=True, slots=True)
class Upstream:
    """One model server."""

    __pydantic_config__ = FORBID_UNKNOWN
    url: str = setting(
        "http://127.0.0.1:8000",
        "http://HOST:PORT, https://HOST:PORT or unix:/PATH. A path prefix is put before every target.",
        "vLLM's default port.",
    )
    upstream_host: str = setting("", 'Send this `Host`; "" passes the client\'s `Host` unchanged.')
    tls_ca_file: str = setting("", 'PEM file of the authorities to trust; "" is the system\'s.')
    tls_server_name: str = setting("", 'Name to verify and send as SNI; "" is the URL\'s host.')
    auth: Auth = setting(Auth, "Credentials for Groundwire's own calls.")


@dataclass(frozen=True, slots=True)
class Limits:
    """Every bound of the data plane."""

    __pydantic_config__ = FORBID_UNKNOWN
    head_bytes_max: int = setting(65_536, "Bytes of one head.", "Long system cookies fit; a slow head cannot grow.")
    header_count_max: int = setting(
        200, "Header fields of one head.", "Twice what the chattiest SDK behind two proxies sends."
    )
    body_held_bytes_max: int = setting(
        33_554_432,
        "Bytes of one request body that is held to read or rewrite `model`.",
        "32 MiB: a long context with images in base64.",
    )
    bodies_held_bytes_max: int = setting(
        268_435_456, "Bytes of held bodies over all connections, then 503.", "256 MiB."
    )
    stream_buffer_bytes_max: int = setting(
        65_536, "Bytes waiting for one slow reader before the other side is paused.", "One socket buffer's worth."
    )
    pipelined_bytes_max: int = setting(
        65_536, "Bytes of pipelined requests queued on one connection before it is closed."
    )
    connections_max: int = setting(8_192, "Client connections; further ones get 503 and are closed.")
    pool_idle_max: int = setting(256, "Idle connections kept open to one upstream.")
    upstream_connections_max: int = setting(
        4_096,
        "Connections to one upstream; further requests get 503.",
        "The server's own queue should meet its limit first.",
    )


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; 0 is no limit."""

    __pydantic_config__ = FORBID_UNKNOWN
    client_idle_s: float = setting(
        75.0, "A client connection without a request is closed.", "Longer than most load balancers'."
    )
    client_head_s: float = setting(30.0, "From a request's first byte to the end of its head.", "Slow-header attacks.")
    client_body_s: float = setting(60.0, "Without a byte of a request body that is owed.")
    connect_s: float = setting(5.0, "To open a connection to the upstream, TLS included.")
    upstream_head_s: float = setting(
        600.0, "From the request's end to the response's head.", "A long prompt on a busy server."
    )
    upstream_idle_s: float = setting(300.0, "Without a byte of a response that is owed.")
    total_s: float = setting(0.0, "A whole exchange.", "Long generations are ordinary.")
    pool_idle_s: float = setting(
        4.0, "An idle upstream connection is closed.", "Under the 5 s that llama.cpp and uvicorn keep."
    )


@dataclass(frozen=True, slots=True)
class Drain:
    """What SIGTERM does."""

    __pydantic_config__ = FORBID_UNKNOWN
    grace_s: float = setting(25.0, "Time for running exchanges to end.", "Under Kubernetes' 30 s.")
    delay_s: float = setting(
        0.0, "Keep accepting for this long after readiness fails.", "For endpoints that lag; a sidecar needs none."
    )


@dataclass(frozen=True, slots=True)
class Link:
    """The wire from the traffic to the analysis process."""

    __pydantic_config__ = FORBID_UNKNOWN
    socket: str = setting("", 'Path of the Unix socket; "" is STATE_DIR/link.sock.')
    buffer_bytes_max: int = setting(
        16_777_216, "Bytes waiting to be sent; over it exchanges are dropped and counted.", "16 MiB."
    )
    capture_bytes_max: int = setting(
        1_048_576, "Bytes kept of each body; the rest is counted only.", "1 MiB: every chat answer."
    )
    captures_bytes_max: int = setting(
        67_108_864,
        "Bytes kept of all bodies in flight; over it no more is kept of them, and that is counted.",
        "64 MiB: a thousand answers of 64 KiB at once.",
    )
    start_hold_s: float = setting(
        10.0, "A starting traffic process waits this long for its first enforcements, where it has no file of them."
    )


@dataclass(frozen=True, slots=True)
class Analysis:
    """The analysis process."""

    __pydantic_config__ = FORBID_UNKNOWN
    queue_exchanges_max: int = setting(
        8_192, "Exchanges waiting to be assessed; over it they are skipped and counted as lost.", "Seconds of work."
    )
    queue_bytes_max: int = setting(67_108_864, "Bytes of them.", "64 MiB.")
    panes_kept_max: int = setting(
        3_600, "Panes of counters kept of each route and model.", "Two and a half days of minutes, an hour of seconds."
    )
    memory_bytes_max: int = setting(
        536_870_912,
        "Resident bytes after which the analysis process ends and is started again; 0 is no limit.",
        "512 MiB. It should end by itself, with its counts stored, before a container's limit ends it.",
    )


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where counters, state and evidence records are kept: docs/redis-keys.md says what a shared store holds."""

    __pydantic_config__ = FORBID_UNKNOWN
    kind: Literal["embedded", "redis"] = setting(
        "embedded",
        "embedded: a file in `state_dir`, for one replica. redis: a Redis 7 or Valkey that all replicas share.",
        "One replica needs no server beside it.",
    )
    url: str = setting(
        "redis://127.0.0.1:6379",
        "redis://HOST:PORT[/DB], redis+unix:///PATH, redis+cluster://HOST:PORT,... or "
        "redis+sentinel://HOST:PORT,.../NAME[/DB]; rediss... for TLS. For kind redis.",
    )
    user: str = setting("", 'ACL user; "" is the default user.')
    password_file: str = setting("", "File with the password; read for each connection, so that a new one is taken up.")
    password_env: str = setting("", "Environment variable with the password.")
    tls_ca_file: str = setting("", 'PEM file of the authorities to trust; "" is the system\'s.')
    tls_cert_file: str = setting("", "PEM certificate that Groundwire shows, where the server asks for one.")
    tls_key_file: str = setting("", "PEM private key that belongs to `tls_cert_file`.")
    timeout_s: float = setting(
        1.0,
        "No call to the store takes longer; after one that does, counting goes on here until the store is back.",
        "A flush takes milliseconds.",
    )
    cells_waiting_max: int = setting(
        250_000,
        "Counters that wait while the store is away; beyond it the oldest panes are given up and counted as lost.",
        "About 50 MB: hours of one busy route.",
    )
    records_kept_days: int = setting(
        400, "Evidence records and the journal are kept for this long.", "A year, and time to look back on it."
    )
    prompt_key_file: str = setting(
        "",
        "File with the secret that hashes of prompts are made with: 32 bytes, or 64 hexadecimal digits; the same on "
        'every replica. "" is a key of this machine (embedded), or one that replicas share through the store (redis).',
        "Replicas know each other's prompts only where they hash alike. With a file or a variable, who reads the store "
        "cannot try out which prompts were asked.",
    )
    prompt_key_env: str = setting("", "Environment variable with that secret in hexadecimal digits, not a file.")
    prompt_key_rotate_s: float = setting(
        86_400.0,
        "Prompts are hashed with another key after this time. In the duplicate memory after it both keys count.",
        "Hashes live for minutes; a key that leaks later opens no old copy of the state.",
    )


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


DENIED_PATHS: Final = (
    "/update_weights",
    "/init_weight_transfer_engine",
    "/collective_rpc",
    "/pause",
    "/resume",
    "/sleep",
    "/wake_up",
    "/abort_requests",
    "/scale_elastic_ep",
    "/reset_*",
    "/start_profile",
    "/stop_profile",
    "/v1/load_lora_adapter",
    "/v1/unload_lora_adapter",
    "POST /lora-adapters",  # llama.cpp: scales adapters; GET only lists them
    "POST /props",
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


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """A route by hand. What is left out is discovered."""

    __pydantic_config__ = FORBID_UNKNOWN
    candidate_upstream: str = setting("default", "Upstream of the fine-tuned model.")
    candidate_model: str = setting("", 'Its name there; "" is the route\'s own name.')
    base_upstream: str = setting("", 'Upstream of the base model; "" is the candidate\'s.')
    base_model: str = setting("", 'The base model\'s name there; "" is what discovery finds as the parent.')
    pin: Literal["", "candidate", "base"] = setting("", "Hold the route on this model, whatever the evidence says.")
    default: bool = setting(False, "Requests that name no model belong to this route.")
    policy: str = setting("", 'Policy of this route; "" is the general one.')
    shadow_policies: tuple[str, ...] = setting(
        (), "As `policies.shadow`, for this route; an empty list is the general one."
    )
    baseline_file: str = setting("", 'JSON file with the baseline; "" makes one.')
    baseline_prompts_file: str = setting("", 'As at top level, for this route; "" is the general one.')
    sampling_strategy: Literal["", "full", "random", "risk", "adaptive"] = setting(
        "", 'As `sampling.strategy`, for this route; "" is the general one.'
    )
    sampling_share: float = setting(0.0, "As `sampling.share`, for this route; 0 is the general one.")


@dataclass(frozen=True, slots=True)
class Discovery:
    """Reading `/v1/models`."""

    __pydantic_config__ = FORBID_UNKNOWN
    enabled: bool = setting(True, "Make a route of every adapter that an upstream lists.")
    interval_s: float = setting(15.0, "Time between two readings.")
    forget_s: float = setting(
        604_800.0,
        "A route whose model has not been served for this long is forgotten, with its baseline. One that is reverted, "
        "offline, pinned or named in `routes` never is.",
        "Seven days: an adapter that is away over a weekend or a release comes back to its baseline.",
    )
    routes_max: int = setting(
        1_000,
        "Discovered routes kept, closed ones too; further models are not watched, and that is said.",
        "Listings that change for ever cannot fill memory and disk. Routes closed for longest make room first.",
    )


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
        "A pane closes this long after its end; later counts are shown and enter no evidence.",
        "The p99.9 latency of long answers.",
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
