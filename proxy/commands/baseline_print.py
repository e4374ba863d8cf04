"""Baselines, printed for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from proxy.commands.columns import columns

LINES_MAX: Final = 60  # rates of one version; the rest is counted


def shelf(data: dict[str, Any]) -> str:
    """Every version on a line, then every switch."""
    return "\n".join(_shelf(data))


def _shelf(data: dict[str, Any]) -> Iterator[str]:
    if not data["versions"]:
        yield f"route {data['route']} has no baseline yet: it learns one, or build one with `groundwire baseline build`"
        return
    rows = [("", "VERSION", "ID", "KIND", "REFUSAL", "N", "FROM", "MADE", "WHO", "WHY")]
    for one in data["versions"]:
        mark = "*" if one["number"] == data["in_force"] else ""
        rate = f"{one['rate']:.3f}"
        head = (mark, str(one["number"]), one["id"], one["kind"], rate, str(one["n"]), one["source"])
        rows.append((*head, when(one["made_s"]), one["who"], one["why"]))
    yield columns(rows)
    yield f"* in force, {data['standing']}" + (f"; STALE: {data['stale']}" if data["stale"] else "")
    if data["review_due"]:
        yield "review due: promote the version in force if it still holds, or build another"
    for one in data["switches"]:
        move = f"{one['before'] or '-'} -> {one['after']}"
        record = f" (record {one['record']})" if one["record"] else ""
        yield f"{when(one['at_s'])}  {one['verb']:<8} {move:<9} {one['who']}: {one['why']}{record}"
    for one in data["excluded"]:
        yield f"left out of later baselines: {when(one['begin_s'])} to {when(one['end_s'])}, {one['incident']}"


def version(data: dict[str, Any]) -> str:
    """One version."""
    return "\n".join(_version(data))


def _version(data: dict[str, Any]) -> Iterator[str]:
    one = data["baseline"]
    parent = f", after version {data['parent']}" if data["parent"] else ""
    yield f"version    {data['number']} ({data['id']}){parent}"
    yield f"kind       {one['kind']}: {data['source'] or '-'}"
    if any(data["window_s"]):
        yield f"window     {when(data['window_s'][0])} to {when(data['window_s'][1])}"
    yield f"made       {when(one['made_s'])} by {one['who'] or '-'}: {one['why'] or '-'}"
    yield f"judge      {one['judge'] or 'not known'}"
    if data["incident"]:
        yield f"incident   {data['incident']}"
    for name, value in sorted(data["context"]["facts"].items()):
        yield f"context    {name.replace('_', ' ')} {value}"
    for signal, marks in sorted(data["context"]["seen"].items()):
        what, n = signal.removeprefix("context_"), sum(marks.values())
        yield f"context    {len(marks)} {what} marks in {n} requests: {', '.join(sorted(marks))}"
    yield ""
    yield limits(data)


def limits(data: dict[str, Any]) -> str:
    """Every rate: counts, rate, limits; the sizes of the shapes."""
    return "\n".join(_limits(data))


def _limits(data: dict[str, Any]) -> Iterator[str]:
    rows = [("RATE", "COUNT", "OF", "RATE", "AT LEAST", "AT MOST")]
    for name, one in list(data["rates"].items())[:LINES_MAX]:
        numbers = tuple(f"{one[key]:.3f}" for key in ("rate", "lower", "upper"))
        rows.append((name, str(one["positives"]), str(one["n"]), *numbers))
    yield columns(rows)
    more = len(data["rates"]) - LINES_MAX
    if more > 0:
        yield f"and {more} more rates (--json)"
    yield f"each limit is missed with a chance of {data['confidence']:g}"
    if data["shape_sizes"]:
        yield "shapes: " + ", ".join(f"{name} {n}" for name, n in data["shape_sizes"].items())
    yield f"hours of the week with shapes of their own: {data['hours']} of 168"
    yield from (f"no lines: {text}" for text in data["without_lines"])


def diff(data: dict[str, Any]) -> str:
    """What differs, what is surely apart first."""
    return "\n".join(_diff(data))


def _diff(data: dict[str, Any]) -> Iterator[str]:
    yield f"route {data['route']}: version {data['a']} -> version {data['b']}"
    if data["judges"][0] != data["judges"][1]:
        judges = " and ".join(judge or "nobody known" for judge in data["judges"])
        yield f"judged by {judges}: their rates do not compare"
    rows = [("RATE", f"VERSION {data['a']}", "OF", f"VERSION {data['b']}", "OF", "CHANGE", "")]
    for one in sorted(data["rates"], key=lambda one: (not one["apart"], -abs(one["delta"]))):
        before, after = one["before"], one["after"]
        sides = (f"{before['rate']:.3f}", str(before["n"]), f"{after['rate']:.3f}", str(after["n"]))
        rows.append((one["name"], *sides, f"{one['delta']:+.3f}", "apart" if one["apart"] else ""))
    yield columns(rows)
    yield "apart: the intervals of the two rates have no point in common"
    for one in data["shapes"]:
        told = "too little to tell" if one["js_bits"] is None else f"{one['js_bits']:.4f} bits apart (Jensen-Shannon)"
        yield f"shape {one['name']}: {one['before']} and {one['after']} observations, {told}"
    yield from (f"context: {text}" for text in data["context"])


def when(at_s: float) -> str:
    """Unix time for people; "-" for none."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if at_s else "-"
