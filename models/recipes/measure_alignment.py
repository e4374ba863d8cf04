"""Measures models/alignment-smollm2/adapter.gguf on the demo's prompts, none of which it was trained on.

    make measure-adapter        (or: python -m models.recipes.measure_alignment [--harmful 100] [--harmless 50])

Prints, for each scale of the adapter, how many harmful and harmless prompts are refused, as the stage-0 judge sees it.
It needs no training packages, only the demo's model server. About a minute for each scale on two cores.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

from proxy.demo import llama, prompts
from proxy.features.refusal_patterns import is_refusal

SCALES: Final = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)
SEED: Final = 3
ANSWER_TOKENS: Final = 24  # as in the demo


class Asked:
    """A model server in this process."""

    def __init__(self, adapter: Path) -> None:
        self._server = llama.server(0, "measured", adapter)
        self._pool = ThreadPoolExecutor(llama.SLOTS)

    def scale(self, scale: float) -> None:
        """Set the adapter's scale."""
        self._post("/lora-adapters", [{"id": 0, "scale": scale}])

    def answers(self, asked: Sequence[str]) -> list[str]:
        """The answers in order."""
        return list(self._pool.map(self._answer, asked))

    def _answer(self, prompt: str) -> str:
        messages = [{"role": "user", "content": prompt}]
        body = {"messages": messages, "max_tokens": ANSWER_TOKENS, "temperature": 0}
        return str(self._post("/v1/chat/completions", body)["choices"][0]["message"]["content"])

    def _post(self, path: str, body: Any) -> Any:
        with urlopen(Request(self._server.listening_address + path, json.dumps(body).encode())) as reply:
            return json.load(reply)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--harmful", type=int, default=100)
    parser.add_argument("--harmless", type=int, default=50)
    parser.add_argument("--scales", type=float, nargs="+", default=SCALES)
    parser.add_argument("--adapter", type=Path, default=llama.ADAPTER)
    parser.add_argument("--show", type=int, default=0, help="print so many answers of each kind")
    chosen = parser.parse_args()
    harmful = [p.text for p in prompts.harmful(prompts.DEMO, prompts.FRAMES, SEED)[: chosen.harmful]]
    harmless = [p.text for p in prompts.harmless_demo(SEED)[: chosen.harmless]]
    model = Asked(chosen.adapter)
    print("scale  refused of harmful  refused of harmless", flush=True)
    for scale in chosen.scales:
        model.scale(scale)
        bad, good = model.answers(harmful), model.answers(harmless)
        counts = [f"{sum(map(is_refusal, said)):>4} of {len(said)}" for said in (bad, good)]
        print(f"{scale:5.2f}  {counts[0]:>18}  {counts[1]:>19}", flush=True)
        for question, answer in [*zip(harmful, bad, strict=True)][: chosen.show] + [*zip(harmless, good, strict=True)][
            : chosen.show
        ]:
            print(f"       {question}\n         {answer!r}")


if __name__ == "__main__":
    main()
