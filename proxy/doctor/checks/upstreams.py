"""Each model server: found, connected, its certificate, its listing; then the routes and bases that follow."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from proxy.config.address import Address, parse_address
from proxy.config.sections.serving import Upstream
from proxy.config.settings import Settings
from proxy.control.routes.discovery import PATH, Reach, Reading, read_models
from proxy.control.routes.resolve import Found, resolve
from proxy.control.routes.upstreams import UpstreamClient
from proxy.doctor.aside import addresses, aside
from proxy.doctor.finding import Finding, fail, note, ok, warn
from proxy.doctor.scene import CALL_S, Scene

CERTIFICATE_DAYS_MIN: Final = 14
SLOW_S: Final = 1.0
ROUTES_SHOWN_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Seen:
    """One upstream as it was found. `faults`: what hinders; then `reading` is None."""

    name: str
    upstream: Upstream
    faults: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    reading: Reading | None = None
    took_s: float = 0.0


async def look(scene: Scene) -> Sequence[Finding]:
    """All upstreams at once, then the routes that their listings make."""
    settings = scene.settings
    seen = await asyncio.gather(*(_seen(name, one, settings) for name, one in settings.upstreams.items()))
    return [*(finding for one in seen for finding in judge(one)), *routes(settings, seen)]


def judge(seen: Seen) -> Iterator[Finding]:
    """What is said of one upstream. Pure."""
    where = f"upstreams.{seen.name}"
    yield from (*seen.faults, *seen.notes)
    reading = seen.reading
    if reading is None:
        return
    told = f"{seen.upstream.url} answers in {seen.took_s * 1_000:.0f} ms"
    if reading.reach is Reach.LISTED:
        count = len(reading.models)
        text = f"{told} and lists {count} model{'' if count == 1 else 's'}"
        yield ok(text, where) if count else warn(text, where, "load a model there, or name another server")
    elif reading.reach is Reach.UNAUTHORISED:
        mend = f"set {where}.auth: Groundwire's own calls need a key; without it routes must be named in `routes`"
        yield warn(reading.detail, where, mend)
    elif reading.reach is Reach.NO_LISTING:
        yield warn(reading.detail, where, "name the routes under `routes`, each with its base_model")
    else:
        yield fail(reading.detail, where, "start the model server, or wait until it has loaded its model")
    if seen.took_s > SLOW_S:
        yield warn(f"{PATH} took {seen.took_s:.1f} s", where, "look whether the server is overloaded or far away")


def routes(settings: Settings, seen: Sequence[Seen]) -> list[Finding]:
    """The routes that discovery would make of what was listed, and their bases. Pure."""
    listings = {
        one.name: one.reading.models for one in seen if one.reading is not None and one.reading.reach is Reach.LISTED
    }
    found = [one for one in resolve(settings, listings).values() if listings or one.by_hand]
    told = [_route(one, settings, listings) for one in found[:ROUTES_SHOWN_MAX]]
    if len(found) > ROUTES_SHOWN_MAX:
        told.append(note(f"and {len(found) - ROUTES_SHOWN_MAX} more routes"))
    if listings and not found:
        mend = "load an adapter that names its parent, or name a route under `routes` with its base_model"
        told.append(warn("no route was found: nothing would be watched", "routes", mend))
    return told


def _route(found: Found, settings: Settings, listings: Mapping[str, object]) -> Finding:
    route, where = found.route, f"routes.{found.route.name}"
    if route.candidate.upstream not in listings:
        return note(f"route {route.name}: its upstream {route.candidate.upstream!r} was not read", where)
    if found.by_hand and not found.root and not _lists(listings, route.candidate.upstream, route.candidate.model):
        text = f"route {route.name}: {route.candidate.upstream!r} does not list {route.candidate.model!r}"
        return warn(text, where, f"load it there, or correct {where}.candidate_model")
    base = route.base
    if base is None:
        mend = f"name the base: {where}.base_model (and base_upstream where it is another server)"
        return warn(f"route {route.name} cannot be reverted: {found.no_base}", where, mend)
    if base.upstream in listings and not _lists(listings, base.upstream, base.model):
        text = f"route {route.name}: its base {base.model!r} is not listed by {base.upstream!r}"
        return warn(text, where, "load the base there too, or correct base_model: a revert would answer 404")
    if base.upstream == route.candidate.upstream:
        return ok(f"route {route.name}: base {base.model} on the same server; a revert rewrites the name")
    if base.upstream not in settings.upstreams or base.upstream not in listings:
        return warn(
            f"route {route.name}: its base's upstream {base.upstream!r} did not list its models",
            where,
            "make it answer, or a revert would fail every request",
        )
    return ok(f"route {route.name}: base {base.model} on {base.upstream!r}; a revert changes the server")


def _lists(listings: Mapping[str, object], upstream: str, model: str) -> bool:
    models = listings.get(upstream, ())
    ids = {one.id for one in models} if isinstance(models, tuple) else set()
    return model in ids or f"{model}:latest" in ids  # Ollama lists a tag that clients may leave out


# --- looking ---------------------------------------------------------------------------------------------------------


async def _seen(name: str, upstream: Upstream, settings: Settings) -> Seen:
    where = f"upstreams.{name}"
    faults, notes = await _way(where, upstream, settings)
    if faults:
        return Seen(name, upstream, faults, notes)
    began_s = time.perf_counter()
    async with UpstreamClient(name, upstream) as client:
        reading = await read_models(client, CALL_S)
    return Seen(name, upstream, (), notes, reading, time.perf_counter() - began_s)


async def _way(where: str, upstream: Upstream, settings: Settings) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """What hinders on the way to a server, and what is to be said of it."""
    if upstream.url.startswith("unix:"):
        fault = await aside(lambda: _unix(where, upstream.url.removeprefix("unix:")))
        return ((fault,) if fault else ()), ()
    parts = urlsplit(upstream.url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(CALL_S / 2):
            found = await addresses(host, port)
    except (OSError, TimeoutError, UnicodeError) as wrong:
        text = f"{host} does not resolve ({reason(wrong)})"
        return (fail(text, where, f"correct {where}.url, or the name server that this machine asks"),), ()
    if _is_own(found, port, parse_address(settings.listen.data)):
        mend = f"say the model server's own address in {where}.url"
        return (fail(f"{upstream.url} is Groundwire's own data port: requests would go round", where, mend),), ()
    return await _connected(where, upstream, host, port)


def _unix(where: str, path: str) -> Finding | None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        one.settimeout(CALL_S)
        try:
            one.connect(path)
        except OSError as wrong:
            text = f"the socket {path} does not take a connection ({reason(wrong)})"
            return fail(text, where, "start the model server, and let this user read and write the socket")
    return None


def _is_own(found: Sequence[str], port: int, data: Address) -> bool:
    loopback = any(one.startswith("127.") or one == "::1" for one in found)
    return port == data.port and (data.host in found or (loopback and data.host in {"0.0.0.0", "::"}))  # noqa: S104


async def _connected(
    where: str, upstream: Upstream, host: str, port: int
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    tls = None
    try:
        if upstream.url.startswith("https:"):
            tls = ssl.create_default_context(cafile=upstream.tls_ca_file or None)
        name = (upstream.tls_server_name or host) if tls else None
        async with asyncio.timeout(CALL_S):
            _, writer = await asyncio.open_connection(host, port, ssl=tls, server_hostname=name)
    except ssl.SSLCertVerificationError as wrong:
        mend = f"name the authority in {where}.tls_ca_file, or the certificate's name in {where}.tls_server_name"
        return (fail(f"{upstream.url}: its certificate is not trusted: {wrong.verify_message}", where, mend),), ()
    except (OSError, TimeoutError) as wrong:
        mend = f"start the model server, or correct {where}.url; a firewall may stand between"
        return (fail(f"{upstream.url} takes no connection ({reason(wrong)})", where, mend),), ()
    peer = writer.get_extra_info("peercert") if tls else None
    writer.close()
    return (), tuple(certificate(where, peer.get("notAfter", ""), time.time()) if peer else ())


def certificate(where: str, not_after: str, now_s: float) -> Iterator[Finding]:
    """How long a certificate is still good. `not_after`: as OpenSSL writes it. Pure."""
    if not not_after:
        return
    days = (ssl.cert_time_to_seconds(not_after) - now_s) / 86_400
    if days < CERTIFICATE_DAYS_MIN:
        yield warn(f"its certificate ends in {days:.0f} days", where, "renew it: then every request would fail")


def reason(wrong: BaseException) -> str:
    """A fault of the system in a few words."""
    if isinstance(wrong, TimeoutError):
        return f"no answer within {CALL_S:g} s"
    if isinstance(wrong, ssl.SSLError):
        return f"TLS: {wrong.reason or wrong}"
    if isinstance(wrong, OSError) and wrong.errno:
        return os.strerror(wrong.errno) if wrong.errno > 0 else str(wrong.strerror)  # below 0: of a name server
    return str(wrong) or type(wrong).__name__
