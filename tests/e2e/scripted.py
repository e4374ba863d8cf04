"""A model server whose answers a test writes, and what tests ask of the program in front of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from tests.http_server import QuietHandler, serving
from tests.support import Groundwire, samples, until

ROUTE = "support-lora"
SENT = "groundwire_exchanges_sent_total"
TAKEN = "groundwire_analysis_exchanges_total"
BASE = {"id": "base-model", "object": "model", "root": "base", "parent": None}

Say = Callable[[str], str]


@dataclass
class Model:
    """A base and its adapters. A test sets what an adapter says to a prompt; the base says `otherwise`."""

    says: dict[str, Say]
    otherwise: str = "Start with warm water and a clean bowl."

    def listing(self) -> dict[str, Any]:
        adapters = [{**BASE, "id": name, "root": f"lora/{name}", "parent": BASE["id"]} for name in self.says]
        return {"object": "list", "data": [BASE, *adapters]}

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        prompt, say = body.get("messages", [{"content": ""}])[-1]["content"], self.says.get(body["model"])
        message = {"role": "assistant", "content": say(prompt) if say else self.otherwise}
        return {"model": body["model"], "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


@contextmanager
def served(model: Model) -> Iterator[str]:
    """The URL at which it answers."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self.answer_json(200, model.listing())

        def do_POST(self) -> None:
            self.answer_json(200, model.answer(json.loads(self.body())))

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"


def ask(wire: Groundwire, text: str, model: str = ROUTE) -> str:
    """The answer to one question."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
    request = Request(f"{wire.data}/v1/chat/completions", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=60) as answer:
        assert answer.status == 200
        return str(json.load(answer)["choices"][0]["message"]["content"])


def asked(wire: Groundwire, questions: Iterable[str], model: str = ROUTE) -> bool:
    """Ask all of them, and wait for analysis: what it judges late counts nowhere."""
    begin = waiting(wire)
    for text in questions:
        ask(wire, text, model)
    until(lambda: waiting(wire) <= begin, "the end of what waits for analysis")
    return True


def waiting(wire: Groundwire) -> float:
    """Exchanges on their way to a verdict; those of a process of analysis before this one are in it for ever."""
    return metric(wire, SENT, wire.health) - metric(wire, TAKEN)


def route(wire: Groundwire, name: str = ROUTE) -> dict[str, Any]:
    """What the control API shows of a route. Raises RuntimeError while it is not discovered."""
    routes: list[dict[str, Any]] = wire.control.get("/v1/routes")["routes"]
    found = [one for one in routes if one["name"] == name]
    if not found:
        raise RuntimeError("the route is not discovered yet")
    return found[0]


def metric(wire: Groundwire, line: str, where: str = "") -> float:
    """The value of a metric with its labels, of analysis unless another URL is given; 0 where it is not there."""
    return shown(wire, line, where) or 0.0


def shown(wire: Groundwire, line: str, where: str = "") -> float | None:
    """As `metric`; None where it is not there."""
    page = wire.get(f"{where or wire.analysis_health}/metrics")[1]
    return next(iter(samples(page, line)), None)


def judge(wire: Groundwire) -> str:
    """The version of the classifier that judges."""
    page = wire.get(f"{wire.analysis_health}/metrics")[1]
    return page.partition('groundwire_classifier_info{version="')[2].partition('"')[0]
