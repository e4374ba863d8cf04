"""Injection by annotation: the chart's policy, evaluated as CEL on pods, gives what the sidecar's templates give."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

helm_python = pytest.importorskip("helm_python", reason="make .venv/helm")
kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="make .venv/helm")
pytest.importorskip("cel_expr_python", reason="make .venv/helm")

from proxy.config.load import load  # noqa: E402
from tests.helm.admission import RefusedError, admitted, mixed, selects  # noqa: E402
from tests.helm.charts import CASES, INJECTIONS, containers, objects, render  # noqa: E402
from tests.helm.test_chart import breaches  # noqa: E402

FIRST = {"injection": "1.36", "injection-enforce": "1.34"}  # the first Kubernetes that has the version of the API
MODEL = {"name": "model", "image": "vllm:1", "ports": [{"name": "model", "containerPort": 8000}]}
Pod = dict[str, Any]


def policy(name: str = "injection") -> tuple[dict[str, Any], dict[str, Any]]:
    """The policy and its binding."""
    found = {one["kind"]: one for one in objects(render(*INJECTIONS[name]))}
    return found["MutatingAdmissionPolicy"], found["MutatingAdmissionPolicyBinding"]


POLICY, BINDING = policy()


def asks(spec: Mapping[str, Any] | None = None, /, **annotations: str) -> Pod:
    """A pod that asks for injection."""
    said = {"groundwire.dev/inject": "true"} | {f"groundwire.dev/{key}": value for key, value in annotations.items()}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "annotations": said},
        "spec": {"containers": [copy.deepcopy(MODEL)], **(spec or {})},
    }


def env(container: Mapping[str, Any]) -> dict[str, str]:
    return {one["name"]: one.get("value", "redis://from.a.secret") for one in container["env"]}


@pytest.mark.parametrize("name", INJECTIONS)
def test_kubernetes_takes_the_policy_from_its_first_version_on(name: str) -> None:
    for one in policy(name):
        for version in (FIRST[name], "1.37"):
            kubernetes_validate.validate(one, version, strict=True)
    older = f"1.{int(FIRST[name].partition('.')[2]) - 1}"
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        kubernetes_validate.validate(policy(name)[0], older, strict=True)


@pytest.mark.parametrize("name", INJECTIONS)
def test_its_expressions_are_of_the_kind_that_the_api_server_takes(name: str) -> None:
    """Literals of mixed types are wrapped, and no expression is near the parser's limit of code points."""
    (mutation,) = policy(name)[0]["spec"]["mutations"]
    expression = mutation["jsonPatch"]["expression"]
    assert len(expression) < 50_000
    assert list(mixed(expression)) == []
    assert list(mixed('{"a": 1}')) == ['"a": 1}'], "the check sees what it should"


def test_an_injected_pod_is_the_one_that_the_templates_make() -> None:
    """The example with its sidecar, less all that Groundwire put there, injected: the same pod again."""
    wanted = next(one for one in objects(render(*CASES["sidecar"])) if one["kind"] == "Deployment")["spec"]["template"]
    wanted["metadata"]["annotations"] = {
        "groundwire.dev/inject": "true"
    }  # no rollout by hash: pods are not the chart's
    bare = copy.deepcopy(wanted)
    del bare["metadata"]["labels"]["groundwire/release"]
    spec = bare["spec"]
    del spec["initContainers"]
    spec["containers"] = [one for one in spec["containers"] if one["name"] == "model"]
    del spec["containers"][0]["lifecycle"]
    spec["volumes"] = [one for one in spec["volumes"] if not one["name"].startswith("groundwire-")]
    spec["terminationGracePeriodSeconds"] = 30
    made = admitted(POLICY, bare)

    def by_name(pod: Pod) -> Pod:
        pod["spec"]["volumes"].sort(key=lambda one: str(one["name"]))
        return pod

    assert by_name(made) == by_name(wanted)


@pytest.mark.parametrize("name", INJECTIONS)
def test_an_injected_pod_is_valid_and_restricted(name: str) -> None:
    made = admitted(policy(name)[0], asks())
    kubernetes_validate.validate(made, FIRST[name], strict=True)
    found = list(breaches(made["spec"]))
    assert [one for one in found if not one.startswith("model:")] == []


def test_groundwire_takes_the_port_that_a_pod_names(tmp_path: Path) -> None:
    config = next(one for one in objects(render(*INJECTIONS["injection"])) if one["kind"] == "ConfigMap")
    file = tmp_path / "groundwire.yaml"
    file.write_text(config["data"]["groundwire.yaml"])
    for pod, port in ((asks(), 8000), (asks(port="9000"), 9000)):
        found = containers(admitted(POLICY, pod)["spec"])
        for name in ("groundwire-traffic", "groundwire-analysis"):
            assert load(file, (), env(found[name])).upstreams["default"].url == f"http://127.0.0.1:{port}"


def test_it_holds_where_the_namespace_has_agreed() -> None:
    here = {"kubernetes.io/metadata.name": "models"}
    assert selects(BINDING, {**here, "groundwire.dev/injection": "enabled"})
    assert not selects(BINDING, here)
    assert not selects(BINDING, {"kubernetes.io/metadata.name": "other", "groundwire.dev/injection": "enabled"})


@pytest.mark.parametrize("annotations", [None, {}, {"groundwire.dev/inject": "false"}, {"other": "true"}])
def test_a_pod_that_does_not_ask_is_left_alone(annotations: dict[str, str] | None) -> None:
    pod = asks()
    pod["metadata"]["annotations"] = annotations
    if annotations is None:
        del pod["metadata"]["annotations"]
    assert admitted(POLICY, pod) == pod


def test_it_is_done_once() -> None:
    """The API server may ask a policy again; a pod of the templates that carries the annotation too is left alone."""
    once = admitted(POLICY, asks())
    assert once != asks()
    assert admitted(POLICY, once) == once


def test_the_model_servers_own_hook_and_time_stay() -> None:
    hook = {"exec": {"command": ["sleep", "5"]}}
    spec = {"terminationGracePeriodSeconds": 600, "containers": [{**MODEL, "lifecycle": {"preStop": hook}}]}
    made = admitted(POLICY, asks(spec))["spec"]
    assert made["containers"][0]["lifecycle"] == {"preStop": hook}
    assert made["terminationGracePeriodSeconds"] == 600
    start = {"postStart": {"exec": {"command": ["true"]}}}
    made = admitted(POLICY, asks({"containers": [{**MODEL, "lifecycle": start}]}))["spec"]
    assert made["containers"][0]["lifecycle"] == {
        **start,
        "preStop": {"httpGet": {"path": "/drained", "port": 8901}},
    }
    assert made["terminationGracePeriodSeconds"] == 155


def test_an_annotation_names_the_model_server() -> None:
    spec: dict[str, Any] = {"containers": [{"name": "metrics", "image": "m:1"}, MODEL]}
    found = containers(admitted(POLICY, asks(spec, container="model"))["spec"])
    assert "lifecycle" in found["model"]
    assert "lifecycle" not in found["metrics"]


@pytest.mark.parametrize(("annotations", "words"), [({"port": "http"}, "int"), ({"container": "nobody"}, "index")])
def test_a_word_that_means_nothing_refuses_the_pod(annotations: dict[str, str], words: str) -> None:
    """Better than a pod that runs unwatched: it asked."""
    with pytest.raises(RefusedError, match=words):
        admitted(POLICY, asks(**annotations))


NAMES = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), unique=True, max_size=4)


@given(names=NAMES.filter(bool), inits=NAMES, volumes=NAMES, labels=NAMES)
def test_nothing_of_a_pod_is_lost(names: list[str], inits: list[str], volumes: list[str], labels: list[str]) -> None:
    """Containers, volumes and labels of the pod stay, in their order, and Groundwire's traffic container is first."""
    spec: dict[str, Any] = {"containers": [{"name": f"c-{name}", "image": "x"} for name in names]}
    spec |= {"initContainers": [{"name": f"i-{name}", "image": "x"} for name in inits]} if inits else {}
    spec |= {"volumes": [{"name": name, "emptyDir": {}} for name in volumes]} if volumes else {}
    pod = asks(spec)
    pod["metadata"] |= {"labels": dict.fromkeys(labels, "x")} if labels else {}
    made = admitted(POLICY, pod)
    assert [one["name"] for one in made["spec"]["initContainers"]] == [
        "groundwire-traffic",
        *(f"i-{name}" for name in inits),
    ]
    assert [one["name"] for one in made["spec"]["containers"]] == [
        *(f"c-{name}" for name in names),
        "groundwire-analysis",
    ]
    assert [one["name"] for one in made["spec"]["volumes"]][: len(volumes)] == volumes
    assert made["metadata"]["labels"] == {**dict.fromkeys(labels, "x"), "groundwire/release": "demo-groundwire"}
    assert yaml.safe_load(yaml.safe_dump(made)) == made
