"""One scripted upstream with one traffic process in front of it, for a module of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.wire.house import Traffic, traffic
from tests.wire.rawhttp import ScriptedUpstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def proxied(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traffic]:
    with traffic(tmp_path_factory.mktemp("traffic"), {"default": upstream.url}) as running:
        yield running
