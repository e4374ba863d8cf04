"""To ONNX with optimum, to int8 with its quantizer. Comes with `train`."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import onnx
import torch
import transformers
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantizationMode, QuantType
from optimum.exporters.onnx import main_export
from optimum.onnxruntime import ORTQuantizer
from optimum.onnxruntime.configuration import CalibrationConfig, QuantizationConfig

from proxy.classifiers.adding.original import Original
from proxy.classifiers.adding.source import SourceError

OPSET: Final = 18
CALIBRATION_TOKENS_MAX: Final = 256
OPERATORS: Final = ["MatMul", "Gather"]  # not Add: one adds the mask, whose -1e38 would swallow a static scale


class Quantize(StrEnum):
    """What becomes of the weights."""

    DYNAMIC = "dynamic"  # int8 weights, activations measured at each pass
    STATIC = "static"  # int8 weights, activations by what the calibration texts showed
    NONE = "none"  # float32


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to quantize. A scale for each channel is truer to the original, and slower on some processors."""

    how: Quantize
    per_channel: bool = False

    def __str__(self) -> str:
        if self.how is Quantize.NONE:
            return "float32, not quantized"
        return f"int8, {self.how} quantization, one scale for each {'channel' if self.per_channel else 'tensor'}"


def recipes(how: Quantize) -> list[Recipe]:
    """What to try, in this order, until one is close to the original."""
    return [Recipe(how)] if how is Quantize.NONE else [Recipe(how), Recipe(how, per_channel=True)]


def quiet() -> None:
    """What these libraries say of their own work is for their authors; errors still come as exceptions."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
    for name in ("optimum", "onnxruntime", "root"):
        logging.getLogger(name).setLevel(logging.ERROR)


def to_onnx(folder: Path, target: Path) -> Path:
    """A float32 graph in the folder `target`, checked by optimum against the original. Raises SourceError."""
    try:
        main_export(str(folder), output=target, task="text-classification", opset=OPSET, local_files_only=True)
    except (ValueError, KeyError, RuntimeError, NotImplementedError) as wrong:
        cause = " ".join(str(wrong).split())[:300]
        raise SourceError(f"{folder}: optimum cannot export it ({type(wrong).__name__}: {cause})") from wrong
    if list(target.glob("*.onnx_data")):
        raise SourceError(f"{folder}: is larger than 2 GB as one graph; that is no model for a processor")
    return target / "model.onnx"


def quantized(graph: Path, original: Original, recipe: Recipe, texts: Sequence[str]) -> Path:
    """The graph with int8 weights, in a folder beside it; `texts` calibrate a static one.

    Weights in 7 bits (`reduce_range`): processors without VNNI add pairs of products in 16 bits, and full 8-bit
    weights overflow there.
    """
    if recipe.how is Quantize.NONE:
        return graph
    quantizer = ORTQuantizer.from_pretrained(graph.parent, file_name=graph.name)
    ranges = None if recipe.how is Quantize.DYNAMIC else _ranges(quantizer, graph, original, texts)
    folder = graph.parent / f"int8-{recipe.per_channel}"
    quantizer.quantize(_config(recipe), folder, calibration_tensors_range=ranges)
    return next(folder.glob("*.onnx"))


def _config(recipe: Recipe) -> QuantizationConfig:
    static = recipe.how is Quantize.STATIC
    return QuantizationConfig(
        is_static=static,
        format=QuantFormat.QDQ if static else QuantFormat.QOperator,
        mode=QuantizationMode.QLinearOps if static else QuantizationMode.IntegerOps,
        activations_dtype=QuantType.QUInt8,
        weights_dtype=QuantType.QInt8,
        per_channel=recipe.per_channel,
        reduce_range=True,
        operators_to_quantize=OPERATORS,
    )


def _ranges(quantizer: Any, graph: Path, original: Original, texts: Sequence[str]) -> Any:
    """What each activation's smallest and largest value was on the texts."""
    names = [one.name for one in onnx.load(str(graph), load_external_data=False).graph.input]
    rows: list[Mapping[str, list[int]]] = []
    for text in texts:
        encoded = original.tokenizer(text, truncation=True, max_length=CALIBRATION_TOKENS_MAX)
        rows.append({name: list(encoded[name]) for name in names})
    config = CalibrationConfig(
        dataset_name="texts",
        dataset_config_name="",
        dataset_split="",
        dataset_num_samples=len(rows),
        method=CalibrationMethod.MinMax,
    )
    return quantizer.fit(
        rows,
        config,
        onnx_augmented_model_name=str(graph.with_name("augmented.onnx")),
        operators_to_quantize=OPERATORS,
    )
