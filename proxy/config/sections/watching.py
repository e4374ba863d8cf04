"""What the analysis and control planes are told: the link, queues, the store, discovery, routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proxy.core.declare import FORBID_UNKNOWN, setting


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
