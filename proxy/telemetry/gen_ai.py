"""OpenTelemetry's metrics of generative AI servers, with the buckets that its conventions give.

They are of the exchanges that reach the analysis process, each at its weight: where coverage is thinned to 2^-k, one
stands for 2^k. What traffic had to drop is in none (`groundwire_exchanges_dropped_total`).
"""

from __future__ import annotations

from typing import Final

from proxy.telemetry.metrics import Kind, Label, Metric, one_of

MODELS_MAX: Final = 200

OPERATION: Final = one_of("gen_ai_operation_name", "chat", "text_completion", otel="gen_ai.operation.name")
PROVIDER: Final = one_of(
    "gen_ai_provider_name", "openai", "anthropic", "ollama", "tgi", "kserve", otel="gen_ai.provider.name"
)
REQUESTED: Final = Label(
    "gen_ai_request_model", "names of routes; other models are `other`", MODELS_MAX, "gen_ai.request.model"
)
SERVED: Final = Label(
    "gen_ai_response_model",
    "candidates and bases of routes, as they were asked upstream; other models are `other`",
    MODELS_MAX,
    "gen_ai.response.model",
)
ERROR: Final = Label(
    "error_type",
    "empty for a success, else the status from 400 to 599, client_gone, upstream_cut, upstream_failed or timed_out",
    24,
    "error.type",
)
TOKEN: Final = one_of("gen_ai_token_type", "input", "output", otel="gen_ai.token.type")
_SERVED: Final = (OPERATION, PROVIDER, REQUESTED, SERVED)

DURATION: Final = Metric(
    "gen_ai_server_request_duration_seconds",
    Kind.HISTOGRAM,
    "s",
    "From a request's first byte to its answer's last, as the client saw it. What Groundwire refused is not in it.",
    (*_SERVED, ERROR),
    (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
    otel="gen_ai.server.request.duration",
)
FIRST_TOKEN: Final = Metric(
    "gen_ai_server_time_to_first_token_seconds",
    Kind.HISTOGRAM,
    "s",
    "From a request's first byte to the first of its answer's body, for streams that succeeded.",
    _SERVED,
    (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
    otel="gen_ai.server.time_to_first_token",
)
PER_TOKEN: Final = Metric(
    "gen_ai_server_time_per_output_token_seconds",
    Kind.HISTOGRAM,
    "s",
    "Of streams that succeeded and said how many tokens they had: the time from the first to the last, over those "
    "after the first. Exchanges that were skipped unread are not in it.",
    _SERVED,
    (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5),
    otel="gen_ai.server.time_per_output_token",
)
USAGE: Final = Metric(
    "gen_ai_client_token_usage",
    Kind.HISTOGRAM,
    "{token}",
    "Tokens of an exchange as the server counted them; where it does not say, the exchange is in neither type. "
    "Exchanges that were skipped unread are not in it.",
    (*_SERVED, TOKEN),
    tuple(float(4**power) for power in range(14)),
    otel="gen_ai.client.token.usage",
)
OVERHEAD: Final = Metric(
    "groundwire_request_overhead_seconds",
    Kind.HISTOGRAM,
    "s",
    "From a request's first byte to its head's leaving for the upstream: reading, choosing, connecting. Where the body "
    "is held to find the model, the time that the client takes to send it is in it.",
    (),
    (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
)
