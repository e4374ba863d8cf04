"""A question of our own and its answer, in the form in which users' exchanges are judged."""

from __future__ import annotations

from proxy.control.routes.upstreams import Answer
from proxy.core.exchange import Body, End, Exchange, Framing


def exchange_of(
    what: str, path: str, target: tuple[str, str], question: bytes, answer: Answer, *, of_base: bool
) -> Exchange:
    """`what` names it in logs; `target`: upstream ("": not said) and model; `question`: the JSON that was sent."""
    upstream, model = target
    return Exchange(
        id=what,
        method="POST",
        path=path,
        status=answer.status,
        end=End.COMPLETE,
        started_s=0.0,
        first_byte_s=0.0,
        ended_s=0.0,
        served_model=model,
        upstream=upstream,
        base_served=of_base,
        request=Body(question, Framing.LENGTH, "application/json", "", len(question)),
        response=Body(answer.data, Framing.LENGTH, answer.content_type, "", len(answer.data)),
    )
