"""Helm and kubectl lines of the pages: rendered by Helm's own SDK, and held against what they name.

No cluster is at hand: what an API server or the `helm` program makes of them is not run. Flags are those of Helm 3.14.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

helm_python = pytest.importorskip("helm_python", reason="make .venv/helm")
kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="make .venv/helm")
pytest.importorskip("cel_expr_python", reason="make .venv/helm")

from tests.helm.admission import admitted, selects  # noqa: E402
from tests.helm.charts import containers, objects, render  # noqa: E402
from tests.install.blocks import block  # noqa: E402
from tests.support import ROOT  # noqa: E402

NEWEST = "1.37"
# What stands above and beside the page's lines in one's own template.
OWN = """apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}
spec:
  selector: {matchLabels: {app: vllm}}
"""


def helm(line: str) -> argparse.Namespace:
    """A command of Helm. SystemExit for a verb or a flag that Helm has not, or that the pages do not use."""
    parser = argparse.ArgumentParser(prog="helm", allow_abbrev=False)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name in ("install", "upgrade", "rollback", "uninstall"):
        verb = verbs.add_parser(name, allow_abbrev=False)
        verb.add_argument("release")
        verb.add_argument(
            "-n", "--namespace", required=True
        )  # a release is of its namespace, and `default` is no one's
        if name in ("install", "upgrade"):
            verb.add_argument("chart")
            verb.add_argument("--set", action="append", default=[])
        if name == "upgrade":
            verb.add_argument("--install", action="store_true")
            verb.add_argument("--reset-then-reuse-values", action="store_true")
    program, *words = shlex.split(line)
    assert program == "helm"
    return parser.parse_args(words)


def values(sets: list[str]) -> dict[str, Any]:
    """What `--set a.b=c` gives."""
    found: dict[str, Any] = {}
    for one in sets:
        path, _, value = one.partition("=")
        *before, last = path.split(".")
        place = found
        for key in before:
            place = place.setdefault(key, {})
        place[last] = yaml.safe_load(value)
    return found


def installed(line: str) -> dict[tuple[str, str], dict[str, Any]]:
    """What a `helm install` puts into the cluster, by kind and name; Kubernetes takes each."""
    asked = helm(line)
    found = objects(render(ROOT / asked.chart, values(asked.set), asked.release, asked.namespace))
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


GATEWAY = block("install/kubernetes.md", "gateway").commands()[0]


def test_the_gateway() -> None:
    found = installed(GATEWAY)
    service = found["Service", "gw-groundwire"]["spec"]
    assert 8900 in [port["port"] for port in service["ports"]]
    (config,) = (one for (kind, _), one in found.items() if kind == "ConfigMap")
    settings = yaml.safe_load(config["data"]["groundwire.yaml"])
    assert settings["upstream"] == "http://vllm.models.svc:8000"
    for one in found.values():
        kubernetes_validate.validate(one, NEWEST, strict=True)


def test_the_doctor_in_its_pod() -> None:
    """`kubectl exec` names a Deployment, a container and a file that the gateway's chart makes."""
    line = next(one for one in block("doctor.md", "run").commands() if one.startswith("kubectl"))
    words = re.fullmatch(r"kubectl -n models exec deploy/(\S+) -c (\S+) -- groundwire doctor --config (\S+)", line)
    assert words is not None
    spec = installed(GATEWAY)["Deployment", words[1]]["spec"]["template"]["spec"]
    mounts = [one["mountPath"] for one in containers(spec)[words[2]]["volumeMounts"]]
    assert str(Path(words[3]).parent) in mounts


def mychart(folder: Path) -> Path:
    """A chart of one's own from the page's blocks, after `helm dependency update` (a copy under charts/)."""
    dependency = block("install/kubernetes.md", "dependency").text
    chart, mine = dependency.removeprefix("# Chart.yaml\n").split("# values.yaml\n")
    text = block("install/kubernetes.md", "pod").text.replace("# as they were, and\n", "\n        app: vllm\n", 1)
    text = text.replace("- name: model\n", "- name: model\n          image: vllm/vllm-openai:latest\n")
    text = text.replace("\nspec:\n", f"\n{OWN}", 1)
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text(f"apiVersion: v2\nname: mychart\nversion: 1.0.0\n{chart}")
    (folder / "values.yaml").write_text(mine)
    (folder / "templates" / "model.yaml").write_text(text)
    shutil.copytree(ROOT / "helm" / "groundwire", folder / "charts" / "groundwire")
    return folder


def test_a_sidecar_in_a_chart_of_ones_own(tmp_path: Path) -> None:
    update, upgrade, look = block("install/kubernetes.md", "sidecar").commands()
    asked = helm(upgrade)
    assert update == f"helm dependency update {asked.chart}"
    found = {one["kind"]: one for one in objects(render(mychart(tmp_path / "m"), {}, asked.release, asked.namespace))}
    for one in found.values():
        kubernetes_validate.validate(one, NEWEST, strict=True)
    template = found["Deployment"]["spec"]["template"]
    assert {"app", "groundwire/release"} <= set(template["metadata"]["labels"])
    assert template["metadata"]["annotations"]
    traffic, model, analysis = containers(template["spec"]).values()
    assert (traffic["restartPolicy"], model["name"]) == ("Always", "model")
    assert model["lifecycle"]["preStop"]["httpGet"]["path"] == "/drained"
    assert f"exec deploy/{asked.release} -c {analysis['name']} -- " in look
    assert template["spec"]["terminationGracePeriodSeconds"] > 120


def test_an_inference_pool_names_groundwires_port() -> None:
    pool = yaml.safe_load(block("install/kubernetes.md", "pool").text)
    defaults = yaml.safe_load((ROOT / "helm" / "groundwire" / "values.yaml").read_text())
    assert pool["spec"]["targetPorts"] == [{"number": defaults["traffic"]["port"]}]


def test_another_version_and_the_way_back() -> None:
    """The release and its namespace are those that were installed; new values of a new chart come with an upgrade."""
    was = helm(GATEWAY)
    (upgrade,) = map(helm, block("install/kubernetes.md", "upgrade").commands())
    (back,) = map(helm, block("upgrade.md", "back").commands())
    end = helm(block("uninstall.md", "end").commands()[0])
    assert {(one.release, one.namespace) for one in (was, upgrade, back, end)} == {("gw", "models")}
    assert (upgrade.chart, upgrade.reset_then_reuse_values) == (was.chart, True)


def patched(line: str) -> Any:
    """The patch of a `kubectl patch`."""
    words = shlex.split(line)
    assert words[:4] == ["kubectl", "-n", "models", "patch"]
    return json.loads(words[words.index("--patch") + 1])


def test_injection_where_all_three_agree() -> None:
    install, label, deployment, service = block("install/injection.md", "install").commands()
    found: Mapping[str, Any] = {kind: one for (kind, _), one in installed(install).items()}
    key, _, value = label.removeprefix("kubectl label namespace models ").partition("=")
    assert selects(found["MutatingAdmissionPolicyBinding"], {key: value, "kubernetes.io/metadata.name": "models"})
    spec = {"containers": [{"name": "vllm", "image": "vllm:1", "ports": [{"containerPort": 8000}]}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
    assert admitted(found["MutatingAdmissionPolicy"], pod) == pod
    pod["metadata"] |= patched(deployment)["spec"]["template"]["metadata"]
    changed = admitted(found["MutatingAdmissionPolicy"], pod)
    kubernetes_validate.validate(changed, NEWEST, strict=True)
    names = {port["name"] for one in containers(changed["spec"]).values() for port in one["ports"] if "name" in port}
    (change,) = patched(service)
    assert change["op"] == "replace"
    assert change["value"] in names
