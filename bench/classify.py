"""What classification costs: one encoder as int8 ONNX, float32 ONNX and PyTorch side by side, stage 0, and memory.

    python -m bench.classify [--model FOLDER|NAME] [--fp32 FILE.onnx] [--torch FOLDER] [--seconds S]

--fp32 is the float32 graph that training leaves; --torch the folder of the published encoder (its config.json): a
network of the same shape is made of it, with weights at random, as time does not depend on them; that needs the
training environment (make bench-classify BENCH_PY=.venv/train/bin/python). What is not given is skipped, and that is
said. A text of more tokens than a window is read in windows, as in service. One thread; prints tables, asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from proxy.classifiers.contract import Item, Role
from proxy.classifiers.encoder import PASS_TOKENS_MAX, Window, batches, session
from proxy.classifiers.guard import Guard
from proxy.classifiers.loading import find_model
from proxy.classifiers.manifest import read
from proxy.classifiers.tokens import Tokens, padded

TOKENS: Final = (64, 128, 256, 512)
ROWS: Final = (1, 8)
ROUNDS: Final = 5  # each contender in turn, so that a busy moment of the machine hits all
STAGE0_CHARS: Final = 1_200
PROSE: Final = (
    "The garden was dry when we came back in August, and nobody had opened the shed since spring. We carried water "
    "from the well, pulled the weeds between the beans, and mended the fence where the goats had come through. In the "
    "evening my aunt told us how the village had looked when she was small: one road, two shops, and a bus on Friday. "
)
MEMORY: Final = """
import sys
from pathlib import Path
def mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
import proxy.analysis.process.app
from proxy.sensitive.scan import scan
before = mib()
from proxy.classifiers.contract import Item, Role
from proxy.classifiers.guard import Guard
guard = Guard.load(Path(sys.argv[1]))
scan(sys.argv[2])
loaded = mib()
guard.score([Item(sys.argv[2] * 8, Role.RESPONSE, sys.argv[2])])
print(before, loaded, mib())
"""

Contender = Callable[[Mapping[str, Any]], object]


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description="Measure what classification costs.")
    parser.add_argument("--model", default="", help="folder or name; default: the model that ships")
    parser.add_argument("--fp32", type=Path, help="the same graph in float32")
    parser.add_argument("--torch", type=Path, help="folder of the published encoder")
    parser.add_argument("--seconds", type=float, default=0.5, help="for each number")
    arguments = parser.parse_args()
    folder = find_model(arguments.model)
    print(f"{read(folder).identity}, one thread, on {_processor()}; load {os.getloadavg()[0]:.1f}")
    contenders = _contenders(folder, arguments.fp32, arguments.torch)
    _print_passes(folder, contenders, arguments.seconds)
    _print_guard(Guard.load(folder), arguments.seconds)
    _print_memory(folder)


def _contenders(folder: Path, fp32: Path | None, torch_folder: Path | None) -> dict[str, Contender]:
    graph = (folder / read(folder).encoder).read_bytes()
    found: dict[str, Contender] = {"int8": _onnx(graph)}
    if fp32 is not None and fp32.is_file():
        found["fp32"] = _onnx(fp32.read_bytes())
    else:
        print(f"fp32 skipped: {fp32 or '--fp32 FILE'} is not there")
    if torch_folder is None:
        print("PyTorch skipped: --torch FOLDER not given")
    else:
        try:
            found["torch"] = _torch(torch_folder, _layers(graph))
        except (ImportError, OSError) as wrong:
            print(f"PyTorch skipped: {wrong} (it comes with the training environment)")
    return found


def _onnx(graph: bytes) -> Contender:
    opened = session(graph, threads=1)
    names = [one.name for one in opened.get_inputs()]
    return lambda fed: opened.run(None, {name: fed[name] for name in names})


def _torch(folder: Path, layers: int) -> Contender:
    import torch

    from models.recipes.guard.net import shell

    torch.set_num_threads(1)
    net = shell(folder, layers).eval()

    def run(fed: Mapping[str, Any]) -> object:
        with torch.inference_mode():
            return net(**{name: torch.from_numpy(values) for name, values in fed.items()})

    return run


def _layers(graph: bytes) -> int:
    """The encoder's layers, by the names that an export gives its nodes."""
    return max(int(number) for number in re.findall(rb"layer\.(\d+)", graph)) + 1


def _print_passes(folder: Path, contenders: Mapping[str, Contender], seconds: float) -> None:
    manifest = read(folder)
    tokens = manifest.tokens()
    print("\nEncoder and all heads: milliseconds a text, and texts a second on one core")
    head = "".join(f"{name + ' ms':>12}{'texts/s':>9}" for name in contenders)
    ratios = "".join(f"{name + ' / int8':>14}" for name in contenders if name != "int8")
    print(f"{'tokens':>8}{'batch':>7}{head}{ratios}")
    toss = np.random.default_rng(0)
    for length in TOKENS:
        text = toss.integers(1_000, 2_000, length - 2).astype(np.int32)  # with [CLS] and [SEP] `length` tokens
        for rows in ROWS:
            passes = _passes(tokens, [tokens.windows(text, None, manifest.shape)] * rows, rows)
            spent = _side_by_side({name: _all(one, passes) for name, one in contenders.items()}, seconds)
            each = {name: one_s / rows for name, one_s in spent.items()}
            numbers = "".join(f"{one_s * 1e3:>12.2f}{1 / one_s:>9.0f}" for one_s in each.values())
            shares = "".join(f"{one_s / each['int8']:>14.2f}" for name, one_s in each.items() if name != "int8")
            print(f"{length:>8}{rows:>7}{numbers}{shares}", flush=True)


def _passes(tokens: Tokens, texts: Sequence[Sequence[Window]], rows_max: int) -> list[Mapping[str, Any]]:
    windows = [window for text in texts for window in text]
    chosen = batches([len(ids) for ids, _ in windows], rows_max, PASS_TOKENS_MAX)
    return [padded([windows[row] for row in rows], tokens.pad) for rows in chosen]


def _all(contender: Contender, passes: Sequence[Mapping[str, Any]]) -> Callable[[], object]:
    return lambda: [contender(one) for one in passes]


def _print_guard(guard: Guard, seconds: float) -> None:
    from proxy.sensitive.scan import scan

    text = (PROSE * 4)[:STAGE0_CHARS]
    item = Item(text, Role.RESPONSE, PROSE)
    spent = _side_by_side(
        {
            "stage 0": lambda: guard.look([item]),
            "stage 0 and PII": lambda: (guard.look([item]), scan(text)),
            "both stages, with its prompt": lambda: guard.score([item]),
        },
        seconds,
    )
    print(f"\nA response of {STAGE0_CHARS} characters, milliseconds")
    for name, one_s in spent.items():
        print(f"  {name:30}{one_s * 1e3:8.2f}")


def _print_memory(folder: Path) -> None:
    command = [sys.executable, "-c", MEMORY, str(folder), PROSE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"\nMemory skipped: {done.stderr.strip().splitlines()[-1]}")
        return
    before, loaded, used = map(float, done.stdout.split())
    print("\nResident memory of the analysis process, MiB")
    print(
        f"  without a model {before:.0f}, loaded {loaded:.0f}, after a text of {8 * len(PROSE)} characters {used:.0f}"
    )


def _side_by_side(contenders: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Median seconds of each, `seconds` in all for each, in turns."""
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    for one in contenders.values():
        one()
    for _ in range(ROUNDS):
        for name, one in contenders.items():
            until_s = time.perf_counter() + seconds / ROUNDS
            while not spent[name] or time.perf_counter() < until_s:
                begun_s = time.perf_counter()
                one()
                spent[name].append(time.perf_counter() - begun_s)
    return {name: median(some) for name, some in spent.items()}


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*:\s*(.*)", text)
    widths = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx_vnni") if f" {flag}" in text]
    return f"{name.group(1).strip() if name else 'an unknown processor'} ({', '.join(widths)})"


if __name__ == "__main__":
    main()
