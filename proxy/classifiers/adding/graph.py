"""Ends an exported graph in what Groundwire reads: a logit for each signal, and an embedding of no dimensions.

softmax of k labels, signal S:   log(sum over S of exp z) - log(sum over the others of exp z)
sigmoid of k labels, signal S:   max over S of z
Either way the sigmoid of the new logit is the signal's probability. Needs the package onnx, which comes with `train`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from proxy.classifiers.adding.labels import Activation, Mapped, Plan
from proxy.classifiers.fields import ModelError
from proxy.classifiers.loading import INPUTS_KNOWN

MODEL_LOGITS: Final = "groundwire_model_logits"


def end(source: Path, target: Path, plan: Plan) -> None:
    """Write `source` with its output `logits` [batch, labels] mapped to the plan's signals. Raises ModelError."""
    model = onnx.load(str(source))
    graph = model.graph
    foreign = sorted({one.name for one in graph.input} - INPUTS_KNOWN)
    if foreign:
        raise ModelError(source, f"reads {', '.join(foreign)}", "only encoders of token numbers can be added")
    _rename_output(graph)
    width = len(plan.signals)
    graph.initializer.extend(_constants(plan))
    graph.node.extend(node for one in plan.signals for node in _signal(plan, one))
    graph.node.extend(_both())
    del graph.output[:]
    graph.output.extend([
        helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 0]),
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", width]),
    ])  # fmt: skip
    graph.node[-2].input.extend(_name(one, "logit") for one in plan.signals)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def _rename_output(graph: Any) -> None:
    for node in graph.node:
        for index, name in enumerate(node.output):
            if name == "logits":
                node.output[index] = MODEL_LOGITS
        for index, name in enumerate(node.input):
            if name == "logits":
                node.input[index] = MODEL_LOGITS


def _constants(plan: Plan) -> Iterator[Any]:
    yield numpy_helper.from_array(np.array([1], dtype=np.int64), "groundwire_axis")
    yield numpy_helper.from_array(np.array([0], dtype=np.int64), "groundwire_zero")
    for one in plan.signals:
        others = [column for column in range(len(plan.labels)) if column not in one.columns]
        yield numpy_helper.from_array(np.array(one.columns, dtype=np.int64), _name(one, "columns"))
        if plan.activation is Activation.SOFTMAX:
            yield numpy_helper.from_array(np.array(others, dtype=np.int64), _name(one, "others"))


def _signal(plan: Plan, one: Mapped) -> Iterator[Any]:
    """The nodes that end in the logit of one signal, float32 [batch, 1]."""
    yield helper.make_node("Gather", [MODEL_LOGITS, _name(one, "columns")], [_name(one, "in")], axis=1)
    if plan.activation is Activation.SIGMOID:
        yield helper.make_node("ReduceMax", [_name(one, "in"), "groundwire_axis"], [_name(one, "logit")], keepdims=1)
        return
    yield helper.make_node("Gather", [MODEL_LOGITS, _name(one, "others")], [_name(one, "out")], axis=1)
    for side in ("in", "out"):
        summed = _name(one, f"{side}_sum")
        yield helper.make_node("ReduceLogSumExp", [_name(one, side), "groundwire_axis"], [summed], keepdims=1)
    yield helper.make_node("Sub", [_name(one, "in_sum"), _name(one, "out_sum")], [_name(one, "logit")])


def _both() -> list[Any]:
    """All logits side by side (their names are filled in by the caller), and an embedding of width 0."""
    return [
        helper.make_node("Concat", [], ["logits"], axis=1),
        helper.make_node(
            "Slice", [MODEL_LOGITS, "groundwire_zero", "groundwire_zero", "groundwire_axis"], ["embedding"]
        ),
    ]


def _name(one: Mapped, part: str) -> str:
    return f"groundwire_{one.signal}_{part}"
