"""A new pod beside a shared store: another replica may have reverted a route, and this one does not know it yet."""

from __future__ import annotations

from pathlib import Path

from tests.wire.bare import in_front_of
from tests.wire.rawhttp import ScriptedUpstream, until
from tests.wire.test_proxy_life import events, page

SHARED = {"store": {"kind": "redis", "url": "redis://127.0.0.1:9"}}


def test_an_empty_folder_beside_a_shared_store_is_not_taken_for_a_first_start(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    upstream.clear()
    with in_front_of(upstream.url, tmp_path, {**SHARED, "link": {"start_hold_s": 60.0}}) as running:
        assert page(running, "/readyz")[0] == 503
        assert "[-] enforcement" in page(running, "/readyz?verbose")[1]
        assert page(running, "/livez")[0] == 200


def test_after_the_hold_it_serves_and_says_what_it_lacks(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    upstream.clear()
    with in_front_of(upstream.url, tmp_path, {**SHARED, "link": {"start_hold_s": 0.2}}) as running:
        until(lambda: page(running, "/readyz")[0] == 200, "readiness")
        assert "degraded: enforcement_unknown" in page(running, "/readyz?verbose")[1]
        assert "serving_degraded" in events(running)
