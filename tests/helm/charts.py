"""The charts, rendered by Helm's own SDK: no cluster, no binary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import helm_python
import yaml

from tests.support import ROOT

GROUNDWIRE = ROOT / "helm" / "groundwire"
VLLM = ROOT / "helm" / "examples" / "vllm"
GOLDEN = Path(__file__).parent / "golden"
UPSTREAM = {"settings": {"upstream": "http://vllm.models.svc:8000"}}
REDIS = {"store": {"kind": "redis", "url": "redis://redis.data.svc:6379"}}

# Every mode of both charts; a golden file each.
CASES: Mapping[str, tuple[Path, Mapping[str, Any]]] = {
    "gateway": (GROUNDWIRE, UPSTREAM),
    "gateway-enforce": (
        GROUNDWIRE,
        {
            **UPSTREAM,
            "mode": "enforce",
            "policy": {"revert_on": "high"},
            "autoscaling": {"enabled": True},
            "store": {"kind": "redis", "existingSecret": "redis", "urlKey": "url", "passwordKey": "password"},
            "networkPolicy": {
                "enabled": True,
                "clients": [{"namespaceSelector": {"matchLabels": {"team": "apps"}}}],
                "metrics": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
            },
            "monitoring": {"enabled": True, "labels": {"release": "prometheus"}},
        },
    ),
    "gateway-persistent": (
        GROUNDWIRE,
        {**UPSTREAM, "mode": "enforce", "persistence": {"enabled": True, "storageClass": "fast"}},
    ),
    "gateway-everything": (
        GROUNDWIRE,
        {
            "commonLabels": {"team": "safety"},
            "commonAnnotations": {"owner": "safety@example.com"},
            "replicas": 2,
            "valkey": {"enabled": True},
            "settings": {
                "upstreams": {"default": {"url": "https://models:8443", "auth": {"value_env": "MODEL_KEY"}}},
                "routes": {"support-lora": {"policy": "careful", "base_model": "base"}},
                "pane_s": 30,
            },
            "policies": {"careful": {"mode": "enforce", "revert_on": "high"}},
            "prompts": {"existingSecret": "prompts", "checksKey": "checks.yaml"},
            "image": {
                "registry": "registry.example.com/ml",
                "digest": "sha256:" + "a" * 64,
                "trafficRepository": "groundwire-traffic",
                "pullSecrets": ["registry"],
            },
            "traffic": {
                "tlsSecret": "tls",
                "extraEnv": [{"name": "TZ", "value": "UTC"}],
                "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "readOnly": True}],
            },
            "analysis": {
                "extraEnv": [
                    {"name": "MODEL_KEY", "valueFrom": {"secretKeyRef": {"name": "models", "key": "authorization"}}}
                ],
                "extraEnvFrom": [{"secretRef": {"name": "remote-classifiers"}}],
            },
            "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
            "tracing": {
                "endpoint": "https://collector.observability:4318",
                "metrics": True,
                "sampler": "parentbased_traceidratio",
                "samplerArg": "0.25",
                "resourceAttributes": {"deployment.environment.name": "production"},
                "headersSecret": "collector",
            },
            "service": {"type": "LoadBalancer", "port": 80, "annotations": {"example.com/internal": "true"}},
            "deployment": {
                "podLabels": {"tier": "edge"},
                "podAnnotations": {"note": "x"},
                "nodeSelector": {"kubernetes.io/arch": "amd64"},
                "tolerations": [{"key": "edge", "operator": "Exists"}],
                "priorityClassName": "high",
            },
            "extraObjects": [
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-own"}, "data": {}}
            ],
        },
    ),
    "sidecar": (VLLM, {}),
    "sidecar-plain": (VLLM, {"groundwire": {"sidecar": {"native": False}}}),
    "sidecar-enforce": (
        VLLM,
        {"groundwire": {"mode": "enforce", "replicas": 3, **REDIS, "monitoring": {"enabled": True}}},
    ),
}

# Injection by annotation: nothing in them is a pod. A golden file each.
INJECTIONS: Mapping[str, tuple[Path, Mapping[str, Any]]] = {
    "injection": (GROUNDWIRE, {"kind": "sidecar", "injection": {"enabled": True}}),
    "injection-enforce": (
        GROUNDWIRE,
        {
            "kind": "sidecar",
            "mode": "enforce",
            **REDIS,
            "injection": {"enabled": True, "apiVersion": "v1beta1", "namespaceLabels": {"team": "safety"}},
            "monitoring": {"enabled": True},
            "networkPolicy": {"enabled": True},
            "tracing": {"endpoint": "http://collector.observability:4318", "headersSecret": "collector"},
        },
    ),
}


def render(chart: Path, values: Mapping[str, Any], name: str = "demo", namespace: str = "models") -> dict[str, str]:
    """Template by template. Raises helm_python.HelmError."""
    with helm_python.Chart.load(str(chart)) as loaded:
        documents = loaded.render(dict(values), name=name, namespace=namespace)
    return {path: text for path, text in sorted(documents.items()) if text.strip()}


def as_file(documents: Mapping[str, str]) -> str:
    """All of it as one text, as `helm template` prints it, and the notes at the end."""
    notes = [path for path in documents if path.endswith("NOTES.txt")]
    parts = [f"---\n# Source: {path}\n{documents[path].strip()}\n" for path in documents if path not in notes]
    told = ["".join(f"# {line}".rstrip() + "\n" for line in documents[path].splitlines()) for path in notes]
    return "".join([*parts, *(f"---\n# Notes\n{text}" for text in told)])


def objects(documents: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Every object of a rendering."""
    for path, text in documents.items():
        if not path.endswith("NOTES.txt"):
            yield from (one for one in yaml.safe_load_all(text) if one)


def pod_specs(documents: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and pod spec of every Deployment."""
    for one in objects(documents):
        if one["kind"] == "Deployment":
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def containers(spec: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """All containers of a pod by name."""
    return {one["name"]: one for one in (*spec.get("initContainers", ()), *spec["containers"])}
