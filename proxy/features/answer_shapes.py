"""In which bin of each drift signal an exchange's answer lies, as far as it can be told without judging it. Pure.

input         prompt_length, prompt_script, tool_use
output        length, diversity, formatting, script
performance   finish, ttft, latency, tokens_per_s, json_valid, tool_parse
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from proxy.core.exchange import End, Exchange
from proxy.core.observation import Unassessed
from proxy.dialects.contract import FILTERED, LENGTH, STOP, TOOL_CALLS, Completion, Request, Usage
from proxy.features.bands import half_octave, octave, step
from proxy.features.json_schema import fits, is_json
from proxy.features.reading import Reading
from proxy.features.script import main_script

TOKENS_MIN: Final = 8  # fewer say more of the network than of the model
SERVER_ERROR: Final = 500
YES, NO = "yes", "no"

_FINISH: Final[Mapping[str, str]] = {
    STOP: "stop",
    LENGTH: "length",
    TOOL_CALLS: "tool",
    "function_call": "tool",
    FILTERED: "filtered",
}
_ENDED: Final[Mapping[Unassessed, str]] = {Unassessed.CUT: "cut", Unassessed.TRUNCATED: "", Unassessed.ERROR: "error"}


def shapes_of(exchange: Exchange, reading: Reading, features: Mapping[str, float], script: str) -> dict[str, str]:
    """Signal -> bin; what is not known is left out. `features`, `script`: of the answer, as the judge computes them."""
    found = dict(_performance(exchange, reading))
    if reading.asked is not None:
        found |= _input(reading.asked, reading)
    if reading.text:
        found["length"] = octave(len(reading.text))
        found["diversity"] = step(features["distinct_share"])
        found["formatting"] = layout(features)
        found["script"] = script or "none"
    return found


def chars_given(request: Request) -> int:
    """Characters of everything that the model was given to read."""
    said = sum(len(message.text) for message in request.messages) or sum(map(len, request.prompts))
    return max(said, len(request.system))


def layout(features: Mapping[str, float]) -> str:
    """How an answer is laid out, by the strongest mark that it shows."""
    marks = (("code_blocks", "code"), ("table_rows", "table"), ("headings", "headings"), ("list_items", "list"))
    return next((name for mark, name in marks if features[mark]), "bold" if features["bold"] else "plain")


def _input(request: Request, reading: Reading) -> dict[str, str]:
    called = bool(reading.said and reading.said.tool_calls)
    return {
        "prompt_length": octave(chars_given(request)),
        "prompt_script": main_script(reading.prompt) or "none",
        "tool_use": "called" if called else "offered" if request.tools else "none",
    }


def _performance(exchange: Exchange, reading: Reading) -> Iterator[tuple[str, str]]:
    if finish := _finish(exchange, reading):
        yield "finish", finish
    request, said = reading.asked, reading.said
    if request is None or said is None or exchange.end is not End.COMPLETE:
        return
    yield "latency", octave(1_000.0 * (exchange.ended_s - exchange.started_s))
    if request.stream and exchange.first_byte_s:
        yield "ttft", octave(1_000.0 * (exchange.first_byte_s - exchange.started_s))
    if (rate := _tokens_per_s(exchange, request, reading.usage)) is not None:
        yield "tokens_per_s", half_octave(rate)
    yield from _task(request, said, reading)


def _finish(exchange: Exchange, reading: Reading) -> str:
    """How the answer ended. Errors of the client's own (4xx) say nothing of the model."""
    if reading.said is not None and (reason := reading.said.finish_reason):
        return _FINISH.get(reason, "other")
    if reading.unassessed is Unassessed.ERROR and exchange.status and exchange.status < SERVER_ERROR:
        return "error" if exchange.status < 300 else ""
    if reading.unassessed is not None:
        return _ENDED.get(reading.unassessed, "")
    return "stop" if reading.said is not None else ""


def _tokens_per_s(exchange: Exchange, request: Request, usage: Usage | None) -> float | None:
    if usage is None or usage.completion_tokens < TOKENS_MIN:
        return None
    begun_s = exchange.first_byte_s if request.stream and exchange.first_byte_s else exchange.started_s
    seconds = exchange.ended_s - begun_s
    return usage.completion_tokens / seconds if seconds > 0.0 else None


def _task(request: Request, said: Completion, reading: Reading) -> Iterator[tuple[str, str]]:
    """Whether what was asked for in a machine's form came in that form. What a limit cut is told by `finish`."""
    if said.finish_reason in (LENGTH, FILTERED) or reading.unassessed in _ENDED:
        return
    if request.schema is not None and reading.text.strip() and not said.refusal:
        yield "json_valid", YES if fits(reading.text, request.schema) else NO
    if said.tool_arguments:
        yield "tool_parse", YES if all(map(is_json, said.tool_arguments)) else NO
