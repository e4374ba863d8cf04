"""A small encoder as ONNX bytes, written by hand: the package that builds such graphs comes with training only.

Field numbers are those of onnx.proto3 (ONNX IR version 8). The graph does what a real one does: it looks token vectors
up, pools over segment 1 where there is one and over all else, normalises, and multiplies by the heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FLOAT: Final = 1
INT64: Final = 7
BOOL: Final = 9
_OPSET: Final = 17
_IR: Final = 8


@dataclass(frozen=True, slots=True)
class Encoder:
    """What the graph is made of; the rest is for graphs that must be refused."""

    vectors: NDArray[np.float32]  # [tokens, dim]
    heads: NDArray[np.float32]  # [dim, columns]
    segments: str = "token_type_ids"
    embedding: str = "embedding"
    normalised: bool = True
    ids: int = INT64
    squeezed: bool = False  # logits of rank 1


def graph(of: Encoder) -> bytes:
    """The model file."""
    dim, columns = of.heads.shape
    pooled = "pooled" if of.normalised else of.embedding
    nodes = [
        _node("Cast", ["input_ids"], "ids", to=INT64),
        _node("Gather", ["vectors", "ids"], "looked"),
        _node("ReduceMax", [of.segments], "has", axes=[1], keepdims=1),
        _node("Cast", ["has"], "has_segment", to=BOOL),
        _node("Where", ["has_segment", of.segments, "attention_mask"], "chosen"),
        _node("Cast", ["chosen"], "weight", to=FLOAT),
        _node("Unsqueeze", ["weight", "two"], "weights"),
        _node("Mul", ["looked", "weights"], "weighed"),
        _node("ReduceSum", ["weighed", "one"], pooled, keepdims=0),
        *([_node("LpNormalization", ["pooled"], of.embedding, axis=1, p=2)] if of.normalised else []),
        _node("MatMul", [of.embedding, "heads"], "rows" if of.squeezed else "logits"),
        *([_node("ReduceSum", ["rows", "one"], "logits", keepdims=0)] if of.squeezed else []),
    ]
    constants = [
        _tensor("vectors", of.vectors),
        _tensor("heads", of.heads),
        _tensor("one", np.array([1], dtype=np.int64)),
        _tensor("two", np.array([2], dtype=np.int64)),
    ]
    inputs = [
        _value("input_ids", of.ids, ["batch", "tokens"]),
        *(_value(name, INT64, ["batch", "tokens"]) for name in ("attention_mask", of.segments)),
    ]
    outputs = [
        _value(of.embedding, FLOAT, ["batch", dim]),
        _value("logits", FLOAT, ["batch"] if of.squeezed else ["batch", columns]),
    ]
    body = b"".join(
        [
            *(_part(1, node) for node in nodes),
            _text(2, "small"),
            *(_part(5, constant) for constant in constants),
            *(_part(11, value) for value in inputs),
            *(_part(12, value) for value in outputs),
        ]
    )
    return _number(1, _IR) + _part(7, body) + _part(8, _text(1, "") + _number(2, _OPSET))


def _node(op: str, inputs: Sequence[str], output: str, **attributes: int | list[int]) -> bytes:
    named = b"".join(_part(5, _attribute(name, value)) for name, value in attributes.items())
    return b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(4, op) + named


def _attribute(name: str, value: int | list[int]) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, 2)
    return _text(1, name) + b"".join(_number(8, one) for one in value) + _number(20, 7)


def _tensor(name: str, values: NDArray[np.float32] | NDArray[np.int64]) -> bytes:
    kind = FLOAT if values.dtype == np.float32 else INT64
    dims = b"".join(_number(1, size) for size in values.shape)
    return dims + _number(2, kind) + _text(8, name) + _part(9, values.tobytes())


def _value(name: str, kind: int, dims: Sequence[int | str]) -> bytes:
    shape = b"".join(_part(1, _number(1, one) if isinstance(one, int) else _text(2, one)) for one in dims)
    return _text(1, name) + _part(2, _part(1, _number(1, kind) + _part(2, shape)))


def _text(field: int, text: str) -> bytes:
    return _part(field, text.encode())


def _part(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
