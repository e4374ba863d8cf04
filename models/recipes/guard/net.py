"""The network: a BERT encoder, three ways to pool the text's own segment, one linear layer for all heads.

Pooling over segment 1 where it exists makes the prompt context: attention sees it, the pooled numbers do not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel

from models.recipes.guard.heads import COLUMNS


class GuardNet(nn.Module):  # type: ignore[misc]
    """Inputs int64 [batch, tokens]; out come embedding float32 [batch, dim] and logits float32 [batch, columns]."""

    def __init__(self, encoder: Any, columns: int = COLUMNS) -> None:
        super().__init__()
        self.encoder = encoder
        self.config = encoder.config
        self.heads = nn.Linear(3 * encoder.config.hidden_size, columns)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding of length 1, and the logits of all heads."""
        hidden = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        own = token_type_ids.amax(dim=1, keepdim=True)
        mask = (attention_mask * (token_type_ids == own)).unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1.0)
        highest = (hidden * mask - 1e4 * (1.0 - mask)).amax(dim=1)
        logits = self.heads(torch.cat([mean, highest, hidden[:, 0]], dim=-1))
        return nn.functional.normalize(mean, dim=-1), logits


def pretrained(folder: Path) -> GuardNet:
    """The encoder as its makers published it, without dropout: two short passes overfit little, and dropout is slow."""
    encoder = AutoModel.from_pretrained(
        folder, attn_implementation="sdpa", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        add_pooling_layer=False,
    )  # fmt: skip
    return GuardNet(encoder)


def shell(folder: Path, layers: int) -> GuardNet:
    """A network of the published encoder's shape with `layers` layers, weights at random."""
    config = AutoConfig.from_pretrained(folder)
    config.num_hidden_layers = layers
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    return GuardNet(AutoModel.from_config(config, attn_implementation="sdpa", add_pooling_layer=False))


def thinned(teacher: GuardNet, folder: Path, layers: tuple[int, ...]) -> GuardNet:
    """A student that begins as some of its teacher's layers (Sanh et al. 2019, section 3)."""
    student = shell(folder, len(layers))
    student.encoder.embeddings.load_state_dict(teacher.encoder.embeddings.state_dict())
    for to, source in enumerate(layers):
        student.encoder.encoder.layer[to].load_state_dict(teacher.encoder.encoder.layer[source].state_dict())
    student.heads.load_state_dict(teacher.heads.state_dict())
    return student
