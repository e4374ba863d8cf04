"""What a Redis says of itself (INFO), judged. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from proxy.config.store_url import StoreUrl
from proxy.doctor import redis_rights as rights
from proxy.doctor.finding import Finding, fail, note, ok, warn

WHERE: Final = "store.url"
VERSION_MIN: Final = (7, 0)
FULL_WARN: Final = 0.8
POLICY: Final = "noeviction"


def judge_info(info: Mapping[str, Any], kind: str) -> list[Finding]:
    """`kind`: of the URL, "" for one server."""
    return [*_version(info), *_mode(info, kind), *_memory(info), *_persistence(info)]


def _version(info: Mapping[str, Any]) -> Iterator[Finding]:
    valkey = info.get("valkey_version")
    told = str(valkey or info.get("redis_version", ""))
    name = "Valkey" if valkey else "Redis"
    parts = tuple(int(part) for part in re.findall(r"\d+", told)[:2])
    if parts < VERSION_MIN:
        yield fail(
            f"{name} {told or 'of unknown version'}: 7.0 is the oldest that is tested", WHERE, "upgrade the server"
        )
    else:
        yield ok(f"{name} {told}, {info.get('redis_mode', 'standalone')}, {info.get('role', 'master')}", WHERE)


def _mode(info: Mapping[str, Any], kind: str) -> Iterator[Finding]:
    if info.get("role") == "slave":
        mend = "name its master in store.url, or let Sentinel find it: redis+sentinel://HOST:PORT,.../NAME"
        yield fail("the server is a replica: it takes no write", WHERE, mend)
    if info.get("redis_mode") == "cluster" and kind != "cluster":
        yield fail("the server is a node of a cluster", WHERE, "say redis+cluster://HOST:PORT,... in store.url")
    if kind == "cluster" and info.get("redis_mode") == "standalone":
        yield fail("the server is no cluster", WHERE, "say redis://HOST:PORT in store.url")


def _memory(info: Mapping[str, Any]) -> Iterator[Finding]:
    policy = str(info.get("maxmemory_policy", POLICY))
    most, used = _number(info, "maxmemory"), _number(info, "used_memory")
    if policy != POLICY and most:
        mend = "set maxmemory-policy noeviction: a name that is taken makes its route's panes unreadable"
        yield warn(f"at {most >> 20} MiB the server throws keys away ({policy})", WHERE, mend)
    if most and used > FULL_WARN * most:
        text = f"{used >> 20} of {most >> 20} MiB are used"
        yield warn(text, WHERE, "raise maxmemory: a full server takes no counts")
    elif most:
        yield ok(f"{used >> 20} of {most >> 20} MiB are used, {policy}", WHERE)
    else:
        yield ok(f"{used >> 20} MiB are used, without a bound (maxmemory 0)", WHERE)


def _persistence(info: Mapping[str, Any]) -> Iterator[Finding]:
    failed = [key for key in ("rdb_last_bgsave_status", "aof_last_write_status") if info.get(key, "ok") != "ok"]
    if failed:
        yield warn(f"the server could not save ({', '.join(failed)})", WHERE, "mend its disk: it may refuse writes")
    elif _number(info, "aof_enabled"):
        yield ok("the server keeps an append-only file", WHERE)
    else:
        text = "the server keeps no append-only file: a crash of it costs the panes since its last snapshot, or all"
        yield note(text, WHERE)


def _number(info: Mapping[str, Any], key: str) -> int:
    text = str(info.get(key, "0"))
    return int(text) if text.isdigit() else 0


def refusal(text: str, url: StoreUrl) -> str:
    """How to mend what kept the store from being asked at all. `text`: as the link says it."""
    if any(word in text for word in ("WRONGPASS", "NOAUTH", "AUTH ", "password", "Authentication")):
        return "correct store.user and store.password_file (or store.password_env)"
    if re.search(r": \d+ \S+:\d+$", text):  # MOVED: redis-py leaves the word out
        return "the server is a node of a cluster: say redis+cluster://HOST:PORT,... in store.url"
    if rights.kind_of(text) == "rights":
        return rights.MEND
    if url.tls or "SSL" in text or "certificate" in text:
        return "correct store.tls_ca_file, tls_cert_file and tls_key_file; does the server speak TLS on this port?"
    if url.kind == "sentinel":
        return f"look whether Sentinel knows a master called {url.name!r} and it is up"
    return "start the server, or correct store.url; rediss:// is for TLS"
