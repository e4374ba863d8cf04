"""`groundwire policy`: what a policy demands and costs, what shadows said otherwise, and one made live."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from proxy.commands.columns import columns
from proxy.commands.route import actor_of, when
from proxy.control.api.client import ControlClient

DAY_S = 86_400.0
LINE_HEAD = ("METRIC", "LINES")
TEST_HEAD = ("LINE", "TESTS", "A (ODDS)", "BUDGET", "FALSE ALARMS A YEAR, AT MOST")
DIFF_HEAD = ("FROM", "UNTIL", "LIVE", "SHADOW", "EVIDENCE")


def show(arguments: Namespace) -> int:
    """The policy of each route, or of one; with `--policy` that of a file, without a server."""
    if arguments.policy:
        return _show_file(arguments)
    path = "/v1/policies" + (f"?route={quote(arguments.name, safe='')}" if arguments.name else "")
    data = ControlClient.of(arguments).get(path)
    if arguments.json:
        return _json(data)
    return _print("\n\n".join("\n".join(_route(one)) for one in data["routes"]) or "no routes yet")


def diff(arguments: Namespace) -> int:
    """What shadow policies said otherwise than the live one, over the records that are kept."""
    path = "/v1/policies/diff" + (f"?route={quote(arguments.name, safe='')}" if arguments.name else "")
    data = ControlClient.of(arguments).get(path)
    if arguments.json:
        return _json(data)
    nothing = "no shadow policies: name files in policies.shadow (docs/policies.md)"
    return _print("\n\n".join("\n".join(_difference(one)) for one in data["shadows"]) or nothing)


def promote(arguments: Namespace) -> int:
    """Make a shadow policy the live one."""
    return _order(arguments, f"/v1/policies/{quote(arguments.name, safe='')}/promote")


def withdraw(arguments: Namespace) -> int:
    """Let the policy of the file hold again."""
    return _order(arguments, "/v1/policies/withdraw")


def _order(arguments: Namespace, path: str) -> int:
    body = {"route": arguments.route or "", "actor": actor_of(arguments), "reason": arguments.reason}
    data = ControlClient.of(arguments).post(path, body)
    return _json(data) if arguments.json else _print(data["message"])


def _show_file(arguments: Namespace) -> int:
    from proxy.config.policies import read_policy  # noqa: PLC0415 - a running Groundwire needs no file of ours
    from proxy.control.policies.in_force import Loaded, policy_name  # noqa: PLC0415
    from proxy.control.policies.view import loaded_json  # noqa: PLC0415

    data = loaded_json(Loaded(*read_policy(arguments.policy), policy_name(arguments.policy)))
    return _json(data) if arguments.json else _print("\n".join(_policy(data)))


def _route(one: dict[str, Any]) -> Iterator[str]:
    yield f"route      {one['route']}"
    yield from _policy(one)
    promoted = one["promoted"]
    if promoted:
        where = f"on route {promoted['scope']}" if promoted["scope"] else "everywhere"
        yield f"promoted   {where} by {promoted['who']}, {when(promoted['at_s'])}: {promoted['why']}"
    shadows = ", ".join(f"{s['name']} ({s['sha256'][:12]}, mode {s['mode']})" for s in one["shadows"])
    yield f"shadows    {shadows or 'none'}"


def _policy(one: dict[str, Any]) -> Iterator[str]:
    yield f"policy     {one['name'] or '-'}, text SHA-256 {one['sha256'][:16]}"
    yield f"mode       {one['mode']}; a revert at severity {one['revert_on']}"
    pages, scope = one["pages_per_year"], one["budgets"]["scope"]
    where = "over all routes" if scope == "deployment" else "on each route"
    yield f"pages      at most {pages['all']:.3g} false ones a year {where} ({_each(pages)}), each rate on its line"
    yield ""
    yield columns([LINE_HEAD, *(_line(name, line) for name, line in one["lines"].items())])
    yield ""
    tests = one.get("tests")
    if tests:
        yield columns([TEST_HEAD, *(_test(kind, test) for kind, test in tests.items())])
        shared = f" x {one['sharing']} routes that share the budget" if one["sharing"] > 1 else ""
        yield f"A = tests{shared} x budget / pane of {one['pane_s']:g} s: odds that evidence must reach"
    else:
        yield columns([TEST_HEAD, *_untested(one["budgets"])])
        yield "how many tests share a budget is known with a baseline; A = tests x routes x budget / pane"


def _each(pages: dict[str, float]) -> str:
    return ", ".join(f"{kind} {n:.3g}" for kind, n in pages.items() if kind != "all")


def _line(name: str, line: Any) -> tuple[str, str]:
    told = line.items() if isinstance(line, dict) else (("", line),)
    return name.replace("_", " "), ", ".join(f"{key} {_value(value)}".strip() for key, value in told)


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _test(kind: str, test: dict[str, Any]) -> tuple[str, ...]:
    limit = f"e^{test['limit_ln']:.0f}" if test["limit"] is None else f"{test['limit']:.3g}"
    return kind, str(test["n"]), limit, _days(test["budget_s"]), _a_year(test["budget_s"])


def _untested(budgets: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for key, value in budgets.items():
        if key.endswith("_s"):  # a scope has no time
            yield key.removesuffix("_s"), "-", "-", _days(value), _a_year(value)


def _days(seconds: float) -> str:
    return f"{seconds / DAY_S:.3g} d"


def _a_year(budget_s: float) -> str:
    return f"{365 * DAY_S / budget_s:.3g}"


def _difference(one: dict[str, Any]) -> Iterator[str]:
    head = (
        f"route {one['route']}: shadow {one['policy']} ({one['sha256'][:12]}) beside {one['live'] or 'the live policy'}"
    )
    if one["since_s"] is None:
        yield f"{head}: has not looked yet; it begins with the first look at a route that has a baseline"
        return
    now = one["now"]
    yield f"{head}, since {when(one['since_s'])}; now severity {now['severity']}, would be at {now['step']}"
    if one["differences"]:
        yield columns([DIFF_HEAD, *map(_span, one["differences"])])
    else:
        yield "no difference so far"


def _span(span: dict[str, Any]) -> tuple[str, ...]:
    until = "now" if span["until_s"] is None else when(span["until_s"])
    evidence = " / ".join(span[side]["record"] or "-" for side in ("live", "shadow"))
    return when(span["from_s"]), until, _stand(span["live"]), _stand(span["shadow"]), evidence


def _stand(stand: dict[str, Any]) -> str:
    return f"{stand['severity']}, {stand['step']}"


def _print(text: str) -> int:
    sys.stdout.write(text + "\n")
    return 0


def _json(data: Any) -> int:
    return _print(json.dumps(data, indent=2, sort_keys=True))
