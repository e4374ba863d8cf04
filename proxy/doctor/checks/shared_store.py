"""The shared store: reached, its rights, its round trip and clock, and what its server is. It is left as it was."""

from __future__ import annotations

import asyncio
import secrets
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from proxy.config.store_url import StoreUrl, parse_store_url
from proxy.doctor import redis_rights as rights
from proxy.doctor.aside import addresses
from proxy.doctor.checks.upstreams import reason
from proxy.doctor.finding import Finding, fail, note, ok, warn
from proxy.doctor.redis_info import judge_info, refusal
from proxy.doctor.scene import CALL_S, Scene
from proxy.stores.redis_keys import KEYS, state_key
from proxy.stores.redis_link import Away, RedisLink
from proxy.stores.redis_scripts import TIME

ASKED: Final = 5  # times that the clock is read
SHOWN_MAX: Final = 4
WHERE: Final = "store.url"
SKEW_NOTED_S: Final = 5.0


async def look(scene: Scene) -> Sequence[Finding]:
    """Nothing to say where the store is embedded."""
    store = scene.settings.store
    if store.kind != "redis":
        return []
    url = parse_store_url(store.url)
    found = [one for each in await asyncio.gather(*(_host(*host) for host in url.hosts)) for one in each]
    if url.hosts and len(found) == len(url.hosts):
        return found  # nobody is there
    link = RedisLink(store)
    try:
        return [*found, *await _asked(link, url, store.timeout_s)]
    except Away as wrong:
        return [*found, fail(str(wrong), WHERE, refusal(str(wrong), url))]
    finally:
        await link.close()


async def _host(host: str, port: int) -> list[Finding]:
    try:
        async with asyncio.timeout(CALL_S):
            await addresses(host, port)
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
    except (OSError, TimeoutError, UnicodeError) as wrong:
        mend = f"start it, or correct {WHERE}; a firewall may stand between"
        return [fail(f"{host}:{port} takes no connection ({reason(wrong)})", WHERE, mend)]
    return []


async def _asked(link: RedisLink, url: StoreUrl, timeout_s: float) -> list[Finding]:
    found = await _rights(link)
    with suppress(Away):  # a right that is missing was said
        times = [await _clock(link) for _ in range(ASKED)]
        found.append(judge_round_trip(url.shown, statistics.median(took for took, _ in times), timeout_s))
        took_s, behind_s = min(times)
        found.append(judge_clock(behind_s, took_s))
    return [*found, *await _server(link, url)]


async def _clock(link: RedisLink) -> tuple[float, float]:
    """(seconds that it took, seconds that the store's clock is behind this one)."""
    began_s = time.time()
    seconds, micros = await link.script(TIME, [state_key("clock")])
    took_s = time.time() - began_s
    return took_s, began_s + took_s / 2 - (seconds + micros / 1e6)


def judge_round_trip(shown: str, took_s: float, timeout_s: float) -> Finding:
    """Half of the timeout leaves no room for a flush. Pure."""
    text = f"{shown} answers in {took_s * 1_000:.1f} ms"
    if took_s > timeout_s / 4:
        mend = "bring it nearer, or raise store.timeout_s: over it counting goes on without the store"
        return warn(f"{text}, and store.timeout_s is {timeout_s:g} s", WHERE, mend)
    return ok(text, WHERE)


def judge_clock(behind_s: float, took_s: float) -> Finding:
    """Panes are numbered by the store's clock, so a difference moves no count. Pure."""
    side = "behind" if behind_s > 0 else "ahead of"
    if abs(behind_s) - took_s > SKEW_NOTED_S:
        text = f"the store's clock is {abs(behind_s):.1f} s {side} this machine's; panes go by the store's"
        return note(text, WHERE, "let NTP set both clocks: times in logs and records will not fit together")
    return ok(f"the store's clock agrees within {abs(behind_s) + took_s:.1f} s", WHERE)


async def _rights(link: RedisLink) -> list[Finding]:
    """Every command of the store on a key of every kind. Raises Away where that is no matter of rights."""
    keys = rights.trial_keys(f"doctor-{secrets.token_hex(8)}")
    refused: dict[str, str] = {}
    closed: list[str] = []
    for key, declared in zip(keys, KEYS, strict=True):
        try:
            refused |= rights.refused_commands(await link.script(rights.TRIAL, [key], *rights.trial_lines()))
        except Away as wrong:
            if rights.kind_of(str(wrong)) != "rights":
                raise
            if "run the" in str(wrong):  # EVAL itself, on any key
                raise
            closed.append(declared.pattern)
    return judge_rights(refused, closed)


def judge_rights(refused: Mapping[str, str], closed: Sequence[str]) -> list[Finding]:
    """`refused`: command -> why; `closed`: the kinds of keys that may not be used. Pure."""
    found = [fail(f"keys {_some(closed)} may not be used", "store.user", rights.MEND)] if closed else []
    by_kind: dict[str, list[str]] = {}
    for command, why in refused.items():
        by_kind.setdefault(rights.kind_of(why), []).append(command)
    for kind, commands in by_kind.items():
        what, mend = rights.REFUSALS[kind]
        told = what if kind else f"{what} ({refused[commands[0]]})"
        found.append(fail(f"{_some(commands)}: {told}", "store.user" if kind == "rights" else WHERE, mend))
    return found or [ok("every command and every kind of key that the store uses is allowed", "store.user")]


def _some(names: Sequence[str]) -> str:
    more = len(names) - SHOWN_MAX
    return ", ".join(names[:SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")


async def _server(link: RedisLink, url: StoreUrl) -> list[Finding]:
    """What the server says of itself; the rights that Groundwire needs do not include asking that."""
    try:
        info = await link.run("INFO")
    except Away:
        text = "the server does not let this user ask INFO: its version, memory and eviction policy were not looked at"
        return [note(text, "store.user", "look yourself: version 7 or newer, maxmemory-policy noeviction")]
    return judge_info(_flat(info), url.kind)


def _flat(info: Any) -> dict[str, Any]:
    """As redis-py gives it: a mapping, or in a cluster one for each node, of which the first tells enough."""
    first = next(iter(info.values()), None)
    return dict(first) if isinstance(first, dict) and "redis_version" in first else dict(info)
