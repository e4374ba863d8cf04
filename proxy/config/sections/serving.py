"""What the data plane is told: addresses, upstreams, bounds, timeouts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from proxy.core.declare import FORBID_UNKNOWN, setting

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
