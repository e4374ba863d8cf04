"""What an API server does with a MutatingAdmissionPolicy, as far as the chart's needs it: CEL by Google's own runtime.

The runtime is CEL's for C++, the API server's is CEL's for Go; both check types before they evaluate. What Kubernetes
adds is declared here: the message JSONPatch, `object` and `variables`. One rule of Kubernetes is checked by
tests/helm/test_injection.py itself: literals of mixed types need dyn().
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_optional
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, struct_pb2

TEXT, MESSAGE = 9, 11  # field types of a descriptor


class RefusedError(Exception):
    """The policy's expression failed, and failurePolicy is Fail."""


def _patches() -> descriptor_pool.DescriptorPool:
    """The types of a JSON patch."""
    pool = descriptor_pool.DescriptorPool()
    values = descriptor_pb2.FileDescriptorProto()
    struct_pb2.DESCRIPTOR.CopyToProto(values)
    file = descriptor_pb2.FileDescriptorProto(name="patch.proto", syntax="proto3", dependency=[values.name])
    message = file.message_type.add(name="JSONPatch")
    for number, name in enumerate(("op", "path", "from"), 1):
        message.field.add(name=name, number=number, type=TEXT, label=1)
    message.field.add(name="value", number=4, type=MESSAGE, type_name=".google.protobuf.Value", label=1)
    for one in (values, file):
        pool.AddSerializedFile(one.SerializeToString())
    return pool


ENVIRONMENT = cel.NewEnv(
    descriptor_pool=_patches(),
    variables={"object": cel.Type.DYN, "variables": cel.Type.DYN},
    extensions=[ext_optional.ExtOptional()],
)


def evaluate(expression: str, **data: Any) -> Any:
    """The value of an expression. Raises RefusedError where it does not compile or fails."""
    try:
        found = ENVIRONMENT.compile(expression).eval(data=data)
        value = found.plain_value()
    except RuntimeError as wrong:
        raise RefusedError(str(wrong)) from wrong
    if found.type() == cel.Type.ERROR:
        raise RefusedError(str(value))
    return value


def selects(binding: Mapping[str, Any], namespace: Mapping[str, str]) -> bool:
    """Whether a binding holds in a namespace with these labels."""
    wanted = binding["spec"]["matchResources"]["namespaceSelector"]["matchLabels"]
    return all(namespace.get(key) == value for key, value in wanted.items())


def admitted(policy: Mapping[str, Any], pod: Mapping[str, Any]) -> dict[str, Any]:
    """The pod as the policy leaves it; as it was, where a condition does not hold. Raises RefusedError."""
    spec = policy["spec"]
    changed = copy.deepcopy(dict(pod))
    if not all(evaluate(one["expression"], object=pod, variables={}) for one in spec["matchConditions"]):
        return changed
    variables: dict[str, Any] = {}
    for one in spec["variables"]:
        variables[one["name"]] = evaluate(one["expression"], object=pod, variables=variables)
    (mutation,) = spec["mutations"]
    for patch in evaluate(mutation["jsonPatch"]["expression"], object=pod, variables=variables):
        add(changed, json_format.MessageToDict(patch))
    return changed


def add(document: Any, patch: Mapping[str, Any]) -> None:
    """One `add` of RFC 6902, in place. Raises RefusedError where the path's parent is not there."""
    *parents, last = (part.replace("~1", "/").replace("~0", "~") for part in patch["path"].split("/")[1:])
    assert patch["op"] == "add"
    at = document
    for part in parents:
        try:
            at = at[int(part) if isinstance(at, list) else part]
        except (KeyError, IndexError) as wrong:
            raise RefusedError(f"{patch['path']}: {wrong!r}") from wrong
    value = whole(patch["value"])
    if isinstance(at, list):
        at.insert(len(at) if last == "-" else int(last), value)
    else:
        at[last] = value


def whole(value: Any) -> Any:
    """JSON knows one kind of number; the API server reads whole ones where a field is an integer."""
    if isinstance(value, dict):
        return {key: whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def mixed(expression: str) -> Iterator[str]:
    """Entries of map literals that are not wrapped in dyn(), which the API server's CEL would refuse."""
    for entry in re.finditer(r'"[^"\n]*": (?!dyn\()\S+', expression):
        yield entry.group()
