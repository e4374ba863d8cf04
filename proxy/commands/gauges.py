"""The gauges of a route, printed for people. None of them is an alarm."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from proxy.commands.columns import columns

_WINDOWS: Final = {"60": "1 m", "600": "10 m", "3600": "1 h", "86400": "24 h"}
_HEAD: Final = ("RATE OF", *_WINDOWS.values())


def gauge_lines(route: dict[str, Any]) -> list[str]:
    """Drift in a line, dates of changes, then windows, charts and shapes."""
    drift, gauges = route.get("drift") or {}, route.get("gauges") or {}
    said = [f"drift      {drift['text']}"] if drift.get("text") else []
    return [*said, *map(_dated, route.get("dated", ())), *_windows(gauges), *_charts(gauges), *_shapes(gauges)]


def _dated(one: dict[str, Any]) -> str:
    at, low, high = (_when(one[key]) for key in ("change_s", "from_s", "to_s"))
    return f"changed    {one['metric']} {one['stratum']}: at {at}, between {low} and {high} (PELT)"


def _when(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _windows(gauges: dict[str, Any]) -> list[str]:
    windows = gauges.get("windows") or {}
    signals = list(dict.fromkeys(name for of in windows.values() for name in of))
    rows = [(name, *(_rate(windows.get(key, {}).get(name)) for key in _WINDOWS)) for name in signals]
    return ["", columns([_HEAD, *rows])] if rows else []


def _rate(one: dict[str, float] | None) -> str:
    return "-" if not one else f"{one['rate']:.3f} ({one['low']:.3f}..{one['high']:.3f}, n {one['n']:.0f})"


def _charts(gauges: dict[str, Any]) -> list[str]:
    charts, p95 = gauges.get("charts") or {}, gauges.get("toxicity_p95") or {}
    lines = []
    if charts:
        smooth, pane = charts["ewma"], charts["p_chart"]
        lines = [
            f"EWMA of refusal {smooth['value']:.3f} (limits {smooth['low']:.3f}..{smooth['high']:.3f}, centre "
            f"{charts['centre']:.3f}); newest pane {_number(pane['value'])}"
            f" (limits {pane['low']:.3f}..{pane['high']:.3f})",
        ]
    if p95.get("now") is not None:
        lines.append(f"toxicity, 95th percentile {_number(p95['now'])}; baseline {_number(p95.get('baseline'))}")
    return ["", *lines] if lines else []


def _shapes(gauges: dict[str, Any]) -> list[str]:
    shapes = gauges.get("shapes") or {}
    rows = [
        (name, one["kind"], _number(one["js_bits"], 4), _number(one["kl_bits"], 4), f"{one['n_eff']:.0f}", _hour(one))
        for name, one in shapes.items()
    ]
    return ["", columns([("SHAPE, 1 h", "KIND", "JS (BITS)", "KL (BITS)", "N", "BASELINE OF"), *rows])] if rows else []


def _hour(one: dict[str, Any]) -> str:
    """Of which hour of the week the shape is that it is compared with."""
    return "all hours" if one.get("hour") is None else f"hour {one['hour']}"


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
