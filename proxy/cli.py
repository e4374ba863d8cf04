"""The command line: every command and flag, and nothing else. Handlers live in `proxy.commands`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import TypeAlias

from proxy import VERSION
from proxy.core.errors import GroundwireError


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. 0: done; 1: it failed, the reason is on stderr; 2: wrong usage or settings."""
    arguments = parser().parse_args(argv)
    module, name = arguments.handler.split(":")
    try:
        handler: Callable[[argparse.Namespace], int] = getattr(importlib.import_module(module), name)
        return handler(arguments)
    except ModuleNotFoundError as wrong:
        sys.stderr.write(_missing(wrong.name or ""))
        return 1
    except GroundwireError as wrong:
        sys.stderr.write(f"groundwire: {wrong}\n")
        return 2 if type(wrong).__name__ == "ConfigError" else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _missing(module: str) -> str:
    """What to do about a part that is not installed."""
    if module.partition(".")[0] == "proxy":
        return (
            f"groundwire: {module} is not here: this image holds the traffic process alone; use the other container\n"
        )
    return f"groundwire: the package {module} is not installed; `make setup` brings what is needed\n"


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    root = argparse.ArgumentParser(
        prog="groundwire", description="The safety wire from a fine-tuned language model back to its base."
    )
    root.add_argument("--version", action="version", version=f"groundwire {VERSION}")
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    _serve(commands)
    _drain(commands)
    _demo(commands)
    _check(commands)
    _doctor(commands)
    _route(commands)
    _baseline(commands)
    _disarm(commands)
    _explain(commands)
    _policy(commands)
    _replay(commands)
    _models(commands)
    _score(commands)
    return root


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _command(commands: Commands, name: str, text: str, handler: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
    command.set_defaults(handler=f"proxy.commands.{handler}")
    return command


def _settings_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", metavar="FILE", help="settings file (docs/configuration.md)")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")


def _serve(commands: Commands) -> None:
    serve = _command(commands, "serve", "stand in front of a model server and watch it", "serve:serve")
    _settings_flags(serve)
    serve.add_argument("--upstream", metavar="URL", help="the model server, for example http://localhost:8000")
    serve.add_argument("--listen", metavar="HOST:PORT", help="the data port")
    serve.add_argument(
        "--only", choices=["traffic", "analysis", "analysis-child"], help="one of the two processes, for containers"
    )


def _drain(commands: Commands) -> None:
    text = "let running answers end and take no more; the process stays until SIGTERM"
    drain = _command(commands, "drain", text, "drain:drain")
    drain.add_argument("--config", metavar="FILE", help="settings file of the running Groundwire")
    drain.add_argument("--state-dir", metavar="DIR", help="state folder of the running Groundwire")


def _demo(commands: Commands) -> None:
    demo = _command(commands, "demo", "watch a fine-tuned model lose its refusals and be put back", "demo:demo")
    demo.add_argument(
        "--upstream",
        choices=["real", "synthetic"],
        default="real",
        help="real: two small llama.cpp servers, minutes; synthetic: half a minute",
    )
    demo.add_argument("--keep", action="store_true", help="leave the state folder for a look")
    demo.add_argument("--plain", action="store_true", help="lines instead of a live display")


def _check(commands: Commands) -> None:
    check = _command(commands, "check", "name every mistake in a settings or policy file", "check:check")
    _settings_flags(check)
    check.add_argument("file", nargs="?", help="settings file")
    check.add_argument("--policy", metavar="FILE", help="policy file, or the name of a shipped policy")


def _doctor(commands: Commands) -> None:
    text = "look at everything that Groundwire needs, and say what to mend; changes nothing"
    doctor = _command(commands, "doctor", text, "doctor:doctor")
    _settings_flags(doctor)
    doctor.add_argument("--state-dir", metavar="DIR", help="state folder, where the settings do not name it")
    doctor.add_argument("--json", action="store_true", help="findings as JSON")


def _control_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument("--control", metavar="ADDRESS", help="control API; default: that of the settings")
    command.add_argument("--config", metavar="FILE", help="settings file of the running Groundwire")
    command.add_argument("--state-dir", metavar="DIR", help="state folder of the running Groundwire")
    command.add_argument("--json", action="store_true", help="print what the API answers")


def _change_flags(command: argparse.ArgumentParser) -> None:
    _control_flags(command)
    command.add_argument("--reason", required=True, help="why; it is kept in the log of changes")
    command.add_argument("--actor", help="who; default: the user's name")


def _route(commands: Commands) -> None:
    route = _command(commands, "route", "see routes and change their step", "route:show_list")
    verbs = route.add_subparsers(required=True, metavar="VERB")
    listing = _command(verbs, "list", "every route on a line", "route:show_list")
    _control_flags(listing)
    show = _command(verbs, "show", "one route: step, evidence, baseline, counts", "route:show_one")
    show.add_argument("name")
    _control_flags(show)
    panes = _command(verbs, "panes", "what a route counted lately, for `replay --panes`", "route:panes")
    panes.add_argument("name")
    panes.add_argument("--out", required=True, metavar="FILE", help="evidence records, one a line; counts and no text")
    panes.add_argument("--last", default="24h", metavar="TIME", help="how far back, as far as panes are kept: 24h")
    _control_flags(panes)
    for verb, text in (
        ("revert", "put a route back on its base now"),
        ("restore", "give a reverted or limited route back to its candidate"),
        ("arm", "let the policy act on a route (mode enforce for it)"),
        ("promote", "accept a provisional baseline"),
    ):
        change = _command(verbs, verb, text, "route:change")
        change.set_defaults(verb=verb)
        change.add_argument("name")
        change.add_argument("--force", action="store_true", help="even where the base has not passed its checks")
        _change_flags(change)
    _route_sample(verbs)


def _route_sample(verbs: Commands) -> None:
    sample = _command(verbs, "sample", "which answers of a route are analysed", "sampling:sample")
    sample.add_argument("name")
    strategies = ["full", "random", "risk", "adaptive", "settings"]
    sample.add_argument("--strategy", required=True, choices=strategies, help="settings: the general one again")
    sample.add_argument(
        "--share",
        type=float,
        help="random: of all; risk: of what is not risky; adaptive: the smallest; rounded up to a power of two; "
        "default: that of the settings",
    )
    _change_flags(sample)


def _baseline(commands: Commands) -> None:
    text = "versions of a route's baseline: build, compare, promote, roll back"
    baseline = _command(commands, "baseline", text, "baseline:show_list")
    baseline.description = (
        "A baseline is what a route's model did when it was well. Versions are numbered and never changed; building "
        "one puts nothing in force, promoting does. docs/baselines.md tells the whole story."
    )
    verbs = baseline.add_subparsers(required=True, metavar="VERB")
    _baseline_build(verbs)
    _baseline_verb(verbs, "list", "versions, the one in force, and every switch", "show_list")
    show = _baseline_verb(verbs, "show", "one version: counts, limits, context", "show")
    show.add_argument("version", nargs="?", help=_VERSION)
    diff = _baseline_verb(verbs, "diff", "two versions beside each other", "diff")
    diff.add_argument("a", help=_VERSION)
    diff.add_argument("b", help="the other one")
    promote = _baseline_change(verbs, "promote", "put a version in force, for the context of now", "promote")
    promote.add_argument("version", nargs="?", help=f"{_VERSION}, to confirm it")
    _baseline_change(verbs, "rollback", "put back the version that was in force before", "rollback")
    export = _baseline_verb(verbs, "export", "write a version as JSON", "export")
    export.add_argument("version", nargs="?", help=_VERSION)
    export.add_argument("--out", metavar="FILE", help="default: stdout")
    take = _baseline_change(verbs, "import", "take a version that was exported, or a baseline file", "take")
    take.add_argument("file", metavar="FILE", help="JSON")
    _promote_flag(take)
    amend = _baseline_change(
        verbs, "amend", "after an incident: leave its time out, add what its review found", "amend"
    )
    amend.add_argument(
        "--incident", required=True, metavar="ID", help="evidence id of the decision, as in `route show`"
    )
    amend.add_argument("--reviewed", metavar="FILE", help="reviewed answers, as for `build --from results`")
    _promote_flag(amend)


_VERSION = "number or first digits of the id; default: the one in force"


def _baseline_build(verbs: Commands) -> None:
    build = _baseline_change(verbs, "build", "make a version of live traffic, results or prompts", "build")
    build.add_argument(
        "--from",
        dest="source",
        required=True,
        nargs="+",
        action=_Source,
        metavar=("live|results|prompts", "FILE"),
        help="live: the panes that are kept; results FILE: JSON lines {prompt, response}, or with labels; "
        "prompts FILE: JSON lines {prompt}, which are sent to the candidate",
    )
    build.add_argument(
        "--since", metavar="TIME", help="with live: how far back, for example 6h; default: all that counts"
    )
    build.add_argument("--judge", default="", metavar="NAME", help="with labels: who gave them")
    _promote_flag(build)


class _Source(argparse.Action):
    """Checks `--from`: live, results FILE or prompts FILE."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, _: str | None = None
    ) -> None:
        given = tuple(values) if isinstance(values, list) else ()
        if (given[0], len(given)) not in {("live", 1), ("results", 2), ("prompts", 2)}:
            parser.error("name the route first, then --from live, --from results FILE or --from prompts FILE")
        setattr(namespace, self.dest, given)


def _baseline_verb(verbs: Commands, verb: str, text: str, handler: str) -> argparse.ArgumentParser:
    command = _command(verbs, verb, text, f"baseline:{handler}")
    command.add_argument("route", help="name of the route")
    _control_flags(command)
    return command


def _baseline_change(verbs: Commands, verb: str, text: str, handler: str) -> argparse.ArgumentParser:
    command = _command(verbs, verb, text, f"baseline:{handler}")
    command.add_argument("route", help="name of the route")
    _change_flags(command)
    return command


def _promote_flag(command: argparse.ArgumentParser) -> None:
    command.add_argument("--promote", action="store_true", help="and put it in force")


def _disarm(commands: Commands) -> None:
    disarm = _command(commands, "disarm", "stop automatic actions for a while; reverts stay", "route:disarm")
    scope = disarm.add_mutually_exclusive_group(required=True)
    scope.add_argument("--all", action="store_true", help="every route")
    scope.add_argument("--route", metavar="NAME", help="one route")
    disarm.add_argument("--for", dest="duration", default="2h", metavar="TIME", help="30m, 2h, 1d (default 2h)")
    _change_flags(disarm)
    rearm = _command(commands, "rearm", "allow automatic actions again", "route:rearm")
    _change_flags(rearm)


def _explain(commands: Commands) -> None:
    explain = _command(commands, "explain", "say why a decision was taken", "explain:explain")
    explain.add_argument(
        "id",
        metavar="ID|FILE",
        help="evidence id, as in `route show`, the log and the error body; or a file that `--json` printed",
    )
    explain.add_argument("--recompute", action="store_true", help="compute the decision again from its record, here")
    _control_flags(explain)
    log = _command(commands, "log", "who changed what, when and why", "route:log")
    _control_flags(log)


def _policy(commands: Commands) -> None:
    policy = _command(commands, "policy", "see policies, compare shadows, make one live", "policy:show")
    verbs = policy.add_subparsers(required=True, metavar="VERB")
    show = _command(verbs, "show", "lines, number of tests, limits, false pages a year", "policy:show")
    show.add_argument("name", nargs="?", metavar="ROUTE", help="default: every route")
    show.add_argument("--policy", metavar="FILE", help="a policy file or a shipped one's name, without a server")
    _control_flags(show)
    diff = _command(verbs, "diff", "what shadow policies would have done otherwise", "policy:diff")
    diff.add_argument("name", nargs="?", metavar="ROUTE", help="default: every route")
    _control_flags(diff)
    promote = _command(verbs, "promote", "make a shadow policy the live one", "policy:promote")
    promote.add_argument("name", metavar="NAME", help="as `policy show` lists it among the shadows")
    withdraw = _command(verbs, "withdraw", "let the policy of the file hold again", "policy:withdraw")
    for order in (promote, withdraw):
        order.add_argument("--route", metavar="NAME", help="on one route; default: all that name none of their own")
        _change_flags(order)


def _replay(commands: Commands) -> None:
    text = "run the live engine on recorded observations: JSON lines in, alarms out (docs/replay.md)"
    replay = _command(commands, "replay", text, "replay.command:replay")
    source = replay.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", metavar="FILE", help="a stream")
    source.add_argument("--stdin", action="store_true", help="a stream as it comes; alarms are printed at once")
    source.add_argument("--panes", metavar="FILE", help="evidence records, as `explain ID --json` prints them")
    replay.add_argument("--policy", default="default", metavar="FILE", help="policy file, or a shipped one's name")
    replay.add_argument("--stats", action="store_true", help="say on stderr what became of the records, and how fast")


def _models(commands: Commands) -> None:
    models = _command(commands, "models", "see, measure and add the models that classify", "models.look:show_list")
    verbs = models.add_subparsers(required=True, metavar="VERB")
    _model_verb(verbs, "list", "what is installed", "look:show_list")
    show = _model_verb(verbs, "show", "one model: its signals, thresholds and card", "look:show")
    show.add_argument("name", help=_MODEL)
    bench = _model_verb(verbs, "bench", "how long it takes a text, and its memory", "bench:bench")
    bench.add_argument("name", help=_MODEL)
    bench.add_argument("--tokens", type=int, nargs="+", default=[64, 128, 256, 512], help="lengths of the texts")
    verify = _model_verb(verbs, "verify", "whether models are whole: checksums, shapes, a trial", "look:verify")
    verify.add_argument("name", nargs="?", help=f"{_MODEL}; default: all of them")
    _models_evaluate(verbs)
    _models_add(verbs)
    _models_train_head(verbs)


_MODEL = "an installed model, or the path of a model folder"


def _model_verb(verbs: Commands, verb: str, text: str, handler: str) -> argparse.ArgumentParser:
    command = _command(verbs, verb, text, f"models.{handler}")
    _models_place_flags(command)
    command.add_argument("--json", action="store_true", help="print as JSON")
    return command


def _models_place_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument("--models-dir", metavar="DIR", help="your own models; default: models in the state folder")
    command.add_argument("--config", metavar="FILE", help="settings file, for its state folder")


def _models_evaluate(verbs: Commands) -> None:
    command = _model_verb(verbs, "evaluate", "how good a model is on labelled texts", "evaluate:evaluate")
    command.add_argument("name", help=_MODEL)
    command.add_argument("--data", required=True, metavar="FILE", help=".jsonl or .jsonl.gz, or a folder of them")
    command.add_argument("--stage", choices=["0", "1", "fused"], default="fused", help="which half scores")
    command.add_argument("--by", default="source", metavar="FIELD", help="one line for each value of it (source)")
    command.add_argument("--per-group", type=int, metavar="N", help="at most this many rows of each value of --by")
    command.add_argument(
        "--held-out", action="store_true", help="only rows that the shipped models were not trained on"
    )


def _score(commands: Commands) -> None:
    score = _command(commands, "score", "score texts: JSON lines in, JSON lines out", "score:score")
    score.add_argument("file", nargs="?", metavar="FILE", help="JSON lines {id, role, text, prompt?}; default: stdin")
    score.add_argument("--model", default="", metavar="FOLDER|NAME", help=f"{_MODEL}; default: guard-small")
    _models_place_flags(score)
    score.add_argument("--stage", choices=["0", "1", "fused"], default="fused", help="n-grams, encoder, or both")
    score.add_argument("--threads", type=_natural, metavar="N", help="passes side by side; default: every core")
    score.add_argument("--batch", type=_natural, default=1, metavar="N", help=_BATCH)


_BATCH = "texts in one pass of the encoder (default 1: more change the scores a little and save no time)"


def _natural(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _models_add(verbs: Commands) -> None:
    add = _model_verb(verbs, "add", "bring a Hugging Face sequence-classification model", "add:add")
    add.add_argument("name", help="what it is called here")
    add.add_argument(
        "--from", dest="source", required=True, metavar="DIR|HUB_ID", help="a folder, or organisation/model on the hub"
    )
    add.add_argument("--revision", default="", help="branch, tag or commit on the hub")
    add.add_argument("--labels", metavar="FILE", help="TOML: which label is which signal (docs/models.md)")
    add.add_argument("--quantize", choices=["dynamic", "static", "none"], default="dynamic", help="weights in int8")
    add.add_argument("--calibration-texts", metavar="FILE", help="a text a line, for --quantize static")
    add.add_argument("--window", type=int, default=256, metavar="TOKENS", help="of one pass; longer texts take several")
    add.add_argument("--agreement-min", type=float, default=0.9, metavar="SHARE", help="decisions like the original's")
    add.add_argument("--replace", action="store_true", help="put it in the place of a model of this name")


def _models_train_head(verbs: Commands) -> None:
    train = _model_verb(verbs, "train-head", "a head for a category of your own, from texts", "train_head:train_head")
    train.add_argument("name", help="its signal is then policy.NAME")
    train.add_argument(
        "--data", required=True, metavar="FILE", help='lines of {"text", "label": 0|1, "prompt"?, "role"?}'
    )
    train.add_argument("--model", default="guard-small", help="whose embedding it reads")
    train.add_argument("--seed", type=int, default=7, help="of the split")
    train.add_argument("--false-positive-rate", type=float, default=0.01, metavar="SHARE", help="for the threshold")


if __name__ == "__main__":
    sys.exit(main())
