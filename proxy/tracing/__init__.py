"""Traces: one span for each exchange, one for each action; built in the analysis process, sent over OTLP.

asked        pure: what the OTEL_* variables ask for.       span      pure: a span, a link, an evaluation, as data.
gen_ai       pure: what an API's request and answer say.    exchange  pure: an exchange as spans.
evaluations  pure: what each head said of an answer.        action    pure: a decision as a span with links.
evidence     which spans fed which signal, lately.          outbox    what waits to be sent: bounded, in one thread.
otlp         OpenTelemetry's types and exporters.           tracer    all of it together: one for the process.

Only `otlp` imports OpenTelemetry, and only `tracer` imports `otlp`, once traces are asked for.
"""
