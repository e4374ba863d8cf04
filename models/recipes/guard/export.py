"""To ONNX through optimum with a config of our own (its stock tasks know one head), then to int8 with its quantizer."""

from __future__ import annotations

import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Final

from onnxruntime.quantization import QuantFormat, QuantizationMode, QuantType
from optimum.exporters.onnx import export
from optimum.exporters.onnx.model_configs import BertOnnxConfig
from optimum.onnxruntime import ORTQuantizer
from optimum.onnxruntime.configuration import QuantizationConfig

from models.recipes.guard.net import GuardNet

OPSET: Final = 18
AXES: Final = {0: "batch", 1: "tokens"}


class GuardOnnxConfig(BertOnnxConfig):  # type: ignore[misc]
    """Three inputs, two outputs: embedding and all heads' logits."""

    @property
    def inputs(self) -> dict[str, dict[int, str]]:
        return OrderedDict((name, AXES) for name in ("input_ids", "attention_mask", "token_type_ids"))

    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        return OrderedDict(embedding={0: "batch"}, logits={0: "batch"})


def to_onnx(net: GuardNet, path: Path) -> None:
    """float32 ONNX, checked by optimum against the network's own outputs."""
    net.cpu().eval()
    net.encoder.embeddings.word_embeddings.sparse = False
    config = GuardOnnxConfig(net.config, task="feature-extraction")
    export(model=net, config=config, output=path, opset=OPSET)


def quantized(path: Path, target: Path, *, reduce_range: bool = True) -> None:
    """Dynamic int8 of matrix products and of the word table.

    Weights in 7 bits (`reduce_range`): processors without VNNI add pairs of products in 16 bits, and full 8-bit
    weights overflow there. A scale for each column of weights (`per_channel`) makes up for the lost bit: on the first
    guard-small logits moved by .08 on average, instead of .46 with one scale for all, at the same speed.
    """
    folder = path.parent / "int8"
    quantizer = ORTQuantizer.from_pretrained(path.parent, file_name=path.name)
    quantizer.quantize(
        save_dir=folder,
        quantization_config=QuantizationConfig(
            is_static=False,
            format=QuantFormat.QOperator,
            mode=QuantizationMode.IntegerOps,
            activations_dtype=QuantType.QUInt8,
            weights_dtype=QuantType.QInt8,
            per_channel=True,
            reduce_range=reduce_range,
            operators_to_quantize=["MatMul", "Gather"],
        ),
    )
    made = next(folder.glob("*.onnx"))
    shutil.move(made, target)
    shutil.rmtree(folder)
