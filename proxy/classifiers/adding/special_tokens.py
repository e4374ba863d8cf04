"""Gives a tokenizer's special tokens the names that Groundwire looks for.

Families call the same thing differently: BERT [CLS] and [SEP], RoBERTa and XLM-R <s> and </s>. Only names change; every
number stays, and texts are cut as before.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from proxy.core.errors import GroundwireError

WANTED: Final = {"cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]"}


class TokenizerError(GroundwireError):
    """A tokenizer that cannot be used."""


def renamed(document: Mapping[str, Any], names: Mapping[str, str | None]) -> dict[str, Any]:
    """A tokenizer.json with its special tokens renamed, without truncation, padding and template.

    names: what the tokenizer calls `cls`, `sep` and `pad`. Raises TokenizerError.
    """
    changed = copy.deepcopy(dict(document))
    changed.update(truncation=None, padding=None, post_processor=None)
    for kind, wanted in WANTED.items():
        name = names.get(kind)
        if not name:
            raise TokenizerError(
                f"the tokenizer has no {kind} token: Groundwire takes encoders (BERT, RoBERTa, DeBERTa, ELECTRA, "
                f"DistilBERT, MPNet, XLM-R and the like), not decoders with a classification head"
            )
        if name != wanted:
            _rename(changed, name, wanted)
    return changed


def _rename(document: dict[str, Any], name: str, wanted: str) -> None:
    model = document["model"]
    if wanted in _tokens(document):
        raise TokenizerError(f"the tokenizer has an ordinary token {wanted!r} besides its special {name!r}")
    for added in document.get("added_tokens", []):
        if added["content"] == name:
            added["content"] = wanted
    vocabulary = model["vocab"]
    if isinstance(vocabulary, list):  # Unigram: [piece, score] by number
        model["vocab"] = [[wanted if piece == name else piece, score] for piece, score in vocabulary]
    else:
        model["vocab"] = {wanted if token == name else token: number for token, number in vocabulary.items()}
    if model.get("unk_token") == name:
        model["unk_token"] = wanted


def _tokens(document: Mapping[str, Any]) -> set[str]:
    vocabulary = document["model"]["vocab"]
    listed = {piece for piece, _ in vocabulary} if isinstance(vocabulary, list) else set(vocabulary)
    return listed | {added["content"] for added in document.get("added_tokens", [])}
