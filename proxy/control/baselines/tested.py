"""Answers outside live traffic, judged and counted: those of an evaluation, and the candidate's to given prompts.

Judged by whoever judges users' answers, and counted as theirs are, at full weight; nothing of it enters user counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import orjson

from proxy.control.bases import arming
from proxy.control.bases.asked import exchange_of
from proxy.control.bases.judging import Count, Judge
from proxy.control.orders import OrderError
from proxy.control.routes.upstreams import Answer, Unreachable, UpstreamClient
from proxy.core.exchange import Exchange, Purpose
from proxy.core.windows import Cell, merge

ROWS_MAX: Final = 64  # of one call: the client shows progress between two
CHARS_MAX: Final = 65_536  # of one text
ANSWER_TOKENS: Final = 512  # enough for a length to tell something
OF_TRAFFIC: Final = ("ttft", "latency", "tokens_per_s", "regenerated")  # nothing that such answers could tell
KEYS: Final = ("prompt", "response", "system", "harm_category")


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt, with its answer where it has one; `category` goes before what the judge thinks."""

    prompt: str
    response: str = ""
    system: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """Cells of judged answers; how many answers could not be judged, and why the first could not be had."""

    cells: dict[Cell, int]
    unjudged: int = 0
    failure: str = ""


def rows_of(data: Any, *, answered: bool) -> list[Row]:
    """Rows of a request's body. Raises OrderError that names the row and the key."""
    if not isinstance(data, list) or not 1 <= len(data) <= ROWS_MAX:
        raise OrderError(f"`rows` must be a list of 1 to {ROWS_MAX} objects")
    for number, row in enumerate(data):
        for key in KEYS:
            text = row.get(key, "") if isinstance(row, dict) else None
            needed = key == "prompt" or (key == "response" and answered)
            if not isinstance(text, str) or len(text) > CHARS_MAX or (needed and not text.strip()):
                raise OrderError(f"rows[{number}].{key} must be a text of 1 to {CHARS_MAX} characters")
    return [Row(*(row.get(key, "") for key in KEYS)) for row in data]


async def judge_rows(judge: Judge, count: Count, rows: Sequence[Row]) -> Counted:
    """Judge answers that are there already."""
    return _counted([await _judged(judge, row, count) for row in rows])


async def ask_rows(
    judge: Judge, count: Count, candidate: tuple[UpstreamClient, str], path: str, rows: Sequence[Row]
) -> Counted:
    """Send prompts to the candidate, two at a time, and judge what it answers."""
    gate = asyncio.Semaphore(arming.AT_ONCE_MAX)

    async def one(row: Row) -> _One:
        async with gate:
            return await _asked(candidate, path, row, judge, count)

    return _counted(await asyncio.gather(*map(one, rows)))


_One: TypeAlias = "tuple[list[tuple[Cell, int]], str]"  # cells, or why there are none


def _counted(each: Sequence[_One]) -> Counted:
    cells = merge(merge([{place: n}]) for found, _ in each for place, n in found)
    return Counted(
        cells,
        sum(not any(place.signal == "refusal" for place, _ in found) for found, _ in each),
        next((why for _, why in each if why), ""),
    )


async def _asked(candidate: tuple[UpstreamClient, str], path: str, row: Row, judge: Judge, count: Count) -> _One:
    client, model = candidate
    question = _question(path, model, row)
    try:
        answer = await client.post(path, question, arming.TIMEOUT_S)
    except Unreachable as wrong:
        return [], f"the candidate cannot be asked: {wrong}"
    failure = arming.refused_by_server(client, path, answer).replace("the base", "the candidate")
    return ([], failure) if failure else await _cells(judge, _exchange(path, model, question, answer), row, count)


async def _judged(judge: Judge, row: Row, count: Count) -> _One:
    choice = {"index": 0, "message": {"role": "assistant", "content": row.response}, "finish_reason": "stop"}
    body = orjson.dumps({"id": "results", "object": "chat.completion", "choices": [choice]})
    question, answer = _question(arming.CHAT, "results", row), Answer(200, "application/json", body)
    return await _cells(judge, _exchange(arming.CHAT, "results", question, answer), row, count)


async def _cells(judge: Judge, exchange: Exchange, row: Row, count: Count) -> _One:
    seen = [
        replace(one, category=row.category or one.category, purpose=Purpose.USER)
        for one in await judge(exchange, Purpose.CHECK)
    ]
    return [pair for one in seen for pair in count(one) if pair[0].signal not in OF_TRAFFIC], ""


def _question(path: str, model: str, row: Row) -> dict[str, Any]:
    """As users ask: without sampling parameters of our own."""
    if path != arming.CHAT:
        return {"model": model, "prompt": row.prompt, "max_tokens": ANSWER_TOKENS}
    system = [{"role": "system", "content": row.system}] if row.system else []
    messages = [*system, {"role": "user", "content": row.prompt}]
    return {"model": model, "messages": messages, "max_tokens": ANSWER_TOKENS}


def _exchange(path: str, model: str, question: dict[str, Any], answer: Answer) -> Exchange:
    return exchange_of("baseline", path, ("", model), orjson.dumps(question), answer, of_base=False)
