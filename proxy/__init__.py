"""Groundwire: the safety wire from a fine-tuned language model back to its base.

The map. Read `docs/life-of-a-response.md` beside it.

    traffic     the data plane: moves bytes, knows nothing of models or statistics. One process.
    link        the wire between the processes: exchanges up, enforcements down. Never waits.
    analysis    the analysis plane: reads exchanges, assesses answers, counts. The other process.
                Its rooms: process, sampling, judging; the pipeline joins them.
    control     the control plane, in the analysis process: looks at every route each second, and acts.
                Its rooms: routes, bases, baselines, policies, views, api; the plane joins them.

    core        the vocabulary and the decisions, pure: exchange, route, observation, window, enforcement.
                Its rooms: http, evidence, drift, decisions, baselines, policies.
    dialects    pure: what the bytes of an API mean.          features    pure: what a text looks like (stage 0).
    classifiers what a text is: small models on onnxruntime, texts in, probabilities out (stages 0 and 1).
    sensitive   what a text gives away: personal data, secrets, names.
    detectors   pure: one textbook method a file.             stores      where counters and state are kept.
    tracing     OpenTelemetry spans of exchanges and of actions; off unless OTEL_* ask for them.
    telemetry   metrics and log lines, declared once.         config      settings, policy files.
    doctor      `groundwire doctor`: looks at all that is needed, changes nothing, says what to mend.
    demo        `groundwire demo`: a route that erodes and is reverted, on real or synthetic model servers.
    inventory   what is kept, sent or written, field by field: docs/data-inventory.md.

Traffic may import core, link, config.settings, config.plain, telemetry and itself. Nothing imports traffic or analysis
but their own `app`; pure packages import pure packages. `.importlinter` holds this.
"""

from typing import Final

VERSION: Final = "0.1.0"
