"""One HTTP request, and every way in which it can fail. TLS is verified, no redirect is followed, no proxy is used."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp
import orjson

from proxy.classifiers.remote.failures import Failure, UnansweredError
from proxy.core.errors import GroundwireError

ANSWER_BYTES_MAX: Final = 262_144  # a verdict takes a few hundred


class TrustError(GroundwireError):
    """A file of authorities that cannot be used."""


def trust(ca_file: str) -> ssl.SSLContext:
    """What TLS trusts: the authorities of a PEM file, or the system's. Raises TrustError naming the file."""
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ValueError) as wrong:
        raise TrustError(f"tls_ca_file {ca_file}: {wrong}; it must hold certificates in PEM") from wrong


def open_session(connections_max: int) -> aiohttp.ClientSession:
    """A session that keeps no cookie and knows no proxy. Who opens it closes it."""
    connector = aiohttp.TCPConnector(limit=connections_max)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)


async def post(
    session: aiohttp.ClientSession,
    url: str,
    body: Mapping[str, Any],
    *,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    tls: ssl.SSLContext,
    timeout_s: float,
) -> object:
    """POST JSON, give the JSON of a 200. Raises UnansweredError; `timeout_s` holds for all of it together."""
    try:
        async with session.post(
            url,
            data=orjson.dumps(body),
            headers={"Content-Type": "application/json", "Accept": "application/json", **headers},
            params=query,
            ssl=tls,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=timeout_s),
        ) as answer:
            if answer.status != 200:
                raise _refusal(answer.status, answer.headers)
            return orjson.loads(await _bounded(answer.content))
    except TimeoutError:
        raise UnansweredError(Failure.TIMEOUT) from None
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, ssl.SSLError):
        raise UnansweredError(Failure.TLS) from None
    except orjson.JSONDecodeError:
        raise UnansweredError(Failure.NOT_JSON) from None
    except (aiohttp.ClientError, OSError):  # their texts may hold the URL, and the URL may hold the key
        raise UnansweredError(Failure.CONNECTION) from None


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    data = b""
    while not content.at_eof():
        data += await content.read(ANSWER_BYTES_MAX + 1 - len(data))
        if len(data) > ANSWER_BYTES_MAX:
            raise UnansweredError(Failure.TOO_LARGE)
    return data


def _refusal(status: int, headers: Mapping[str, str]) -> UnansweredError:
    if status in (401, 403):
        return UnansweredError(Failure.CREDENTIALS)
    if status == 429:
        return UnansweredError(Failure.THROTTLED, retry_after(headers))
    if status in (400, 413, 422):
        return UnansweredError(Failure.REFUSED)
    if 300 <= status < 400:
        return UnansweredError(Failure.REDIRECT)
    if status >= 500:
        return UnansweredError(Failure.SERVER, retry_after(headers))
    return UnansweredError(Failure.STATUS)  # 404 too: a wrong address or model


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks for (RFC 9110, 10.2.3); a date is read against the answer's own `Date`."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked[:9])
    try:
        return (parsedate_to_datetime(asked) - parsedate_to_datetime(headers["Date"])).total_seconds()
    except (KeyError, TypeError, ValueError, IndexError):
        return None
