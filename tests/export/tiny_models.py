"""Writes tiny untrained Hugging Face models of three families into a folder. Runs where torch is.

python -m tests.export.tiny_models FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import RobertaProcessing, TemplateProcessing
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
)

WORDS = [
    *("the", "a", "you", "i", "to", "of", "is", "not", "can", "help", "with", "that", "stupid", "kill", "thank", "how"),
    *("do", "people", "good", "bad", "it", "one", "step", "time"),
]
SMALL: dict[str, Any] = {"vocab_size": len(WORDS) + 4, "initializer_range": 0.2}
SIZES: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def main(root: Path) -> None:
    """All of them."""
    torch.manual_seed(0)
    three = {0: "neutral", 1: "Toxic", 2: "threat"}
    bert = BertForSequenceClassification(BertConfig(**SMALL, **SIZES, max_position_embeddings=96, id2label=three))
    _save(bert, _bert_tokenizer(), root / "bert")
    (root / "bert" / "README.md").write_text("---\nlicense: mit\n---\n# A tiny model\n")

    four = {0: "hate", 1: "insult", 2: "threat", 3: "other"}
    roberta = RobertaConfig(
        **SMALL,
        **SIZES,
        max_position_embeddings=98,
        type_vocab_size=1,
        pad_token_id=1,
        id2label=four,
        problem_type="multi_label_classification",
    )
    _save(RobertaForSequenceClassification(roberta), _roberta_tokenizer(), root / "roberta")

    distil = DistilBertConfig(
        **SMALL,
        dim=32,
        n_layers=2,
        n_heads=2,
        hidden_dim=64,
        max_position_embeddings=96,
        id2label={0: "SAFE", 1: "unsafe"},
    )
    _save(DistilBertForSequenceClassification(distil), _bert_tokenizer(), root / "distilbert")
    _save(BertModel(BertConfig(**SMALL, **SIZES)), _bert_tokenizer(), root / "no-classifier")


def _save(model: Any, tokenizer: Any, folder: Path) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _words(special: list[str], unknown: str) -> Tokenizer:
    made = Tokenizer(WordLevel({word: at for at, word in enumerate([*special, *WORDS])}, unk_token=unknown))
    made.normalizer = Lowercase()
    made.pre_tokenizer = Whitespace()
    return made


def _bert_tokenizer() -> Any:
    made = _words(["[PAD]", "[UNK]", "[CLS]", "[SEP]"], "[UNK]")
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        model_max_length=96,
    )


def _roberta_tokenizer() -> Any:
    made = _words(["<s>", "<pad>", "</s>", "<unk>"], "<unk>")
    made.post_processor = RobertaProcessing(("</s>", 2), ("<s>", 0))
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="<unk>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        model_max_length=96,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
