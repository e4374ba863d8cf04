"""`groundwire serve`: becomes the traffic process and spawns analysis, or runs one of the two alone."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from proxy.config.compiled import compile_settings, start_compiling
from proxy.config.settings import Settings
from proxy.config.watch import files_of
from proxy.core.errors import ConfigError


def flags_of(arguments: Namespace) -> list[str]:
    """`--set`, `--upstream` and `--listen` as "key=value"."""
    flags = list(arguments.set)
    if arguments.upstream:
        flags.append(f"upstream={arguments.upstream}")
    if arguments.listen:
        flags.append(f"listen.data={arguments.listen}")
    return flags


def serve(arguments: Namespace) -> int:
    """Run until SIGTERM. Raises ConfigError where the settings cannot be used."""
    if arguments.only == "analysis-child":
        return _analysis(arguments)
    if arguments.only == "analysis":
        from proxy.analysis.process.supervisor import supervise  # noqa: PLC0415 - each process loads only what it needs

        return supervise(child_command(arguments), lambda: _watched(arguments))
    return _traffic(arguments)


def _watched(arguments: Namespace) -> tuple[Path, ...]:
    """The files whose change is a reload; of settings with a mistake their own file, in which it will be mended."""
    try:
        return files_of(arguments.config, compile_settings(arguments.config, flags_of(arguments)))
    except ConfigError:
        return (Path(arguments.config),) if arguments.config else ()


def child_command(arguments: Namespace) -> list[str]:
    """The command line of the analysis process with the same settings."""
    config = ["--config", arguments.config] if arguments.config else []
    sets = [part for flag in flags_of(arguments) for part in ("--set", flag)]
    return [sys.executable, "-m", "proxy.cli", "serve", "--only", "analysis-child", *config, *sets]


def _traffic(arguments: Namespace) -> int:
    started = start_compiling(arguments.config, flags_of(arguments))
    from proxy.traffic.app import main  # noqa: PLC0415 - while the child reads the settings

    def read() -> Settings:
        return compile_settings(arguments.config, flags_of(arguments))

    spawned = None if arguments.only == "traffic" else child_command(arguments)
    return main(started(), read, spawned, arguments.config)


def _analysis(arguments: Namespace) -> int:
    from proxy.analysis.process.app import main  # noqa: PLC0415
    from proxy.config.load import load  # noqa: PLC0415

    def read() -> Settings:
        return load(Path(arguments.config) if arguments.config else None, flags_of(arguments))

    return main(read(), read)
