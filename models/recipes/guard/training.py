"""The loop: masked losses over many heads, a teacher where there is one, checkpoints that resume."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from models.recipes.guard.batches import Encoded, batches
from models.recipes.guard.heads import HEADS, offsets
from models.recipes.guard.net import GuardNet
from proxy.classifiers.tokens import Tokens

CHECKPOINT_S: Final = 180.0
SAID_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """One stage of training. `passes` over `order`; rates per step; the teacher's part of the loss."""

    name: str
    passes: float
    encoder_rate: float = 1e-4
    head_rate: float = 1e-3
    warm_up: float = 0.06
    teacher_share: float = 0.0
    seed: int = 7


def train(
    net: GuardNet,
    data: Encoded,
    tokens: Tokens,
    order_of: Callable[[int], Sequence[int]],
    schedule: Schedule,
    folder: Path,
    teacher: GuardNet | None = None,
) -> None:
    """Train in place. `order_of(pass)`: the rows of a pass. Resumes from the stage's checkpoint, if any."""
    torch.manual_seed(schedule.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    net.to(device).train()
    if teacher is not None:
        teacher.to(device).eval()
    optimisers, rates = _optimisers(net, schedule)
    plan = list(_plan(data, tokens, order_of, schedule.passes, schedule.seed))
    checkpoint, step = folder / f"{schedule.name}.checkpoint.pt", 0
    if checkpoint.is_file():
        step = _resume(checkpoint, net, optimisers)
    begin_s = said_s = kept_s = time.monotonic()
    done, loss_sum, tokens_seen = step, 0.0, 0
    for number in range(step, len(plan)):
        numbers, inputs = plan[number]
        share = number / len(plan)
        for optimiser, rate in zip(optimisers, rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * _rate(share, schedule.warm_up)
        loss = _step(net, teacher, data, numbers, inputs, schedule.teacher_share, device)
        loss.backward()
        nn.utils.clip_grad_norm_([p for p in net.parameters() if p.grad is not None and not p.grad.is_sparse], 1.0)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        loss_sum += float(loss)
        tokens_seen += int(inputs["attention_mask"].sum())
        now_s = time.monotonic()
        if now_s - said_s > SAID_S:
            speed = tokens_seen / (now_s - begin_s)
            left_s = (now_s - begin_s) / (number + 1 - step) * (len(plan) - number - 1)
            _say(f"{schedule.name} {number + 1}/{len(plan)} loss {loss_sum / (number + 1 - done):.4f} "
                 f"{speed:.0f} tokens/s, {left_s / 60:.0f} min left")  # fmt: skip
            said_s, done, loss_sum = now_s, number + 1, 0.0
        if now_s - kept_s > CHECKPOINT_S:
            _keep(checkpoint, net, optimisers, number + 1)
            kept_s = now_s
    torch.save(net.state_dict(), folder / f"{schedule.name}.pt")
    checkpoint.unlink(missing_ok=True)
    net.eval()


def _plan(
    data: Encoded, tokens: Tokens, order_of: Callable[[int], Sequence[int]], passes: float, seed: int
) -> Iterator[tuple[Any, Any]]:
    for number in range(math.ceil(passes)):
        order = order_of(number)
        share = min(passes - number, 1.0)
        found = list(batches(data, tokens, order, seed * 1_000 + number))
        yield from found[: max(int(len(found) * share), 1)]


def _optimisers(net: GuardNet, schedule: Schedule) -> tuple[list[Any], list[float]]:
    """Word embeddings learn by sparse steps: a batch holds a hundredth of the vocabulary."""
    words = net.encoder.embeddings.word_embeddings
    words.sparse = True
    rest = [p for n, p in net.encoder.named_parameters() if p is not words.weight]
    dense = torch.optim.AdamW(
        [{"params": rest, "lr": schedule.encoder_rate}], lr=schedule.encoder_rate, weight_decay=0.01, fused=True
    )
    heads = torch.optim.AdamW(net.heads.parameters(), lr=schedule.head_rate, weight_decay=0.01)
    sparse = torch.optim.SparseAdam([words.weight], lr=schedule.encoder_rate)
    return [dense, heads, sparse], [schedule.encoder_rate, schedule.head_rate, schedule.encoder_rate]


def _rate(share: float, warm_up: float) -> float:
    return share / warm_up if share < warm_up else (1.0 - share) / (1.0 - warm_up) * 0.95 + 0.05


def _step(
    net: GuardNet, teacher: GuardNet | None, data: Encoded, numbers: Any, inputs: Any, teacher_share: float, device: str
) -> Tensor:
    tensors = {name: torch.from_numpy(value).to(device) for name, value in inputs.items()}
    _, logits = net(**tensors)
    labels = torch.from_numpy(data.labels[numbers]).to(device)
    loss = hard_loss(logits, labels)
    if teacher is None or not teacher_share:
        return loss
    with torch.no_grad():
        _, wanted = teacher(**tensors)
    roles = [data.rows[int(number)].role for number in numbers]
    return (1.0 - teacher_share) * loss + teacher_share * soft_loss(logits, wanted, roles)


def hard_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over the known labels of each head, weighted by head; logits [batch, columns], labels [batch, heads]."""
    total, at = logits.sum() * 0.0, offsets()
    size = float(len(labels))
    for number, head in enumerate(HEADS):
        known = ~torch.isnan(labels[:, number])
        if not known.any():
            continue
        column, wanted = at[head.name], labels[known, number]
        if head.labels:
            part = logits[known, column : column + head.columns]
            losses = nn.functional.cross_entropy(part, wanted.long(), reduction="sum", label_smoothing=0.03)
        else:
            losses = nn.functional.binary_cross_entropy_with_logits(logits[known, column], wanted, reduction="sum")
        total = total + head.weight * losses / size
    return total


def soft_loss(logits: Tensor, wanted: Tensor, roles: Sequence[str]) -> Tensor:
    """Cross-entropy with the teacher's probabilities, for all heads that a row's role has; labelled or not."""
    total, at = logits.sum() * 0.0, offsets()
    for head in HEADS:
        asked = torch.tensor([role in head.roles for role in roles], device=logits.device)
        if not asked.any():
            continue
        column = slice(at[head.name], at[head.name] + head.columns)
        mine, his = logits[asked, column], wanted[asked, column]
        if head.labels:
            losses = -(his.softmax(-1) * mine.log_softmax(-1)).sum()
        else:
            losses = nn.functional.binary_cross_entropy_with_logits(mine, his.sigmoid(), reduction="sum")
        total = total + head.weight * losses / float(len(roles))
    return total


def _keep(path: Path, net: GuardNet, optimisers: list[Any], step: int) -> None:
    held = {"net": net.state_dict(), "optimisers": [one.state_dict() for one in optimisers], "step": step}
    torch.save(held, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def _resume(path: Path, net: GuardNet, optimisers: list[Any]) -> int:
    held = torch.load(path, weights_only=False)
    net.load_state_dict(held["net"])
    for one, state in zip(optimisers, held["optimisers"], strict=True):
        one.load_state_dict(state)
    _say(f"resumed at step {held['step']}")
    return int(held["step"])


def _say(text: str) -> None:
    print(json.dumps(text)[1:-1], flush=True)


def logits_of(
    net: GuardNet, windows: Sequence[Any], tokens: Tokens, batch_tokens: int = 8_192
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and logits of windows, in order; for measuring, not for training."""
    from proxy.classifiers.tokens import padded

    device = next(net.parameters()).device
    order = sorted(range(len(windows)), key=lambda number: len(windows[number][0]))
    embeddings: list[Any] = [None] * len(order)
    logits: list[Any] = [None] * len(order)
    at = 0
    with torch.inference_mode():
        while at < len(order):
            longest_allowed = len(windows[order[min(at + 63, len(order) - 1)]][0])
            size = max(min(64, batch_tokens // max(longest_allowed, 1)), 1)
            group = order[at : at + size]
            inputs = {
                k: torch.from_numpy(v).to(device) for k, v in padded([windows[n] for n in group], tokens.pad).items()
            }
            found = net(**inputs)
            for row, number in enumerate(group):
                embeddings[number], logits[number] = found[0][row].cpu().numpy(), found[1][row].cpu().numpy()
            at += size
    return np.stack(embeddings), np.stack(logits)
