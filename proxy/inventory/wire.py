"""Between the processes, and in their memory: the only places where texts of users are."""

from __future__ import annotations

from typing import Final

from proxy.inventory.declared import PROCESSES, Kept, fields

_SOCKET: Final = "Unix socket `link.sock` (mode 0600) and memory of both processes"
_MINUTES: Final = "seconds: until it is judged, or dropped by a full queue; never on a disk"

WIRE: Final = (
    Kept(
        "proxy.core.exchange:Exchange",
        "An exchange",
        _SOCKET,
        "One request with its response, for analysis.",
        _MINUTES,
        PROCESSES,
        fields("""
            id: random; names the exchange in fault lines of the log
            method: HTTP method
            path: request target, to find the dialect
            status: HTTP status
            end: how it ended
            started_s: start of the request; the pane that it counts in
            first_byte_s: first byte of the response; time to first token
            ended_s: end of the response; tokens per second
            route: route that served it
            requested_model: model name in the request
            served_model: model that was asked
            upstream: name of the upstream
            base_served: whether that was the base
            enforcement_id: record of the enforcement that answered it
            coverage_k: it was kept with probability 2^-k
            chunks: pieces of the response
            traceparent: W3C trace context, as the client sent it
            trace: W3C trace context of our own span, as it was sent upstream
            sent_s: when the request went upstream
            request: body as sent: **text of users**
            response: body as sent: **text of the model**
            tenant: shard of who asks, 0 to 3, or nobody; never a name
        """),
    ),
    Kept(
        "proxy.core.exchange:Body",
        "A captured body",
        _SOCKET,
        "Bytes as they crossed the network, cut at `link.capture_bytes_max`.",
        _MINUTES,
        PROCESSES,
        fields("""
            data: the bytes: **text of users and of the model**
            framing: how the body was bounded
            content_type: to decode it
            content_encoding: to decode it
            total_bytes: size before the cut
            truncated: whether it was cut
        """),
    ),
    Kept(
        "proxy.link.frames:Stats",
        "A report of losses",
        _SOCKET,
        "What traffic did not send, so that what was lost is known.",
        "a second",
        PROCESSES,
        fields("""
            offered: exchanges that there were
            sent: of them, sent
            thinned: left out by coverage
            dropped: left out for lack of room, by reason
            lost: by second, route and model
        """),
    ),
    Kept(
        "proxy.link.frames:Loss",
        "One line of it",
        _SOCKET,
        "A pane that lost too much is no evidence.",
        "a second",
        PROCESSES,
        fields("""
            second: Unix time
            route: route
            served: upstream and model
            exchanges: how many
        """),
    ),
    Kept(
        "proxy.link.frames:Figures",
        "Metrics of traffic",
        _SOCKET,
        "What its `/metrics` shows, for export by OTLP; only where that is configured.",
        "ten seconds: the next replaces it",
        PROCESSES,
        fields("""
            time_s: when they were read
            rows: name, label values (below: labels of metrics) and number of each
        """),
    ),
    Kept(
        "proxy.core.observation:Observation",
        "An observation",
        "memory of the analysis process only",
        "What was learnt from one answer; its counts go to the store, itself it goes nowhere.",
        "seconds: until it is counted",
        "the analysis process",
        fields("""
            exchange_id: of its exchange
            route: route
            served_model: model that answered
            base_served: whether that was the base
            time_s: start of the request
            purpose: user, check or canary
            prompt_hash: HMAC of the prompt under a rotating key, for de-duplication
            answer_id: keyed hash of the answer's id, to find it again when feedback comes
            category: harm category of the prompt
            choice: number of the answer
            unassessed: why there is no assessment
            refusal: 0 or 1
            hedging: 0 or 1
            pi_k: chance of analysis, 2^-k
            script: main script of the answer
            features: numbers of the answer (characters, words)
            classifier: name and version of what judged it
            scores: probabilities by signal
            attacks: whether the prompt was an attack, by kind
            toxicity: probability
            toxic: decision
            response_harmful: decision
            hazards: categories of harm in the answer
            embedding: **text in other clothes**: used here, and in no store, metric, log or sink
            projections: bins of fixed random projections
            anomalous: unlike what the model is known to say
            sensitive: types of personal data that the answer gives away; never the data
            harmful_output: above the strict threshold
            tenant_shard: 0 to 3, of a keyed hash of who asks
            turns: of the user
            system: HMAC of the system prompt
            prompt_chars: length
            topic: likeliest topic
            triggers: names of known triggers
            contexts: bands in which refusals are counted
            shapes: bins of drift signals
            prompt_projections: as projections, of the prompt
        """),
    ),
)
