"""Container lines of the install pages, run as they stand: `docker` is podman here, Compose is podman-compose."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml

from proxy import VERSION
from tests.image.podman import ENVIRONMENT, GROUNDWIRE, podman, why_not
from tests.install.blocks import block
from tests.install.shell import Shell, shell
from tests.support import PATIENCE_S, ROOT, free_ports, until

pytestmark = [pytest.mark.image, pytest.mark.skipif(bool(why_not()), reason=why_not())]

IMAGE = f"groundwire:{VERSION}"  # as `make image` names it


@pytest.fixture(scope="module", autouse=True)
def named() -> Iterator[None]:
    """The image under the name that the pages call it by; what they leave behind is removed."""
    podman("tag", GROUNDWIRE, f"localhost/{IMAGE}")
    before = {kind: set(podman(kind, "ls", "--quiet").split()) for kind in ("volume", "network")}
    yield
    podman("rm", "--force", "--time=5", "groundwire", check=False)
    for kind, there in before.items():
        for name in set(podman(kind, "ls", "--quiet").split()) - there:
            podman(kind, "rm", "--force", name, check=False)
    podman("untag", GROUNDWIRE, f"localhost/{IMAGE}", check=False)


@pytest.fixture(scope="module")
def model_port() -> Iterator[int]:
    """A synthetic model server on every address of this machine, so that containers reach it."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "proxy.demo.synthetic", "--host", "0.0.0.0", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        until(lambda: urlopen(f"http://127.0.0.1:{port}/health", timeout=1), "the model server")
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[Shell]:
    """A shell in which `docker` is podman with this repository's storage, and `docker compose` is podman-compose."""
    with shell(tmp_path, {name: ENVIRONMENT[name] for name in ("CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF")}) as one:
        program = tmp_path / "bin" / "docker"
        program.parent.mkdir()
        compose = 'if [ "$1" = compose ]; then shift; exec podman-compose "$@"; fi'
        program.write_text(f'#!/bin/sh\n{compose}\nexec podman "$@"\n')
        program.chmod(0o755)
        yield one


def listed(port: int) -> set[str]:
    """The models that a client sees through Groundwire."""
    with urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5) as answer:
        return {one["id"] for one in json.load(answer)["data"]}


def test_a_container_its_doctor_its_next_version_and_its_end(docker: Shell, model_port: int) -> None:
    there = {"models.internal:8000": f"host.containers.internal:{model_port}"}
    page = block("install/gateway.md", "container").with_words(there | _moved(docker, "--publish 8900:"))
    run, doctor, routes = page.commands()
    before = set(docker.run("docker volume ls --quiet").split())
    docker.run(run)
    until(lambda: listed(docker.data) == {"base-model", "support-lora"}, "the models, through the container")
    until(lambda: urlopen(f"http://127.0.0.1:{docker.analysis}/readyz", timeout=5), "analysis")
    assert "link to analysis is up" in docker.run(doctor)
    until(lambda: "support-lora" in docker.run(routes), "the route")
    for line in block("upgrade.md", "copy").commands():
        docker.run(line)
    assert (docker.folder / "before" / "groundwire.db").is_file()
    docker.run(run)
    until(lambda: urlopen(f"http://127.0.0.1:{docker.analysis}/readyz", timeout=5), "analysis")
    until(lambda: "support-lora" in docker.run(routes), "the route, of the next container on the same volume")
    end = next(line for line in block("uninstall.md", "end").commands() if line.startswith("docker"))
    docker.run(end)
    assert set(docker.run("docker volume ls --quiet").split()) - before == {"groundwire"}, "state is kept, no more"
    docker.run("docker volume rm groundwire")


def _moved(docker: Shell, data: str) -> dict[str, str]:
    """What is published where, on free ports; `data` is how the data port stands there."""
    health, analysis = f"127.0.0.1:{docker.health}:", f"127.0.0.1:{docker.analysis}:"
    return {data: data.replace("8900", str(docker.data)), "127.0.0.1:8901:": health, "127.0.0.1:8902:": analysis}


def test_the_short_line(docker: Shell, model_port: int) -> None:
    page = block("install/image.md", "run").with_words(
        {"host.docker.internal:8000": f"host.containers.internal:{model_port}", "-p 8900:": f"-p {docker.data}:"}
    )
    (line,) = page.commands()
    docker.start(line)
    until(lambda: listed(docker.data) == {"base-model", "support-lora"}, "the models, through the container")


def test_the_new_version_is_asked_about_settings(docker: Shell) -> None:
    (docker.folder / "groundwire.yaml").write_text("upstream: http://127.0.0.1:1\n")
    (line,) = block("upgrade.md", "ask").with_words({"NEW": VERSION}).commands()
    docker.run(line)
    (docker.folder / "groundwire.yaml").write_text("upstraem: http://127.0.0.1:1\n")
    with pytest.raises(AssertionError, match=r"groundwire\.yaml:1.*upstraem"):
        docker.run(line)


# The model server without a GPU: the same service name and port, another image. `command` cannot be emptied by an
# override file under podman-compose 1.0, so the first file loses it here.
MODEL = {
    "image": f"localhost/{IMAGE}",
    "entrypoint": ["python3", "-m", "proxy.demo.synthetic", "--host", "0.0.0.0", "--port", "8000"],
    "environment": {"PYTHONPATH": "/opt/groundwire/app"},
}


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
def test_compose_understands_the_file(tmp_path: Path) -> None:
    """By the schema of Docker's own Compose."""
    file = tmp_path / "compose.yaml"

    def read(text: str) -> subprocess.CompletedProcess[str]:
        file.write_text(text)
        return subprocess.run(["docker-compose", "-f", file, "config"], capture_output=True, text=True, check=False)

    page = block("install/gateway.md", "compose")
    assert read(page.text).returncode == 0
    assert "stop_grace" in read(page.with_words({"stop_grace_period": "stop_grace"}).text).stderr


@pytest.mark.skipif(shutil.which("podman-compose") is None, reason="podman-compose is not installed")
def test_compose_brings_both_services_up(docker: Shell) -> None:
    file = yaml.safe_load(block("install/gateway.md", "compose").with_words(_moved(docker, '"8900:')).text)
    del file["services"]["model"]["command"], file["services"]["model"]["deploy"]
    file["services"]["model"] |= MODEL
    (docker.folder / "compose.yaml").write_text(yaml.safe_dump(file))
    (docker.folder / "adapters").mkdir()
    up, routes = block("install/gateway.md", "compose up").commands()
    try:
        docker.run(up)
        until(lambda: listed(docker.data) == {"base-model", "support-lora"}, "the models, through both services")
        until(lambda: "support-lora" in docker.run(routes), "the route")
    finally:
        docker.run("docker compose down --volumes || true")
