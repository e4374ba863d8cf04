"""Both images as they are built, measured, and run with traffic through them."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.e2e.conftest import upstream
from tests.image.podman import ENVIRONMENT, GROUNDWIRE, HOME, TRAFFIC, container, inspect, logs, podman, why_not
from tests.support import ROOT, free_ports, until

pytestmark = [pytest.mark.image, pytest.mark.skipif(bool(why_not()), reason=why_not())]

__all__ = ["upstream"]
MOST_MEBIBYTES = {TRAFFIC: 120, GROUNDWIRE: 350}  # over the base: docs/install/image.md


def ports() -> tuple[list[int], list[str]]:
    """Free ports for data, health and analysis, and the flags that name them."""
    free = free_ports(3)
    names = ("DATA", "HEALTH", "ANALYSIS_HEALTH")
    return free, [f"--env=GROUNDWIRE_LISTEN__{name}=127.0.0.1:{port}" for name, port in zip(names, free, strict=True)]


def ask(port: int) -> str:
    body = json.dumps({"model": "support-lora", "messages": [{"role": "user", "content": "Hello?"}]}).encode()
    request = Request(f"http://127.0.0.1:{port}/v1/chat/completions", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as answer:
        return str(json.load(answer)["model"])


def answers(url: str) -> bool:
    with urlopen(url, timeout=5) as answer:
        return bool(answer.status == 200)


def health_check(image: str) -> list[str]:
    """The command of the image's HEALTHCHECK."""
    kind, *words = inspect("image", image)["Healthcheck"]["Test"]
    assert kind == "CMD"
    return [str(word) for word in words]


def test_the_dockerfile_is_clean() -> None:
    hadolint = ROOT / ".venv" / "bin" / "hadolint"
    done = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_they_weigh_what_was_promised() -> None:
    sizes = dict(re.findall(r"^(\S+): (\d+) MiB", (HOME / "sizes").read_text(), re.M))
    assert set(sizes) == set(MOST_MEBIBYTES)
    assert {image: size for image, size in sizes.items() if int(size) > MOST_MEBIBYTES[image]} == {}


@pytest.mark.parametrize("image", [TRAFFIC, GROUNDWIRE])
def test_nothing_in_them_compiles_trains_or_installs(image: str) -> None:
    config = inspect("image", image)["Config"]
    assert config["User"] == "65532:65532"
    assert config["Labels"]["org.opencontainers.image.title"] == "Groundwire"
    assert re.fullmatch(r"[0-9a-f]{40}|unknown", config["Labels"]["org.opencontainers.image.revision"])
    assert health_check(image)[0] == "python3"
    looked = (
        "command -v gcc cc pip pip3 curl; ls /opt/groundwire/venv/lib/python*/site-packages; "
        "ls /opt/groundwire/app /opt/groundwire/app/proxy /opt/groundwire/app/models 2>/dev/null"
    )
    found = podman("run", "--rm", "--network=none", "--entrypoint=sh", image, "-c", looked, check=False)
    words = {line.rpartition("/")[2] for line in found.splitlines()}
    assert {"uvloop", "orjson", "traffic", "policies"} <= words
    assert not {"gcc", "cc", "pip", "pip3", "torch", "transformers", "optimum", "tests", "recipes"} & words
    judging = {"numpy", "onnxruntime", "aiohttp", "redis", "models", "analysis", "control", "stores", "guard-small"}
    assert judging & words == (set() if image == TRAFFIC else judging)


def test_the_data_plane_alone_moves_traffic(upstream: str) -> None:
    (data, health, _), flags = ports()
    settings = (f"--env=GROUNDWIRE_UPSTREAM={upstream}", "--env=GROUNDWIRE_LINK__START_HOLD_S=0")
    with container(TRAFFIC, *flags, *settings) as name:
        until(lambda: answers(f"http://127.0.0.1:{health}/readyz"), "readiness")
        assert ask(data) == "support-lora"
        assert "drained" in podman("exec", name, "groundwire", "drain")
        podman("stop", "--time=20", name)
        assert inspect("container", name)["State"]["ExitCode"] == 0, logs(name)


@pytest.fixture(scope="module")
def whole(upstream: str) -> Iterator[tuple[str, list[int]]]:
    """One container with both processes, as `docker run groundwire serve` has them."""
    free, flags = ports()
    settings = (f"--env=GROUNDWIRE_UPSTREAM={upstream}", "--env=GROUNDWIRE_DISCOVERY__INTERVAL_S=1")
    with container(GROUNDWIRE, *flags, *settings) as name:
        until(lambda: answers(f"http://127.0.0.1:{free[2]}/readyz"), f"analysis in {name}")
        yield name, free


def test_all_of_it_judges_with_the_model_inside(whole: tuple[str, list[int]]) -> None:
    name, (data, _, analysis) = whole
    until(lambda: "support-lora" in podman("exec", name, "groundwire", "route", "list"), "the route")
    assert ask(data) == "support-lora"

    def assessed() -> bool:
        with urlopen(f"http://127.0.0.1:{analysis}/metrics", timeout=5) as page:
            text = page.read().decode()
        return 'version="guard-small' in text and bool(
            re.search(r'groundwire_analysis_observations_total\{[^}]*route="support-lora"[^}]*\} [1-9]', text)
        )

    until(lambda: ask(data) and assessed(), "an assessed answer")


def test_the_doctor_finds_it_well_and_writes_nothing(whole: tuple[str, list[int]]) -> None:
    """As user 65532 on a read-only root, beside both processes."""
    name, _ = whole
    before = podman("exec", name, "find", "/var/lib/groundwire", "/run/groundwire", "!", "-name", "*-journal")
    report = json.loads(podman("exec", name, "groundwire", "doctor", "--json", check=False))
    assert report["ok"], [one for one in report["findings"] if one["level"] == "fail"]
    told = " | ".join(one["what"] for one in report["findings"] if one["level"] == "ok")
    for word in (
        "link to analysis is up",
        "holds the newest enforcements",
        "MiB of memory",
        "is held by the Groundwire",
    ):
        assert word in told
    assert podman("exec", name, "find", "/var/lib/groundwire", "/run/groundwire", "!", "-name", "*-journal") == before


KILL = """
import os
for pid in filter(str.isdigit, os.listdir("/proc")):
    if b"analysis-child" in open(f"/proc/{pid}/cmdline", "rb").read():
        os.kill(int(pid), 9)
"""


def test_a_killed_analysis_process_comes_back(whole: tuple[str, list[int]]) -> None:
    name, (data, _, analysis) = whole
    podman("exec", "--interactive", name, "python3", "-", stdin=KILL)
    until_s = time.monotonic() + 2
    while time.monotonic() < until_s:
        assert ask(data) == "support-lora"
    until(lambda: answers(f"http://127.0.0.1:{analysis}/readyz"), "the next analysis process")


def test_the_root_cannot_be_written(whole: tuple[str, list[int]]) -> None:
    name, _ = whole
    said = podman("exec", name, "sh", "-c", "touch /opt/groundwire/x /etc/x /x; echo $?", check=False)
    assert said.strip() == "1"


def test_the_images_health_check_passes(whole: tuple[str, list[int]], tmp_path: Path) -> None:
    """Its own words, against the health port of this test."""
    name, (_, health, _) = whole
    words = health_check(GROUNDWIRE)
    asked = [word.replace("8901", str(health)) for word in words]
    done = subprocess.run(["podman", "exec", name, *asked], env=ENVIRONMENT, check=False, cwd=tmp_path)
    assert done.returncode == 0
