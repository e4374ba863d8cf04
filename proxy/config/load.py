"""Settings from a file, the environment and flags, in that order of growing strength.

The traffic process never imports this: `compile_settings` runs it in a child and hands the result over as plain JSON.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import yaml

from proxy.config.address import Address, parse_address
from proxy.config.classifier_checks import classifier_checks
from proxy.config.document import Document, validate
from proxy.config.plain import to_plain
from proxy.config.settings import Settings
from proxy.config.store_url import parse_store_url
from proxy.core.errors import ConfigError, Place

INTERVAL_S_MIN: Final = 0.1  # between two readings of a listing
PANES_BEYOND_LAG: Final = 4  # the pane of now, and time to look at one that has just closed
PREFIX: Final = "GROUNDWIRE_"
URL: Final = ("upstreams", "default", "url")
# Kubernetes puts these into every pod beside a Service whose name begins with "groundwire".
NOT_OURS: Final = re.compile(r"GROUNDWIRE_(CONFIG$|([A-Z0-9_]+_)?(SERVICE_(HOST|PORT)|PORT$|PORT_\d))")


def load(path: Path | None, flags: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Settings:
    """The settings. `flags` are "section.key=value". Raises ConfigError naming file, line and key of every problem."""
    environment = os.environ if environment is None else environment
    document = Document("", "defaults") if path is None else Document.read(path, environment)
    if not isinstance(document.values, dict):
        raise ConfigError([(Place(document.file, 1), "a mapping of settings is expected")])
    _shorthand(document)
    for origin, key, text in (*_from_environment(environment), *_from_flags(flags)):
        document.put(URL if key == ("upstream",) else key, _value(text), origin)
    settings = validate(Settings, document)
    problems = [(document.place(key), text) for key, text in _cross_checks(settings)]
    if problems:
        raise ConfigError(problems)
    return settings if settings.state_dir else replace(settings, state_dir=str(_state_dir(environment)))


def _state_dir(environment: Mapping[str, str]) -> Path:
    home = environment.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "groundwire"


def _shorthand(document: Document) -> None:
    """`upstream: URL` is `upstreams: {default: {url: URL}}`."""
    values = document.values
    if "upstream" not in values:
        return
    url = values.pop("upstream")
    upstreams = values.setdefault("upstreams", {})
    if "default" in upstreams:
        text = "`upstream` and `upstreams.default` say the same thing; keep one"
        raise ConfigError([(document.place(("upstream",)), text)])
    upstreams["default"] = {"url": url}
    document.lines[URL] = document.lines.get(("upstream",), 1)


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    for name, text in sorted(environment.items()):
        if name.startswith(PREFIX) and not NOT_OURS.match(name):
            key = tuple(part.lower() for part in name[len(PREFIX) :].split("__"))
            yield f"environment variable {name}", key, text


def _from_flags(flags: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    for flag in flags:
        name, equals, text = flag.partition("=")
        if not equals:
            raise ConfigError([(Place(f"--set {flag}"), "say it as SECTION.KEY=VALUE")])
        yield f"--set {name}", tuple(name.split(".")), text


def _value(text: str) -> Any:
    """Numbers, booleans and lists as YAML reads them; everything else stays the text it is."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return value if isinstance(value, bool | int | float | list) else text


def _cross_checks(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    yield from _listen_checks(settings)
    for name, upstream in settings.upstreams.items():
        if not upstream.url.startswith(("http://", "https://", "unix:/")):
            yield ("upstreams", name, "url"), "say http://HOST:PORT, https://HOST:PORT or unix:/PATH"
        elif "@" in urlsplit(upstream.url).netloc:
            yield (
                ("upstreams", name, "url"),
                f"no user and password here: it is logged; say them in upstreams.{name}.auth",
            )
        if upstream.auth.value_file and upstream.auth.value_env:
            yield ("upstreams", name, "auth"), "give value_file or value_env, not both"
    for name, route in settings.routes.items():
        for key in ("candidate_upstream", "base_upstream"):
            named = getattr(route, key)
            if named and named not in settings.upstreams:
                known = ", ".join(sorted(settings.upstreams))
                yield ("routes", name, key), f"no upstream is called {named!r}; there are: {known}"
        if route.pin == "base" and not (route.base_model or route.base_upstream):
            yield ("routes", name, "pin"), "a pin to the base needs base_model or base_upstream here"
    for section in (settings.limits, settings.timeouts, settings.drain):
        for key, value in to_plain(section).items():
            if value < 0:
                yield (type(section).__name__.lower(), key), "may not be negative"
    yield from _time_checks(settings)
    yield from _sampling_checks(settings)
    yield from _store_checks(settings)
    yield from classifier_checks(settings.classifiers)


def _time_checks(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    kept = settings.analysis
    for key in ("queue_exchanges_max", "queue_bytes_max"):
        if getattr(kept, key) < 1:
            yield ("analysis", key), "must be at least 1"
    for key, least in (("threads", 1), ("batch_items_max", 1), ("batch_wait_ms", 0)):
        if getattr(settings.classifiers, key) < least:
            yield ("classifiers", key), f"must be at least {least}"
    if settings.discovery.interval_s < INTERVAL_S_MIN:
        yield ("discovery", "interval_s"), f"must be at least {INTERVAL_S_MIN:g}"
    if settings.close_lag_s < 0:
        yield ("close_lag_s",), "may not be negative"
    if settings.pane_s <= 0:
        yield ("pane_s",), "must be above 0"
    elif kept.panes_kept_max < (needed := ceil(settings.close_lag_s / settings.pane_s) + PANES_BEYOND_LAG):
        text = f"at least {needed} panes of {settings.pane_s:g} s are needed: they are kept until they have closed"
        yield ("analysis", "panes_kept_max"), text


def _store_checks(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    store = settings.store
    if settings.replicas < 1:
        yield ("replicas",), "must be at least 1"
    for key in ("timeout_s", "cells_waiting_max", "records_kept_days", "prompt_key_rotate_s"):
        if getattr(store, key) <= 0:
            yield ("store", key), "must be above 0"
    if store.prompt_key_file and store.prompt_key_env:
        yield ("store", "prompt_key_file"), "give prompt_key_file or prompt_key_env, not both"
    if store.password_file and store.password_env:
        yield ("store", "password_file"), "give password_file or password_env, not both"
    if bool(store.tls_cert_file) != bool(store.tls_key_file):
        yield ("store", "tls_cert_file"), "tls_cert_file and tls_key_file belong together; give both or none"
    try:
        parse_store_url(store.url)
    except ValueError as wrong:
        yield ("store", "url"), str(wrong)


def _sampling_checks(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    for key in ("share", "share_min", "cpu_share"):
        if not 0.0 < getattr(settings.sampling, key) <= 1.0:
            yield ("sampling", key), "must be above 0 and at most 1"
    for name, route in settings.routes.items():
        if not 0.0 <= route.sampling_share <= 1.0:
            yield ("routes", name, "sampling_share"), "must be from 0 to 1 (0 is the general one)"


def _listen_checks(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    listen = settings.listen
    if bool(listen.tls_cert_file) != bool(listen.tls_key_file):
        yield ("listen", "tls_cert_file"), "tls_cert_file and tls_key_file belong together; give both or none"
    for key in ("data", "health", "analysis_health", "control"):
        text = getattr(listen, key)
        if key == "control" and not text:
            continue
        try:
            address = parse_address(text)
        except ValueError as wrong:
            yield ("listen", key), str(wrong)
            continue
        if key == "control" and not _guarded(address) and not listen.control_token_file:
            yield ("listen", key), "off loopback the control API needs listen.control_token_file"


def _guarded(address: Address) -> bool:
    return bool(address.path) or address.host in ("127.0.0.1", "::1", "localhost")


def main(argv: Sequence[str]) -> int:
    """`python -m proxy.config.load [FILE] [SECTION.KEY=VALUE ...]`: the settings as JSON, or the problems; exit 2."""
    path = Path(argv[0]) if argv and "=" not in argv[0] else None
    try:
        settings = load(path, argv[1:] if path else argv)
    except ConfigError as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 2
    sys.stdout.buffer.write(orjson.dumps(to_plain(settings)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
