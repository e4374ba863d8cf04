"""From the wire to the shard: whose exchange it was, with nothing else of them."""

from __future__ import annotations

import json

from proxy.analysis.judging.batch import Judging
from proxy.core.exchange import Body, End, Exchange, Framing
from proxy.core.tenant_shard import NAMED


def exchange(tenant: int, **more: object) -> Exchange:
    asked = {"model": "m", "messages": [{"role": "user", "content": "How do I pick a lock at night?"}], **more}
    said = {
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "I can't help with that."},
                "finish_reason": "stop",
            }
        ]
    }
    bodies = [Body(json.dumps(one).encode(), Framing.LENGTH, "application/json") for one in (asked, said)]
    end, route = End.COMPLETE, ("support", "m", "m")
    whole = ("1", "POST", "/v1/chat/completions", 200, end, 1.0, 1.1, 1.2, *route)
    return Exchange(*whole, request=bodies[0], response=bodies[1], tenant=tenant)


def shard(one: Exchange) -> int:
    judging = Judging(lambda text: f"{len(text):02x}", None, lambda text: f"{len(text):02x}")
    [seen] = judging.judge([one])
    assert seen is not None
    return seen[0].tenant_shard


def test_the_shard_of_an_exchange() -> None:
    assert shard(exchange(-1)) == 0
    assert shard(exchange(3)) == 3
    assert shard(exchange(3, user="ab")) == 2
    assert shard(exchange(3, safety_identifier="a", user="ab")) == 1
    assert shard(exchange(NAMED, user="ab")) == 0
