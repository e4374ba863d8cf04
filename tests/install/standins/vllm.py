"""`vllm serve` without a GPU: the flags of docs/install/vllm.md, a synthetic server of its shape behind.

The flags and the keys of a LoRA module are those of vLLM's `FrontendArgs` and `LoRAModulePath`. That vLLM itself starts
with them is not shown by this.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Mapping

from aiohttp import web

from proxy.demo.synthetic import Served, Synthetic, make_app

MODULE = frozenset({"name", "path", "base_model_name"})


def lora_module(text: str) -> Mapping[str, str]:
    """A module as JSON, or as NAME=PATH. Raises ValueError."""
    if "{" not in text:
        name, _, path = text.partition("=")
        return {"name": name, "path": path}
    module = json.loads(text)
    if unknown := set(module) - MODULE:
        raise ValueError(f"vLLM knows no {sorted(unknown)}")
    return {str(key): str(value) for key, value in module.items()}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="vllm", allow_abbrev=False)
    serve = parser.add_subparsers(required=True).add_parser("serve", allow_abbrev=False)
    serve.add_argument("model_tag")
    serve.add_argument("--port", type=int, default=8000)
    serve.add_argument("--enable-lora", action="store_true")
    serve.add_argument("--lora-modules", type=lora_module, nargs="+", default=[])
    args = parser.parse_args()
    if args.lora_modules and not args.enable_lora:
        parser.error("--lora-modules needs --enable-lora")
    return args


async def main(args: argparse.Namespace) -> None:
    """Serve until the process is ended. An adapter without the name of a served base has the first one as parent."""
    models = {args.model_tag: Served(args.model_tag, args.model_tag)}
    for one in args.lora_modules:
        parent = one.get("base_model_name", "")
        models[one["name"]] = Served(one["name"], one["path"], parent if parent in models else args.model_tag)
    runner = web.AppRunner(make_app(Synthetic(models)), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", args.port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(arguments()))
