"""Both charts in every mode: against golden files, Kubernetes' schemas and the restricted Pod Security standard."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

helm_python = pytest.importorskip("helm_python", reason="make .venv/helm")
kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="make .venv/helm")

from proxy.config.load import load  # noqa: E402
from proxy.config.policies import parse_policy  # noqa: E402
from proxy.core.http.trace_context import Tracing  # noqa: E402
from proxy.tracing.asked import Way, asked_of, metrics_of  # noqa: E402
from tests.helm.charts import (  # noqa: E402
    CASES,
    GOLDEN,
    GROUNDWIRE,
    INJECTIONS,
    REDIS,
    UPSTREAM,
    VLLM,
    as_file,
    containers,
    objects,
    pod_specs,
    render,
)

VERSIONS = ("1.28", "1.29", "1.37")
OPERATORS = ("monitoring.coreos.com/v1",)


@pytest.fixture(scope="module")
def rendered() -> dict[str, dict[str, str]]:
    return {name: render(chart, values) for name, (chart, values) in {**CASES, **INJECTIONS}.items()}


@pytest.mark.parametrize("name", [*CASES, *INJECTIONS])
def test_a_mode_renders_as_before(name: str, rendered: Mapping[str, Mapping[str, str]]) -> None:
    """`GOLDEN=1 make test-helm` writes the files anew; the change is then read in the diff."""
    text, file = as_file(rendered[name]), GOLDEN / f"{name}.yaml"
    if os.environ.get("GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


def test_there_is_no_golden_file_without_its_mode() -> None:
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == {*CASES, *INJECTIONS}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", CASES)
def test_kubernetes_takes_it(name: str, version: str, rendered: Mapping[str, Mapping[str, str]]) -> None:
    kinds = set()
    for one in objects(rendered[name]):
        if one["apiVersion"] not in OPERATORS:
            kubernetes_validate.validate(one, version, strict=True)
        kinds.add(one["kind"])
    assert {"Deployment", "Service", "ConfigMap"} <= kinds


def test_kubernetes_before_native_sidecars_refuses_them(rendered: Mapping[str, Mapping[str, str]]) -> None:
    """So the schemas look, and the plain rendering is the one for old clusters."""
    with pytest.raises(kubernetes_validate.ValidationError, match="restartPolicy"):
        for one in objects(rendered["sidecar"]):
            kubernetes_validate.validate(one, "1.25", strict=True)
    for one in objects(rendered["sidecar-plain"]):
        kubernetes_validate.validate(one, "1.25", strict=True)


# --- restricted Pod Security: kubernetes.io/docs/concepts/security/pod-security-standards ---------------------------

RESTRICTED_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected"}


def breaches(spec: Mapping[str, Any]) -> Iterator[str]:
    """What the restricted standard forbids in a pod."""
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield key
    for volume in spec.get("volumes", ()):
        if not set(volume) - {"name"} <= RESTRICTED_VOLUMES | {"secret"}:
            yield f"volume {volume['name']}"
    pod = spec.get("securityContext", {})
    for name, container in containers(spec).items():
        own = container.get("securityContext", {})
        if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False:
            yield f"{name}: allowPrivilegeEscalation"
        drops = own.get("capabilities", {})
        if drops.get("drop") != ["ALL"] or set(drops.get("add", ())) - {"NET_BIND_SERVICE"}:
            yield f"{name}: capabilities"
        if not own.get("runAsNonRoot", pod.get("runAsNonRoot")) or own.get("runAsUser", 1) == 0:
            yield f"{name}: runAsNonRoot"
        if own.get("seccompProfile", pod.get("seccompProfile", {})).get("type") not in ("RuntimeDefault", "Localhost"):
            yield f"{name}: seccompProfile"
        if any("hostPort" in port for port in container.get("ports", ())):
            yield f"{name}: hostPort"


@pytest.mark.parametrize("name", CASES)
def test_every_pod_is_restricted(name: str, rendered: Mapping[str, Mapping[str, str]]) -> None:
    pods = list(pod_specs(rendered[name]))
    assert pods
    assert {pod: list(breaches(spec)) for pod, spec in pods} == {pod: [] for pod, _ in pods}


def test_the_check_of_pods_sees_a_breach() -> None:
    bad = {"containers": [{"name": "c", "securityContext": {"privileged": True}}], "hostPID": True}
    assert len(list(breaches(bad))) == 5


@pytest.mark.parametrize("name", CASES)
def test_groundwire_writes_to_volumes_only(name: str, rendered: Mapping[str, Mapping[str, str]]) -> None:
    for _, spec in pod_specs(rendered[name]):
        assert spec["automountServiceAccountToken"] is False
        for container in containers(spec).values():
            if container["name"] != "model":
                assert container["securityContext"]["readOnlyRootFilesystem"] is True
                assert container["resources"]["limits"]["memory"]


# --- what the layout promises -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("sidecar")])
def test_a_sidecar_waits_for_nobody(name: str, rendered: Mapping[str, Mapping[str, str]]) -> None:
    (_, spec), *_ = pod_specs(rendered[name])
    found = containers(spec)
    traffic, analysis, model = found["groundwire-traffic"], found["groundwire-analysis"], found["model"]
    assert traffic["startupProbe"]["httpGet"]["path"] == "/livez", "it never waits for the model server"
    assert traffic["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert not {"startupProbe", "readinessProbe", "livenessProbe"} & set(analysis)
    assert model["lifecycle"]["preStop"]["httpGet"] == {"path": "/drained", "port": 8901}
    assert traffic["lifecycle"]["preStop"]["exec"]["command"][:2] == ["groundwire", "drain"]
    grace = {one["name"]: one.get("value") for one in traffic["env"]}
    longest = int(grace["GROUNDWIRE_DRAIN__DELAY_S"]) + int(grace["GROUNDWIRE_DRAIN__GRACE_S"])
    assert spec["terminationGracePeriodSeconds"] > longest
    native = name != "sidecar-plain"
    assert [one["name"] for one in spec.get("initContainers", ())] == (["groundwire-traffic"] if native else [])
    if native:
        assert traffic["restartPolicy"] == "Always"


def test_a_sidecar_stands_where_the_service_points(rendered: Mapping[str, Mapping[str, str]]) -> None:
    """By number: before Kubernetes 1.32 a Service does not find the named ports of native sidecars."""
    service = next(one for one in objects(rendered["sidecar"]) if one["kind"] == "Service")
    assert service["spec"]["ports"] == [{"name": "http", "port": 8000, "targetPort": 8900, "protocol": "TCP"}]
    policy = next(one for one in objects(rendered["sidecar"]) if one["kind"] == "NetworkPolicy")
    opened = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
    assert opened == {8900, 8901, 8902}, "the model server's own port is closed"


def files(documents: Mapping[str, str]) -> dict[str, str]:
    """The chart's ConfigMap: settings and policies by file name."""
    return next(one["data"] for one in objects(documents) if "groundwire.yaml" in (one.get("data") or {}))


@pytest.mark.parametrize("name", CASES)
def test_groundwire_itself_takes_the_files_and_the_environment(
    name: str, rendered: Mapping[str, Mapping[str, str]], tmp_path: Path
) -> None:
    """The ConfigMap and the environment of both containers, as the program reads them."""
    data = next(
        one for one in objects(rendered[name]) if one["kind"] == "ConfigMap" and "groundwire.yaml" in one["data"]
    )
    for key, text in data["data"].items():
        (tmp_path / key).write_text(text)
        if key.startswith("policy"):
            parse_policy(text, key)
    specs = [spec for _, spec in pod_specs(rendered[name]) if "groundwire-traffic" in containers(spec)]
    for container in ("groundwire-traffic", "groundwire-analysis"):
        env = {one["name"]: one.get("value", "redis://from.a.secret") for one in containers(specs[0])[container]["env"]}
        settings = load(tmp_path / "groundwire.yaml", (), env)
        assert settings.state_dir == "/var/lib/groundwire"
        assert settings.link.start_hold_s == 5
        assert settings.policy == "/etc/groundwire/policy.yaml"
    limit = 768 * 1024 * 1024
    assert settings.analysis.memory_bytes_max == limit * 7 // 10


def test_traces_are_asked_for_in_opentelemetrys_own_words(rendered: Mapping[str, Mapping[str, str]]) -> None:
    """As the program reads them, of the analysis container alone; without an endpoint none is said."""
    told: dict[str, dict[str, dict[str, str]]] = {}
    for name in ("gateway", "gateway-everything"):
        ((_, spec),) = [one for one in pod_specs(rendered[name]) if "groundwire-traffic" in containers(one[1])]
        told[name] = {
            container: {one["name"]: one.get("value", "") for one in found["env"] if one["name"].startswith("OTEL_")}
            for container, found in containers(spec).items()
        }
    assert told["gateway"] == {"groundwire-traffic": {}, "groundwire-analysis": {}}
    assert told["gateway-everything"]["groundwire-traffic"] == {}
    environ = told["gateway-everything"]["groundwire-analysis"]
    asked = asked_of(environ)
    assert asked is not None
    assert (asked.tracing, asked.spans.way) == (Tracing(0.25, follows_parent=True), Way.HTTP)
    assert metrics_of(environ) is not None
    assert metrics_of({**environ, "OTEL_METRICS_EXPORTER": "none"}) is None, "tracing.metrics: false"
    assert "k8s.pod.name=$(K8S_POD_NAME)" in environ["OTEL_RESOURCE_ATTRIBUTES"].split(",")


def test_a_route_takes_a_policy_of_the_chart_by_its_name(rendered: Mapping[str, Mapping[str, str]]) -> None:
    data = next(
        one["data"] for one in objects(rendered["gateway-everything"]) if "groundwire.yaml" in one.get("data", {})
    )
    routes = yaml.safe_load(data["groundwire.yaml"])["routes"]
    assert routes["support-lora"]["policy"] == "/etc/groundwire/policy-careful.yaml"
    assert "policy-careful.yaml" in data


def test_rules_and_dashboards_come_from_files_untouched(tmp_path: Path) -> None:
    chart = tmp_path / "groundwire"
    shutil.copytree(GROUNDWIRE, chart)
    rule = {"alert": "A", "expr": "up == 0", "annotations": {"summary": "{{ $labels.route }} is {{ $value }}"}}
    for name in ("one", "two"):
        groups = {"groups": [{"name": name, "rules": [rule]}]}
        (chart / "files" / "rules").mkdir(parents=True, exist_ok=True)
        (chart / "files" / "rules" / f"zz-{name}.yaml").write_text(yaml.safe_dump(groups))
    dashboard = '{"title": "Now {{ $x }}", "panels": []}\n'
    (chart / "files" / "dashboards").mkdir(parents=True, exist_ok=True)
    (chart / "files" / "dashboards" / "zz-now.json").write_text(dashboard)
    wanted = {"monitoring": {"rules": {"enabled": True}, "dashboards": {"enabled": True}}}
    made = list(objects(render(chart, {**UPSTREAM, **wanted})))
    groups = next(one for one in made if one["kind"] == "PrometheusRule")["spec"]["groups"]
    assert [group["rules"][0] for group in groups if group["name"] in ("one", "two")] == [rule, rule]
    board = next(one for one in made if one["metadata"]["name"] == "demo-groundwire-dashboard-zz-now")
    assert board["data"]["zz-now.json"] == dashboard
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"


# --- refusals ---------------------------------------------------------------------------------------------------------

REFUSED: Mapping[str, tuple[Path, Mapping[str, Any], str]] = {
    "a mode that is none": (GROUNDWIRE, {**UPSTREAM, "mode": "enforcing"}, "'/mode': value must be one of"),
    "an unknown key": (GROUNDWIRE, {**UPSTREAM, "replica": 2}, "additional properties 'replica' not allowed"),
    "a text for a number": (GROUNDWIRE, {**UPSTREAM, "replicas": "two"}, "'/replicas': got string, want integer"),
    "a password in a URL": (
        GROUNDWIRE,
        {**UPSTREAM, "store": {"kind": "redis", "url": "redis://me:secret@redis:6379"}},
        "'/store/url'",
    ),
    "a gateway in front of nothing": (GROUNDWIRE, {}, "settings.upstream, for example http"),
    "a port by a setting": (
        GROUNDWIRE,
        {"settings": {"upstream": "http://m:1", "listen": {"data": ":1"}}},
        "settings.listen is made by the chart; say it with traffic.port",
    ),
    "a store by a setting": (
        GROUNDWIRE,
        {"settings": {"upstream": "http://m:1", "store": {"kind": "redis"}}},
        "settings.store.kind is made by the chart; say it with store.kind",
    ),
    "a mode in the policy": (GROUNDWIRE, {**UPSTREAM, "policy": {"mode": "enforce"}}, "say it in `mode`"),
    "enforce by two replicas": (GROUNDWIRE, {**UPSTREAM, "mode": "enforce", "replicas": 2}, "needs a shared store"),
    "enforce under an autoscaler": (
        GROUNDWIRE,
        {**UPSTREAM, "mode": "enforce", "autoscaling": {"enabled": True}},
        "needs a shared store",
    ),
    "enforce by a route's policy": (
        GROUNDWIRE,
        {**UPSTREAM, "replicas": 2, "policies": {"hard": {"mode": "enforce"}}},
        "needs a shared store",
    ),
    "enforce by a shipped policy": (
        GROUNDWIRE,
        {"replicas": 2, "settings": {"upstream": "http://m:1", "routes": {"r": {"policy": "strict"}}}},
        "needs a shared store",
    ),
    "enforce by two sidecars": (VLLM, {"groundwire": {"mode": "enforce", "replicas": 2}}, "needs a shared store"),
    "a mode that cannot be seen": (GROUNDWIRE, {"existingConfigMap": "mine", "replicas": 2}, "the chart cannot see"),
    "a password of a collector": (
        GROUNDWIRE,
        {**UPSTREAM, "tracing": {"endpoint": "https://me:secret@collector:4318"}},
        "'/tracing/endpoint'",
    ),
    "an injection into a gateway": (GROUNDWIRE, {**UPSTREAM, "injection": {"enabled": True}}, "say kind: sidecar"),
    "an injection of plain containers": (
        GROUNDWIRE,
        {"kind": "sidecar", "sidecar": {"native": False}, "injection": {"enabled": True}},
        "needs sidecar.native",
    ),
    "enforce by pods that nobody counts": (
        GROUNDWIRE,
        {"kind": "sidecar", "mode": "enforce", "injection": {"enabled": True}},
        "cannot know how many pods will ask",
    ),
    "a namespace without a consent": (
        GROUNDWIRE,
        {"kind": "sidecar", "injection": {"enabled": True, "namespaceLabels": {"groundwire.dev/injection": None}}},
        "'/injection/namespaceLabels'",
    ),
    "a claim for two": (GROUNDWIRE, {**UPSTREAM, "replicas": 2, "persistence": {"enabled": True}}, "one replica"),
    "Redis nowhere": (GROUNDWIRE, {**UPSTREAM, "store": {"kind": "redis"}}, "needs store.url, or store.existingSecret"),
    "two stores": (GROUNDWIRE, {**UPSTREAM, **REDIS, "valkey": {"enabled": True}}, "two stores; keep one"),
    "a variable of the chart's": (
        GROUNDWIRE,
        {**UPSTREAM, "traffic": {"extraEnv": [{"name": "GROUNDWIRE_STATE_DIR", "value": "/x"}]}},
        "'/traffic/extraEnv/0/name'",
    ),
    "a memory limit that is none": (
        GROUNDWIRE,
        {**UPSTREAM, "analysis": {"resources": {"limits": {"memory": "lots"}}}},
        "'/analysis/resources/limits/memory'",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_refused_and_said(what: str) -> None:
    chart, values, words = REFUSED[what]
    with pytest.raises(helm_python.HelmError) as refused:
        render(chart, values)
    assert words in str(refused.value)


@pytest.mark.parametrize("chart", [GROUNDWIRE, VLLM], ids=["groundwire", "vllm"])
def test_lint_finds_nothing(chart: Path) -> None:
    found = helm_python.lint(str(chart), strict=True)
    assert found["total_charts_linted"] == 1
    assert found["errors"] == []
    assert [message for message in found["messages"] if message["severity"] > 1] == []
