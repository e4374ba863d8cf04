"""What leaves over OTLP, attribute by attribute, where OTEL_* variables ask for it: names and numbers, no text."""

from __future__ import annotations

from typing import Final

from proxy.inventory.declared import Kept, fields

_PLACE: Final = "memory of the analysis process, bounded; then the endpoint that OTEL_EXPORTER_OTLP_ENDPOINT names"
_LIFE: Final = "seconds here; there as that system keeps it"
_READERS: Final = "whoever may read that system"

TRACES: Final = (
    Kept(
        "",
        "The span of an exchange",
        _PLACE,
        "One exchange in its trace (docs/tracing.md). No body, no path, no header, no address of a client.",
        _LIFE,
        _READERS,
        fields("""
            gen_ai.operation.name: chat or text_completion
            gen_ai.provider.name: whose API is spoken
            gen_ai.request.model: model name in the request
            gen_ai.request.stream: whether a stream was asked for
            gen_ai.request.choice.count: answers asked for, where not one
            gen_ai.request.temperature: sampling parameter
            gen_ai.request.top_p: sampling parameter
            gen_ai.request.top_k: sampling parameter
            gen_ai.request.frequency_penalty: sampling parameter
            gen_ai.request.presence_penalty: sampling parameter
            gen_ai.request.max_tokens: sampling parameter
            gen_ai.request.seed: sampling parameter
            gen_ai.output.type: json, where JSON was asked for
            gen_ai.response.id: the server's name for the answer, as its client has it
            gen_ai.response.model: the server's name for the model
            gen_ai.response.finish_reasons: of each answer
            gen_ai.response.time_to_first_chunk: seconds, of a stream
            gen_ai.usage.input_tokens: as the server counts
            gen_ai.usage.cache_read.input_tokens: of these, read from a cache, where the server says
            gen_ai.usage.cache_creation.input_tokens: of these, written to a cache, where the server says
            gen_ai.usage.output_tokens: as the server counts
            gen_ai.usage.reasoning.output_tokens: of these, thought aloud, where the server says
            server.address: host of the upstream, or its socket
            server.port: of the upstream
            error.type: status, or how it broke
            http.request.method: method
            http.response.status_code: status
            groundwire.exchange.id: random; as in fault lines of the log
            groundwire.end: how it ended
            groundwire.outcome: what became of it in analysis
            groundwire.overhead_s: from the request's head here to its head upstream
            groundwire.route: route
            groundwire.served.model: model that was asked
            groundwire.served.base: whether that was the base
            groundwire.upstream: name of the upstream
            groundwire.step: step of the route
            groundwire.enforcement.id: record of the enforcement that answered it
            groundwire.inclusion_probability: with which it was analysed
            groundwire.flagged: signals that its answers raised
            groundwire.unassessed: why there is no assessment
            groundwire.categories: harm categories of its prompts
            groundwire.purpose: check or canary, where it is no user's
        """),
    ),
    Kept(
        "",
        "The span of a stage",
        _PLACE,
        "When analysis waited for an exchange, read it and judged it.",
        _LIFE,
        _READERS,
        fields("groundwire.batch.exchanges: how many went through the stage together"),
    ),
    Kept(
        "",
        "The span of an action",
        _PLACE,
        "A step that changed, with links to the exchanges that were evidence.",
        _LIFE,
        _READERS,
        fields("""
            groundwire.action: what was done, or in mode shadow would have been
            groundwire.action.executed: whether it was done
            groundwire.action.by: groundwire or operator; no name
            groundwire.route: route
            groundwire.step: step in force
            groundwire.would_step: where a policy that enforces would stand
            groundwire.severity: severity
            groundwire.enforcement.id: evidence record
            groundwire.reason: why, in words; of an order as the operator gave it
            groundwire.lines: lines that are crossed
            groundwire.not_done: why nothing was done
            groundwire.signal: of a link: the signal that its exchange fed
        """),
    ),
    Kept(
        "",
        "An evaluation",
        _PLACE,
        "What one head said of an answer: `gen_ai.evaluation.result`. No explanation.",
        _LIFE,
        _READERS,
        fields("""
            gen_ai.evaluation.name: head
            gen_ai.evaluation.score.value: probability
            gen_ai.evaluation.score.label: pass or fail; refused or complied; hedged or plain
            gen_ai.response.id: the server's name for the answer
            groundwire.route: route
            groundwire.classifier: name and version of what judged
            groundwire.choice: number of the answer, where not the first
        """),
    ),
)
