"""The images that `scripts/image-setup` made, under podman: no registry, no daemon, no systemd."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import ROOT

HOME = ROOT / ".cache" / "image"
ENVIRONMENT = {
    **os.environ,
    "CONTAINERS_CONF": str(HOME / "containers.conf"),
    "CONTAINERS_STORAGE_CONF": str(HOME / "storage.conf"),
}
GROUNDWIRE = "localhost/groundwire-test:latest"
TRAFFIC = "localhost/groundwire-test-traffic:latest"


def why_not() -> str:
    """Why images cannot be run here; "" where they can."""
    if os.geteuid() != 0:
        return "podman without systemd needs root here"
    if missing := [name for name in ("podman", "buildah", "runc") if shutil.which(name) is None]:
        return f"not installed: {', '.join(missing)} (make test-image installs them on Debian)"
    if not (HOME / "sizes").is_file():
        return "the images are not built: make test-image"
    return ""


def podman(*words: str, check: bool = True, stdin: str | None = None) -> str:
    """Run podman; its stdout. Raises CalledProcessError, which shows stderr."""
    done = subprocess.run(
        ["podman", *words], env=ENVIRONMENT, capture_output=True, text=True, check=False, input=stdin, timeout=120
    )
    assert not check or done.returncode == 0, f"podman {' '.join(words)}: {done.stderr[-2000:]}"
    return done.stdout


def inspect(kind: str, name: str) -> dict[str, Any]:
    """What podman knows of an image or a container."""
    found: list[dict[str, Any]] = json.loads(podman(kind, "inspect", name))
    return found[0]


@contextmanager
def container(image: str, *flags: str, command: tuple[str, ...] = ()) -> Iterator[str]:
    """A running container, as Kubernetes would start it: read-only root, no capabilities, no new privileges."""
    hard = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL", "--security-opt=no-new-privileges")
    places = ("--tmpfs=/run/groundwire:mode=0777,notmpcopyup", "--tmpfs=/var/lib/groundwire:mode=0777,notmpcopyup")
    name = podman("run", "--detach", "--network=host", "--memory=768m", *hard, *places, *flags, image, *command).strip()
    try:
        yield name
    finally:
        podman("rm", "--force", "--time=5", name, check=False)


def logs(name: str) -> str:
    """What a container has said, on both streams."""
    done = subprocess.run(["podman", "logs", name], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def down(manifest: Path) -> None:
    """End what `kube play` started."""
    podman("kube", "play", "--down", str(manifest), check=False)
