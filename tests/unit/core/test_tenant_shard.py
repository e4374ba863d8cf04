"""Who asks: a shard from a header, the body or the credential, and nothing more of them."""

from __future__ import annotations

import hashlib
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.tenant_shard import NAMED, NOBODY, SHARDS, mark_of, shard, shard_of


def head(*fields: str) -> bytes:
    return b"POST /v1/chat/completions HTTP/1.1\r\n" + "".join(f"{field}\r\n" for field in fields).encode() + b"\r\n"


def keyed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_credential_gives_a_shard_whatever_its_header_is_called() -> None:
    mark = mark_of("", "salt")
    assert mark(head("Host: a")) == NOBODY
    assert mark(head("Authorization:", "Host: a")) == NOBODY, "an empty value names nobody"
    for name in ("Authorization", "AUTHORIZATION", "x-api-key", "Api-Key"):
        assert mark(head("Host: a", f"{name}: Bearer one")) == shard_of(b"Bearer one", b"salt")
    assert mark(head("X-Not-Authorization: Bearer one")) == NOBODY


def test_the_configured_header_goes_before_the_credential_and_the_last_of_them_holds() -> None:
    mark = mark_of("X-Tenant", "salt")
    found = mark(head("X-Tenant: forged", "Authorization: Bearer one", "x-tenant: acme"))
    assert found == NAMED + shard_of(b"acme", b"salt")
    assert mark(head("Authorization: Bearer one")) == shard_of(b"Bearer one", b"salt")


def test_a_header_name_is_no_pattern() -> None:
    assert mark_of("X.Tenant", "")(head("X-Tenant: acme")) == NOBODY


@given(st.binary(max_size=40), st.binary(max_size=80))
def test_only_two_bits_leave(name: bytes, salt: bytes) -> None:
    assert 0 <= shard_of(name, salt) < SHARDS


def test_tenants_spread_and_the_key_says_how() -> None:
    names = [f"tenant-{n}".encode() for n in range(4_000)]
    assert all(900 <= n <= 1_100 for n in Counter(shard_of(name, b"a") for name in names).values())
    assert [shard_of(name, b"a") for name in names] != [shard_of(name, b"b") for name in names]


def test_the_header_goes_before_the_body_and_the_body_before_the_credential() -> None:
    users = int(keyed("ada")[:2], 16) % SHARDS
    assert shard(NAMED + 3, "ada", keyed) == 3
    assert shard((users + 1) % SHARDS, "ada", keyed) == users
    assert shard(2, "", keyed) == 2
    assert shard(NOBODY, "", keyed) == 0
