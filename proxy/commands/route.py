"""`groundwire route`, `log`, `disarm`: the control API, printed for people."""

from __future__ import annotations

import getpass
import json
import socket
import sys
from argparse import Namespace
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from proxy.commands.columns import columns
from proxy.commands.duration import seconds
from proxy.commands.gauges import gauge_lines
from proxy.commands.power import power_lines
from proxy.commands.sampling import sampling_lines
from proxy.control.api.client import ControlClient, route_path
from proxy.core.errors import ConfigError, Place


def show_list(arguments: Namespace) -> int:
    """Every route on a line."""
    data = ControlClient.of(arguments).get("/v1/routes")
    if arguments.json:
        return _json(data)
    routes = data["routes"]
    if not routes:
        return _print("no routes yet: the upstream lists no adapter, or was not reached (see the log)")
    rows = [("ROUTE", "SERVED BY", "BASE", "STEP", "STATUS", "MODE", "REVERT", "WHY")]
    for one in routes:
        armed = "armed" if one["armed"]["armed"] else "not armed"
        served = one["base"]["model"] if one["served"] == "base" else one["candidate"]["model"]
        step = one["step"] if one["step"] == one["would_step"] else f"{one['step']} (would be {one['would_step']})"
        status = one["status"] + (", baseline stale" if one["baseline"].get("stale") else "")
        who = (one["name"], f"{served} ({one['served']})", _base(one))
        rows.append((*who, step, status, one["mode"], armed, one["reason"]))
    return _print(columns(rows))


def _base(one: Mapping[str, Any]) -> str:
    """Its name, and its upstream where that is another one than the candidate's."""
    if not (base := one["base"]):
        return "none"
    same = base["upstream"] == one["candidate"]["upstream"]
    return str(base["model"]) if same else f"{base['model']} at {base['upstream']}"


def show_one(arguments: Namespace) -> int:
    """One route in full."""
    one = ControlClient.of(arguments).get(route_path(arguments.name))
    if arguments.json:
        return _json(one)
    base = one["base"]
    lines = [
        f"route      {one['name']}",
        f"candidate  {one['candidate']['model']} at {one['candidate']['upstream']}",
        f"base       {base['model']} at {base['upstream']}" if base else "base       none: the ladder stops at limited",
        f"served by  {one['served']}" + (f" (pinned to {one['pin']})" if one["pin"] else ""),
        f"step       {one['step']}" + ("" if one["step"] == one["would_step"] else f"; would be {one['would_step']}"),
        f"status     {one['status']}, mode {one['mode']}, severity {one['severity'] or 'undecided'}",
        f"revert     {'armed' if one['armed']['armed'] else 'not armed: ' + one['armed']['reason']}",
        f"why        {one['reason'] or '-'}",
        f"evidence   {one['enforcement_id'] or '-'} (groundwire explain ID)",
        *_baseline(one["baseline"]),
        *_how_many(one.get("tests_by_line", {})),
        *sampling_lines(one.get("sampling", {})),
        *_closing(one.get("closing")),
        *power_lines(one.get("power")),
        "",
        columns([_TEST_HEAD, *(_test_row(test) for test in one["tests"])]) if one["tests"] else "no tests yet",
        "",
        *_signals(one["window"]),
        *gauge_lines(one),
        _counts(one["counts"]),
    ]
    return _print("\n".join(lines))


def change(arguments: Namespace) -> int:
    """revert, restore, arm, promote."""
    body = {"actor": actor_of(arguments), "reason": arguments.reason, "force": arguments.force}
    data = ControlClient.of(arguments).post(route_path(arguments.name, arguments.verb), body)
    return _json(data) if arguments.json else _print(data.get("message") or f"{arguments.verb}: done")


def panes(arguments: Namespace) -> int:
    """What a route counted lately, for `replay --panes`. The file is whole, or it is not there."""
    out = Path(arguments.out)
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("wb") as file:
            path = f"{route_path(arguments.name, 'panes')}?last_s={seconds(arguments.last)}"
            written = ControlClient.of(arguments).download(path, file)
        part.replace(out)
    except OSError as wrong:
        raise ConfigError([(Place(str(out), None, "--out"), f"cannot be written: {wrong.strerror}")]) from wrong
    finally:
        part.unlink(missing_ok=True)
    return _print(f"{written} bytes in {out}; groundwire replay --panes {out}")


def disarm(arguments: Namespace) -> int:
    """Stop automatic actions for a while."""
    body = {
        "scope": "all" if arguments.all else "route",
        "route": arguments.route or "",
        "for_s": seconds(arguments.duration),
        "actor": actor_of(arguments),
        "reason": arguments.reason,
    }
    data = ControlClient.of(arguments).post("/v1/disarm", body)
    return _json(data) if arguments.json else _print(data.get("message") or "disarmed; existing reverts stay")


def rearm(arguments: Namespace) -> int:
    """Allow automatic actions again."""
    body = {"actor": actor_of(arguments), "reason": arguments.reason}
    data = ControlClient.of(arguments).post("/v1/rearm", body)
    return _json(data) if arguments.json else _print(data.get("message") or "armed again")


def log(arguments: Namespace) -> int:
    """Who changed what."""
    data = ControlClient.of(arguments).get("/v1/log")
    if arguments.json:
        return _json(data)
    for entry in data["log"]:
        what = " ".join(str(entry[key]) for key in ("action", "route") if entry.get(key))
        _print(f"{when(entry['at_s'])}  {entry['actor']:<16} {what}: {entry['reason']}")
    return 0


_TEST_HEAD = ("LINE", "AT", "ESTIMATE", "INTERVAL", "PROVED", "N", "ODDS (LN)", "LIMIT (LN)", "STATUS")


def _how_many(tests: dict[str, int]) -> list[str]:
    """n of each kind of line: the limit that evidence must reach follows from it."""
    if not any(tests.values()):
        return []
    return [
        f"tests      {', '.join(f'{n} of the {line} line' for line, n in tests.items())}; each limit follows from n"
    ]


def _test_row(test: dict[str, Any]) -> tuple[str, ...]:
    def number(key: str, form: str = ".3f") -> str:
        return "-" if test.get(key) is None else format(test[key], form)

    name = f"{test['metric']} {test['stratum']}, {test['line']} line"
    interval = "-" if test.get("low") is None else f"{number('low')}..{number('high')}"
    odds, limit = number("odds_ln", ".1f"), number("limit_ln", ".1f")
    return (
        name,
        number("m"),
        number("estimate"),
        interval,
        number("proved"),
        number("n", ".0f"),
        odds,
        limit,
        test["status"],
    )


def _baseline(baseline: dict[str, Any] | None) -> list[str]:
    if baseline is None:
        return ["baseline   none yet"]
    rate = "-" if baseline["rate"] is None else f"{baseline['rate']:.3f}"
    lower = "-" if baseline["lower"] is None else f"{baseline['lower']:.3f}"
    head = f"baseline   {baseline['status']}, {baseline['kind']}: refusal {rate} (at least {lower}), n {baseline['n']}"
    head += f", judged by {baseline['judge']}" if baseline.get("judge") else ""
    head += f", version {baseline['version']}" if baseline.get("version") else ""
    stale = [f"stale      {baseline['stale']}"] if baseline.get("stale") else []
    return [head, *stale, *_asking(baseline.get("asking"))]


def _asking(asking: dict[str, Any] | None) -> list[str]:
    """How a baseline of the base's answers comes on, while it is not the one in force."""
    if not asking or not asking["detail"]:
        return []
    counts = f"{asking['asked']} of {asking['of']} known prompts, {asking['judged']} answers judged"
    return [f"asking     the base: {counts}; {asking['detail']}"]


def _closing(closing: dict[str, Any] | None) -> list[str]:
    """When a pane closes; "at most" where it is that."""
    if not closing:
        return []
    lag, most, known = (f"{closing[key]:,.0f}" for key in ("lag_s", "most_s", "known"))
    return [f"panes      close {lag} s after their end (at most {most} s; {known} answers known)"]


def _signals(window: dict[str, Any]) -> list[str]:
    """What answers were in the last panes, against the baseline; nothing where nothing was counted."""
    found = {name: one for name, one in window.get("signals", {}).items() if one["rate"] is not None}
    return [
        f"now        {name.replace('_', ' ')} {one['rate']:.3f} of {one['n']:.0f} answers in {window['seconds']:.0f} s"
        + ("" if one["baseline"] is None else f", baseline {one['baseline']:.3f}")
        for name, one in found.items()
    ]


def _counts(counts: dict[str, Any]) -> str:
    missed = ", ".join(f"{reason} {n:.0f}" for reason, n in sorted(counts["unassessed"].items())) or "none"
    text = f"assessed {counts['assessed']:.0f}; unassessed: {missed}"
    aside = ", ".join(f"{what} {n:.0f}" for what, n in sorted(counts.get("set_aside", {}).items()))
    panes = counts.get("impaired_panes", 0)
    text += f"; in no rate: {aside}" if aside else ""
    return text + (f"; {panes} panes lost too much to be evidence" if panes else "")


def when(at_s: float) -> str:
    """A moment for people, in UTC."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def actor_of(arguments: Namespace) -> str:
    """Who orders: `--actor`, else the user at this machine."""
    return arguments.actor or f"{getpass.getuser()}@{socket.gethostname()}"


def _print(text: str) -> int:
    sys.stdout.write(text + "\n")
    return 0


def _json(data: Any) -> int:
    return _print(json.dumps(data, indent=2, sort_keys=True))
