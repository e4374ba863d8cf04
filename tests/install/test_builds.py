"""The build lines of docs/install/image.md: targets and arguments are there. `make test-image` builds."""

from __future__ import annotations

import os
import re
import shlex
import subprocess

from proxy import VERSION
from tests.install.blocks import block
from tests.support import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def dry(line: str) -> list[str]:
    """The words that `make` would run for a line."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = [*shlex.split(line), "--dry-run"]
    done = subprocess.run(command, cwd=ROOT, env=ours, capture_output=True, text=True, check=True)
    return shlex.split(done.stdout)


def test_make_hands_its_arguments_to_the_build() -> None:
    plain, other, _ = block("install/image.md", "build").commands()
    assert dry(plain) == ["scripts/image"]
    program, *words = dry(other)
    assert program == "scripts/image"
    assert [*words[::2]] == ["--build-arg", "--secret"]
    assert re.search(rf"^ARG {words[1].partition('=')[0]}=", DOCKERFILE, re.MULTILINE)
    secret = words[3].partition(",")[0]
    assert DOCKERFILE.count(f"--mount=type=secret,{secret},target=/etc/pip.conf") == 2


def test_docker_builds_a_target_that_is_there() -> None:
    *_, line = block("install/image.md", "build").commands()
    words = shlex.split(line)
    assert (words[:2], words[-1]) == (["docker", "build"], ".")
    target, tag = words[words.index("--target") + 1], words[words.index("-t") + 1]
    assert re.search(rf"^FROM runtime AS {target}$", DOCKERFILE, re.MULTILINE)
    assert tag == f"groundwire-{target}:{VERSION}"
