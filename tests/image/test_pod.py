"""The sidecar example as a pod, by `podman kube play`: real model server, client's SDK, reload, killed analysis.

This podman knows no native sidecars and runs no probes and hooks: the rendering is the plain-container one, with plain
emptyDirs. The native one is held by tests/helm.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml

pytest.importorskip("helm_python", reason="make .venv/helm")

from openai import OpenAI

from proxy.demo.llama import weights
from tests.helm.charts import VLLM, containers, objects, render
from tests.image.podman import ENVIRONMENT, GROUNDWIRE, TRAFFIC, down, inspect, logs, podman, why_not
from tests.support import free_ports, until

pytestmark = [pytest.mark.image, pytest.mark.skipif(bool(why_not()), reason=why_not())]

LATE_S = 60  # the model server comes this long after its sidecar
SERVE = """
import os, signal, sys, time
time.sleep(float(os.environ.get("LATE_S", "0")))
import xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.model_alias, p.hostnames, p.port = sys.argv[2], {"smollm2"}, ["127.0.0.1"], int(sys.argv[1])
p.n_ctx, p.n_parallel, p.offline, p.ui, p.warmup = 2048, 2, True, False, False
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
server = xllamacpp.Server(p)
signal.sigwait([signal.SIGTERM])
"""


@dataclass(slots=True)
class Pod:
    """A running pod and its ports."""

    data: int
    health: int
    analysis: int

    def container(self, name: str) -> str:
        return f"demo-pod-0-{name}"

    def page(self, port: int, path: str) -> int:
        try:
            with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return int(answer.status)
        except URLError as wrong:
            return int(getattr(wrong, "code", 0) or 0)


def values(folder: Path, ports: list[int]) -> dict[str, Any]:
    """The example's, with the small real model server in the place of vLLM."""
    model, data, health, analysis = ports
    image, tag = GROUNDWIRE.split(":")
    return {
        "model": {
            "image": GROUNDWIRE,
            "command": ["python3", "/serve/serve.py", str(model), f"/weights/{weights().name}"],
            "args": None,
            "env": [
                {"name": "LATE_S", "value": str(LATE_S)},
                {"name": "PYTHONPATH", "value": "/serve"},
                {"name": "LD_LIBRARY_PATH", "value": "/serve"},
            ],
            "resources": {"limits": {"memory": "2Gi", "nvidia.com/gpu": None}, "requests": None},
            "volumeMounts": [
                {"name": "serve", "mountPath": "/serve", "readOnly": True},
                {"name": "weights", "mountPath": "/weights", "readOnly": True},
            ],
            "volumes": [
                {"name": "serve", "hostPath": {"path": str(folder)}},
                {"name": "weights", "hostPath": {"path": str(weights().parent)}},
            ],
        },
        "groundwire": {
            "sidecar": {"native": False, "modelPort": model},
            "image": {
                "repository": image,
                "tag": tag,
                "trafficRepository": TRAFFIC.split(":")[0],
                "pullPolicy": "Never",
            },
            "traffic": {"port": data, "healthPort": health},
            "analysis": {"healthPort": analysis, "resources": {"limits": {"cpu": None}}},
            "settings": {"discovery": {"interval_s": 1}},
        },
    }


def playable(folder: Path, ports: list[int]) -> Path:
    """The rendering, less what this podman cannot: probes and hooks (it has no kubelet), memory-backed volumes."""
    kept = [one for one in objects(render(VLLM, values(folder, ports))) if one["kind"] in ("ConfigMap", "Deployment")]
    for one in kept:
        one["metadata"].pop("namespace", None)
        if one["kind"] != "Deployment":
            continue
        spec = one["spec"]["template"]["spec"]
        for container in containers(spec).values():
            for key in ("startupProbe", "readinessProbe", "livenessProbe", "lifecycle", "ports"):
                container.pop(key, None)
        for volume in spec["volumes"]:
            if "emptyDir" in volume:
                volume["emptyDir"] = {}
    manifest = folder / "pod.yaml"
    manifest.write_text(yaml.safe_dump_all(kept))
    return manifest


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    folder = tmp_path_factory.mktemp("pod")
    for place in (folder, *folder.parents[:2]):
        place.chmod(0o755)
    (folder / "serve.py").write_text(SERVE)
    native = weights().parent.parent / "xllamacpp"
    shutil.copytree(native, folder / "xllamacpp")
    for libs in native.parent.glob("xllamacpp.libs"):
        shutil.copytree(libs, folder / "xllamacpp.libs")
    gomp = next(Path("/usr/lib").glob("*-linux-gnu/libgomp.so.1"))
    shutil.copy(gomp, folder / "libgomp.so.1")
    ports = free_ports(4)
    manifest = playable(folder, ports)
    try:
        podman("kube", "play", "--network=host", str(manifest))
        yield Pod(*ports[1:])
    finally:
        for name in ("groundwire-traffic", "groundwire-analysis", "model"):
            (folder / f"{name}.log").write_text(logs(f"demo-pod-0-{name}"))
        down(manifest)


def ask(pod: Pod) -> str:
    client = OpenAI(base_url=f"http://127.0.0.1:{pod.data}/v1", api_key="none", max_retries=0, timeout=120)
    said = client.chat.completions.create(
        model="smollm2", max_tokens=12, messages=[{"role": "user", "content": "Name a colour."}]
    )
    return str(said.choices[0].message.content)


@pytest.mark.timeout(300)
def test_a_sidecar_starts_a_minute_before_its_model_server(pod: Pod) -> None:
    """Alive at once, so that a native sidecar lets the next container start; ready when the model server is there."""
    began_s = time.monotonic()
    until(lambda: pod.page(pod.health, "/livez") == 200, "life")
    assert time.monotonic() - began_s < LATE_S / 2
    assert pod.page(pod.health, "/readyz") == 503
    until(lambda: pod.page(pod.health, "/readyz") == 200, "readiness", LATE_S + 120)
    assert time.monotonic() - began_s > LATE_S / 2, "the model server was late, as planned"
    until(lambda: pod.page(pod.data, "/health") == 200, "the loaded model, through Groundwire")
    assert ask(pod)
    until(lambda: pod.page(pod.analysis, "/readyz") == 200, "analysis")


@pytest.mark.timeout(300)
def test_an_sdk_streams_through_it(pod: Pod) -> None:
    client = OpenAI(base_url=f"http://127.0.0.1:{pod.data}/v1", api_key="none", max_retries=0, timeout=120)
    stream = client.chat.completions.create(
        model="smollm2", max_tokens=12, stream=True, messages=[{"role": "user", "content": "Name a fruit."}]
    )
    assert sum(1 for chunk in stream if chunk.choices) > 3


@pytest.mark.timeout(300)
def test_a_policy_edit_is_taken_up_without_a_restart(pod: Pod) -> None:
    analysis = pod.container("groundwire-analysis")
    before = inspect("container", analysis)["State"]["Pid"]
    mounts = inspect("container", analysis)["Mounts"]
    source = next(Path(mount["Source"]) for mount in mounts if mount["Destination"] == "/etc/groundwire")
    (source / "policy.yaml").write_text("mode: shadow\nrevert_on: high\n")
    until(lambda: '"event":"reloaded"' in logs(analysis), "the reload in the analysis container")
    until(lambda: '"event":"reloaded"' in logs(pod.container("groundwire-traffic")), "and in the other")
    (source / "policy.yaml").write_text("mode: sometimes\n")
    until(lambda: "reload_refused" in logs(analysis), "the refusal of a bad one")
    (source / "policy.yaml").write_text("mode: shadow\n")
    until(lambda: logs(analysis).count('"event":"reloaded"') >= 2, "the reload of a good one again")
    assert inspect("container", analysis)["State"]["Pid"] == before
    assert inspect("container", analysis)["RestartCount"] == 0


WRECK = """
import os, resource, sys
for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
    if b"analysis-child" in open(f"/proc/{pid}/cmdline", "rb").read():
        print(pid)
        if sys.argv[1] == "kill":
            os.kill(pid, 9)
        elif sys.argv[1] == "starve":
            resource.prlimit(pid, resource.RLIMIT_AS, (1, 1))
"""


def wreck(pod: Pod, how: str) -> str:
    """The analysis child's process id in its container, once that was done to it; "" where there is none now."""
    container = pod.container("groundwire-analysis")
    return podman("exec", "--interactive", container, "python3", "-", how, stdin=WRECK).strip()


@pytest.mark.timeout(300)
def test_an_analysis_child_that_dies_loops_or_starves_leaves_its_container_up(pod: Pod) -> None:
    """A pod is ready only while all its containers run: the supervisor in it is what never ends."""
    for how in ("kill", "kill", "kill", "starve"):
        before = until(lambda how=how: wreck(pod, how), "an analysis child")
        until(lambda before=before: ask(pod) and wreck(pod, "look") not in ("", before), "the next one")
    until(lambda: pod.page(pod.analysis, "/readyz") == 200, "analysis, again")
    state = inspect("container", pod.container("groundwire-analysis"))
    assert (state["State"]["Running"], state["RestartCount"]) == (True, 0)


@pytest.mark.timeout(300)
def test_traffic_goes_on_without_the_analysis_container(pod: Pod) -> None:
    """It is killed while a stream runs, and stays away."""
    client = OpenAI(base_url=f"http://127.0.0.1:{pod.data}/v1", api_key="none", max_retries=0, timeout=120)
    stream = client.chat.completions.create(
        model="smollm2", max_tokens=64, stream=True, messages=[{"role": "user", "content": "Tell me a long story."}]
    )
    chunks = iter(stream)
    next(chunks)
    subprocess.run(
        ["podman", "stop", "--time=0", pod.container("groundwire-analysis")],
        env=ENVIRONMENT,
        check=True,
        capture_output=True,
    )
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert reasons[-1] in ("stop", "length")
    assert ask(pod)
    assert pod.page(pod.health, "/readyz") == 200
    assert not inspect("container", pod.container("groundwire-analysis"))["State"]["Running"]
