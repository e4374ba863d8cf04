"""What traffic knows of who asks: a shard on each head, as the settings say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import cast

import pytest

from proxy.config.settings import Settings
from proxy.core.tenant_shard import NAMED, NOBODY, shard_of
from proxy.traffic.plane import Plane
from proxy.traffic.ports import Link


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def head(*fields: str) -> bytes:
    lines = ["GET /v1/models HTTP/1.1", "Host: a", *fields]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def test_a_head_has_its_tenants_shard_and_a_reload_changes_how_it_is_told(loop: asyncio.AbstractEventLoop) -> None:
    nowhere = cast("Link", None)  # nothing is sent here
    plane = Plane(Settings(), nowhere, loop)
    asked = head("Authorization: Bearer x", "X-Tenant: acme")
    assert plane.read_request(head())[0].tenant == NOBODY
    assert plane.read_request(asked)[0].tenant == shard_of(b"Bearer x", b"")
    plane.configure(Settings(tenant_header="x-tenant", tenant_salt="s"))
    assert plane.read_request(asked)[0].tenant == NAMED + shard_of(b"acme", b"s")
    assert plane.request_heads[asked][0].tenant >= NAMED, "it is kept with the head"
