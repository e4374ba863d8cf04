"""The original model, run by transformers: its labels, its tokenizer, what it says of a text. Comes with `train`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from proxy.classifiers.adding.labels import Activation
from proxy.classifiers.adding.source import SourceError
from proxy.classifiers.adding.special_tokens import renamed

POSITIONS_UNKNOWN: Final = 512


@dataclass(frozen=True, slots=True)
class Original:
    """A sequence-classification model in a folder, loaded."""

    folder: Path
    model: Any
    tokenizer: Any

    @classmethod
    def load(cls, folder: Path) -> Original:
        """Raises SourceError. Code that a model brings is never run."""
        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
            _check(folder, config)
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, use_fast=True)
            model = AutoModelForSequenceClassification.from_pretrained(folder, config=config, local_files_only=True)
        except SourceError:
            raise
        except Exception as wrong:  # torch, safetensors, tokenizers and transformers each raise their own
            raise SourceError(f"{folder}: is no model that transformers can load: {_short(wrong)}") from wrong
        if not tokenizer.is_fast:
            raise SourceError(f"{folder}: has no tokenizer.json, and none can be made for it; save a fast tokenizer")
        return cls(folder, model.float().eval(), tokenizer)

    @property
    def labels(self) -> list[str]:
        """By column."""
        names = self.model.config.id2label
        return [str(names[column]) for column in sorted(names)]

    @property
    def activation(self) -> Activation:
        """As transformers' own pipeline decides it."""
        config = self.model.config
        several = config.problem_type == "multi_label_classification" or config.num_labels == 1
        return Activation.SIGMOID if several else Activation.SOFTMAX

    @property
    def family(self) -> str:
        """Such as "bert"."""
        return str(self.model.config.model_type)

    @property
    def positions(self) -> int:
        """The most tokens of one pass, special ones counted."""
        config = self.model.config
        stated = min(int(getattr(config, "max_position_embeddings", 0) or POSITIONS_UNKNOWN), 8_192)
        # RoBERTa and its kin begin to count positions behind their padding token.
        offset = config.pad_token_id + 1 if "roberta" in self.family or self.family in {"camembert", "mpnet"} else 0
        return min(stated - offset, int(self.tokenizer.model_max_length))

    def tokenizer_json(self) -> str:
        """Its tokenizer.json, with special tokens called as Groundwire calls them. Raises TokenizerError."""
        names = {"cls": self.tokenizer.cls_token, "sep": self.tokenizer.sep_token, "pad": self.tokenizer.pad_token}
        return json.dumps(renamed(json.loads(self.tokenizer.backend_tokenizer.to_str()), names), ensure_ascii=False)

    def ids(self, text: str) -> list[int]:
        """Token numbers with special tokens, uncut."""
        return [int(number) for number in self.tokenizer(text, truncation=False)["input_ids"]]

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [n, labels], each text alone and uncut."""
        with torch.no_grad():
            return np.stack([self.model(**self._inputs(text)).logits[0].numpy() for text in texts])

    def _inputs(self, text: str) -> dict[str, Any]:
        """Those of the tokenizer's outputs that the model takes: a BERT tokenizer may serve a DistilBERT."""
        taken = inspect.signature(self.model.forward).parameters
        return {name: value for name, value in self.tokenizer(text, return_tensors="pt").items() if name in taken}


def _check(folder: Path, config: Any) -> None:
    if not any("SequenceClassification" in name for name in config.architectures or []):
        stated = ", ".join(config.architectures or ["nothing"])
        raise SourceError(
            f"{folder}: its config.json states {stated}; only sequence-classification models can be added"
        )
    if config.problem_type == "regression":
        raise SourceError(f"{folder}: is a regression; its outputs are no probabilities")


def _short(wrong: Exception) -> str:
    return " ".join(str(wrong).split())[:300]
