"""The address of a shared store, from its text. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

FORMS: Final = (
    "redis://HOST:PORT[/DB], redis+unix:///PATH, redis+cluster://HOST:PORT,... or "
    "redis+sentinel://HOST:PORT,.../NAME[/DB] (rediss... for TLS)"
)
SCHEME: Final = re.compile(r"(rediss?|valkeys?)(?:\+(cluster|sentinel|unix))?://(.*)", re.DOTALL)
PORTS: Final = {"": 6379, "cluster": 6379, "sentinel": 26_379}


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """`kind`: "", "cluster", "sentinel" or "unix"; `name`: of the master that Sentinel watches. `shown`: for people."""

    kind: str
    tls: bool
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    name: str = ""
    db: int = 0
    shown: str = ""


def parse_store_url(text: str) -> StoreUrl:
    """The address. Raises ValueError with the mend."""
    if "@" in text:
        raise ValueError("no user and password here: it is logged; say them in store.user and store.password_file")
    found = SCHEME.fullmatch(text)
    if found is None:
        raise ValueError(f"say {FORMS}")
    scheme, kind, rest = found[1], found[2] or "", found[3]
    tls = scheme in ("rediss", "valkeys")
    if kind == "unix":
        path, _, query = rest.partition("?")
        if tls or not path.startswith("/"):
            raise ValueError("a Unix socket is redis+unix:///PATH, without TLS")
        return StoreUrl(kind, tls, path=path, db=_number(query.removeprefix("db=")), shown=text)
    places, *more = rest.split("/")
    hosts = tuple(_host(place, PORTS[kind]) for place in places.split(","))
    name = more.pop(0) if kind == "sentinel" and more else ""
    if kind == "sentinel" and not name:
        raise ValueError("Sentinel needs the name of its master: redis+sentinel://HOST:PORT,.../NAME")
    if kind not in {"sentinel", "cluster"} and len(hosts) != 1:
        raise ValueError("several hosts are a cluster or sentinels: redis+cluster://... or redis+sentinel://...")
    if len(more) > 1 or (kind == "cluster" and any(more)):
        raise ValueError(f"say {FORMS}")
    return StoreUrl(kind, tls, hosts, name=name, db=_number(more[0] if more else ""), shown=text)


def _host(text: str, default: int) -> tuple[str, int]:
    found = re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^:\[\]]+)(?::(\d+))?", text)
    if found is None:
        raise ValueError(f"{text!r} is not HOST or HOST:PORT")
    port = int(found[2] or default)
    if not 0 < port < 65_536:
        raise ValueError(f"{text!r}: a port is 1 to 65535")
    return found[1].strip("[]"), port


def _number(text: str) -> int:
    if text and not text.isdecimal():
        raise ValueError(f"{text!r} is not the number of a database")
    return int(text or 0)
