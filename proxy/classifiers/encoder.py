"""The encoder: an ONNX graph on onnxruntime, token windows in, embedding and logits out.

Why one row a pass. Dynamic int8 quantization takes the scale of an activation from the whole tensor, so a row's
neighbours, and even its padding, change its numbers: eight texts of several lengths in one pass moved probabilities by
up to .021 (by hand, on a trial file). And one thread gains next to nothing from more rows (make bench-classify). So the
default is a row a pass, without padding: a text has the same score whatever is scored beside it. More cores run passes
side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from proxy.classifiers.tokens import Ids, padded

Window = tuple[Ids, int]
Floats = NDArray[np.float32]

PASS_TOKENS_MAX: Final = 2_048  # of one pass, padding included: bounds the memory of activations
_SILENT: Final = 4  # onnxruntime's log level: what is wrong comes as an exception


@dataclass(frozen=True, slots=True)
class Encoder:
    """A loaded graph. `rows_max`: windows in one pass; `passes`: runs that many passes side by side, else one."""

    session: ort.InferenceSession
    pad: int
    rows_max: int = 1
    passes: Executor | None = None

    def run(self, windows: Sequence[Window]) -> tuple[Floats, Floats]:
        """(embeddings float32 [n, dim] of length 1, logits float32 [n, columns]), in the order of `windows`."""
        order = list(batches([len(ids) for ids, _ in windows], self.rows_max, PASS_TOKENS_MAX))
        fed = [[windows[row] for row in rows] for rows in order]
        outputs = list(self.passes.map(self._pass, fed) if self.passes else map(self._pass, fed))
        back = np.argsort([row for rows in order for row in rows])
        embeddings = np.concatenate([embedding for embedding, _ in outputs])
        return embeddings[back], np.concatenate([logits for _, logits in outputs])[back]

    def _pass(self, windows: Sequence[Window]) -> tuple[Floats, Floats]:
        inputs = padded(windows, self.pad)
        fed = {one.name: inputs[one.name] for one in self.session.get_inputs()}
        embedding, logits = self.session.run(["embedding", "logits"], fed)
        return embedding, logits


def batches(lengths: Sequence[int], rows_max: int, tokens_max: int) -> Iterator[list[int]]:
    """Indices in batches of about one length: at most `rows_max` rows and, padded, `tokens_max` tokens (or one row)."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda one: lengths[one]):
        if batch and (len(batch) >= rows_max or lengths[index] * (len(batch) + 1) > tokens_max):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def session(graph: bytes, threads: int) -> ort.InferenceSession:
    """A session for a graph on `threads` threads. Raises what onnxruntime raises for a graph that it cannot run.

    Threads do not spin while they wait: the processor belongs to traffic. No arena: it keeps the largest pass for
    ever, and costs as much time as it saves (measured). From bytes, so that what was verified is what runs and a
    graph cannot name files beside it.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False  # every length would get a plan of its own
    options.log_severity_level = _SILENT
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
