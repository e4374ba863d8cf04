"""Blocking work that may hang (a name server, a network disk), in a thread that nobody waits for at the end."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """What `work` returns or raises. The executor of asyncio would wait for a hung thread at exit; this does not."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def finish(value: T | None, wrong: BaseException | None) -> None:
        if done.done():
            return
        if wrong is not None:
            done.set_exception(wrong)
        else:
            done.set_result(value)  # type: ignore[arg-type]

    def run() -> None:
        value, wrong = None, None
        try:
            value = work()
        except Exception as one:
            wrong = one
        with suppress(RuntimeError):  # the loop has ended: nobody waits
            loop.call_soon_threadsafe(finish, value, wrong)

    threading.Thread(target=run, daemon=True).start()
    return await done


async def addresses(host: str, port: int) -> tuple[str, ...]:
    """What a name resolves to, each address once. Raises OSError."""
    found = await aside(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return tuple(dict.fromkeys(str(one[4][0]) for one in found))
