"""A route is put back on its base while streams run: no request fails, and the candidate is not asked again."""

from __future__ import annotations

from pathlib import Path

from bench.revert import run


async def test_no_request_fails(tmp_path: Path) -> None:
    result = await run(60, tmp_path)
    assert result.failed == 0
    assert result.by_candidate > 0
    assert result.by_base > 0
    assert result.by_candidate + result.by_base >= result.streams
