"""`groundwire models add`: a Hugging Face sequence-classification model becomes one of ours, or nothing changes."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from proxy.classifiers.adding import agreement, labels, writing
from proxy.classifiers.adding.placing import CARD, copied, put, target, workshop
from proxy.classifiers.adding.probes import PROBES
from proxy.classifiers.adding.source import Source, SourceError, found, licence
from proxy.classifiers.adding.special_tokens import TokenizerError
from proxy.classifiers.adding.trial import opened, tried
from proxy.classifiers.contract import Item
from proxy.classifiers.evaluation.rows import lines
from proxy.classifiers.guard import Guard
from proxy.classifiers.manifest import FILE, read
from proxy.classifiers.tokens import Tokens
from proxy.commands.models import bench
from proxy.commands.models.place import library, printed, said
from proxy.core.errors import GroundwireError

if TYPE_CHECKING:
    from proxy.classifiers.adding.original import Original

TRAIN_PACKAGES: Final = frozenset({"torch", "transformers", "optimum", "onnx", "huggingface_hub"})
CALIBRATION_TEXTS_MAX: Final = 512
BENCH_LENGTHS: Final = (64, 128, 256)
BENCH_LENGTH_S_MAX: Final = 1.0


class MissingPackages(GroundwireError):  # noqa: N818 - said of a machine, not a fault of ours
    """What export needs is not installed."""


def add(arguments: Namespace) -> int:
    """Make it in a folder of its own, try it, give it its place."""
    shelf = library(arguments)
    place = target(shelf, arguments.name, replace=arguments.replace)
    with workshop(shelf, arguments.name) as folder:
        if (Path(arguments.source) / FILE).is_file():
            copied(Path(arguments.source), folder)
        else:
            _make(arguments, folder)
        guard = tried(folder)
        put(folder, place)
    printed(f"added {guard.version}: {place}")
    return printed(f"to use it, in the settings: classifiers.also: [{place}]  (or classifiers.model, in place of all)")


def _make(arguments: Namespace, folder: Path) -> None:
    """Fill the folder. Raises GroundwireError of many kinds, each with its mend."""
    with_packages()
    from proxy.classifiers.adding import export, graph  # noqa: PLC0415 - comes with `train`
    from proxy.classifiers.adding.original import Original  # noqa: PLC0415

    export.quiet()
    texts = _calibration_texts(arguments)
    source = found(arguments.source, arguments.revision)
    original = Original.load(source.folder)
    plan = _plan(arguments, original)
    (folder / writing.TOKENIZER).write_text(original.tokenizer_json(), encoding="utf-8")
    cut = writing.shape(original.positions, arguments.window)
    said(f"exporting a {original.family} with labels {', '.join(original.labels)}")
    with tempfile.TemporaryDirectory() as scratch:
        exported = export.to_onnx(source.folder, Path(scratch))
        for recipe in export.recipes(export.Quantize(arguments.quantize)):
            said(f"trying: {recipe}")
            small = export.quantized(exported, original, recipe, texts)
            graph.end(small, folder / writing.ENCODER, plan)
            calibrated = f", calibrated on {len(texts)} texts" if texts else ""
            origin = _origin(arguments, source, plan, original, f"{recipe}{calibrated}")
            (folder / FILE).write_text(writing.manifest(folder, origin, plan, cut), encoding="utf-8")
            agreed = _agreement(folder, plan, original)
            said(f"against the original {agreed}")
            if agreed.is_close:
                break
    agreement.check(agreed, arguments.agreement_min)
    times = bench.rendered(bench.timed(opened(folder), folder, BENCH_LENGTHS, BENCH_LENGTH_S_MAX))
    said(times)
    (folder / CARD).write_text(writing.card(origin, plan, agreed, times), encoding="utf-8")


def with_packages() -> None:
    """Raises MissingPackages that says what to install."""
    try:
        import onnx  # noqa: F401, PLC0415
        import optimum.onnxruntime  # noqa: F401, PLC0415
        import torch  # noqa: F401, PLC0415
        import transformers  # noqa: F401, PLC0415
    except ModuleNotFoundError as wrong:
        if (wrong.name or "").partition(".")[0] not in TRAIN_PACKAGES:
            raise
        raise MissingPackages(
            f"`models add` exports with torch, transformers and optimum, and there is no {wrong.name} here: "
            f"pip install 'groundwire[train]', in an environment of its own if you like. What it makes needs none"
        ) from wrong


def _calibration_texts(arguments: Namespace) -> list[str]:
    """Raises SourceError where static quantization has no texts, or texts have no use."""
    if (arguments.quantize == "static") != bool(arguments.calibration_texts):
        raise SourceError("--quantize static and --calibration-texts FILE (a text a line) go together")
    if not arguments.calibration_texts:
        return []
    path = Path(arguments.calibration_texts)
    texts = [line.strip() for _, line in lines(path)][:CALIBRATION_TEXTS_MAX]
    if not texts:
        raise SourceError(f"{path}: holds no text; give some hundreds of the kind that the model will read, one a line")
    return texts


def _plan(arguments: Namespace, original: Original) -> labels.Plan:
    if arguments.labels:
        return labels.read(Path(arguments.labels), original.labels, original.activation)
    return labels.guessed(arguments.source, original.labels, original.activation)


def _origin(
    arguments: Namespace, source: Source, plan: labels.Plan, original: Original, quantized: str
) -> writing.Origin:
    return writing.Origin(
        name=arguments.name,
        source=source.said,
        licence=plan.licence or licence(source.folder) or writing.UNKNOWN,
        created=datetime.now(UTC).date().isoformat(),
        quantized=quantized,
        family=original.family,
    )


def _agreement(folder: Path, plan: labels.Plan, original: Original) -> agreement.Agreement:
    """The new model beside the original, text by text."""
    guard, manifest = opened(folder), read(folder)
    window = manifest.shape.window
    texts = [text for text in PROBES if len(original.ids(text)) <= window]  # of longer ones they see different parts
    _check_tokens(manifest.tokens(), original, texts)
    theirs = labels.probabilities(original.logits(texts), plan)
    ours = np.array([[_score(guard, text, one) for one in plan.signals] for text in texts])
    return agreement.agreement(theirs, ours, np.array([one.threshold for one in plan.signals]))


def _check_tokens(tokens: Tokens, original: Original, texts: Sequence[str]) -> None:
    """Both must cut texts into the same numbers. Raises TokenizerError."""
    for text, ids in zip(texts, tokens.ids(texts), strict=True):
        if [tokens.cls, *ids.tolist(), tokens.sep] != original.ids(text):
            raise TokenizerError(f"the tokenizer cuts {text[:60]!r} into other tokens than the original does")


def _score(guard: Guard, text: str, one: labels.Mapped) -> float:
    (scored,) = guard.score([Item(text, one.roles[0])])
    return scored.scores[one.signal]
