"""`groundwire doctor`: everything that Groundwire needs, looked at; nothing is changed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from proxy.doctor.report import Line, as_json, lines
from proxy.doctor.rounds import Diagnosis, diagnose

WIDTH: Final = 120  # of a file or pipe


def doctor(arguments: Namespace) -> int:
    """0: nothing must be mended; 1: something must."""
    flags = list(arguments.set)
    if arguments.state_dir:
        flags.append(f"state_dir={Path(arguments.state_dir).absolute()}")
    diagnosis = asyncio.run(diagnose(arguments.config or "", flags, os.environ))
    if arguments.json:
        sys.stdout.write(json.dumps(as_json(diagnosis), indent=2, ensure_ascii=False) + "\n")
    elif sys.stdout.isatty():
        _styled(diagnosis)
    else:
        _write(lines(diagnosis, WIDTH, signs=False))
    return diagnosis.exit_code


def _write(report: Iterable[Line]) -> None:
    for line in report:
        sys.stdout.write("".join(piece.text for piece in line).rstrip() + "\n")


def _styled(diagnosis: Diagnosis) -> None:
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second that a pipe need not wait
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    signs = "utf" in console.encoding.lower()
    for line in lines(diagnosis, min(console.width, WIDTH), signs=signs):
        console.print(Text.assemble(*((piece.text, piece.style) for piece in line)), soft_wrap=True)
