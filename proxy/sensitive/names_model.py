"""The name tagger's file, and what it says of rows: a linear model over hashed features, by array arithmetic.

`names.npz` holds: `hashes` uint32 [n] ascending and `flags` uint8 [n], the lexicon; `weights` int8 [2**BITS, classes]
and `scale` float32 [classes], the model. The lexicon knows words by their hash alone.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from proxy.core.errors import GroundwireError
from proxy.sensitive.names_features import COLUMNS

CLASSES: Final = ("other", "PERSON", "GPE", "organisation")
BITS: Final = 17
FILE: Final = Path(__file__).parent / "names.npz"

# Bits of a word's flags in the lexicon.
GIVEN, GIVEN_COMMON, FAMILY, FAMILY_COMMON, PLACE, PLACE_COMMON = (1 << bit for bit in range(6))
USAGE_SHIFT: Final = 6  # two bits: 0 unseen, 1 mostly capitalised, 2 mostly lower case, 3 nearly always lower case

_COLUMN: Final = {name: at for at, name in enumerate(COLUMNS)}
_ALL: Final = (*COLUMNS, "flags", "flags_before", "flags_after", "names", "names_before", "names_after")
# Features: columns hashed together. A name is told by what it is, what stands around it, and both.
FEATURES: Final[tuple[tuple[str, ...], ...]] = (
    ("word",), ("ending",), ("shape",), ("flags",), ("before",), ("after",), ("before2",), ("after2",),
    ("first",), ("last",), ("before", "before2"), ("after", "after2"), ("before", "after"), ("mark_before",),
    ("mark_after",), ("mark_before", "mark_after"), ("flags", "shape"), ("flags", "mark_before"),
    ("flags", "before"), ("flags", "after"), ("flags", "mark_after"), ("flags", "place_in_run"),
    ("flags_before", "flags"), ("flags", "flags_after"), ("names_before", "names", "names_after"),
    ("names", "place_in_run", "mark_before"), ("names", "before"), ("names", "after"), ("names", "last"),
    ("names", "first"), ("shape", "before"), ("place_in_run", "shape"),
)  # fmt: skip


class NamesFileError(GroundwireError):
    """The tagger's file cannot be used; the message says what and where."""


@dataclass(frozen=True, slots=True)
class NamesModel:
    """Loaded once, read only."""

    hashes: NDArray[np.uint32]
    flags: NDArray[np.uint8]
    weights: NDArray[np.int8]
    scale: NDArray[np.float32]

    def flags_of(self, words: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """The lexicon's flags of hashed words [n]; 0 of those it does not know."""
        at = np.minimum(np.searchsorted(self.hashes, words), len(self.hashes) - 1)
        return np.where(self.hashes[at] == words, self.flags[at], 0).astype(np.uint32)

    def probabilities(self, rows: NDArray[np.uint32], joined: NDArray[np.bool_]) -> NDArray[np.float32]:
        """[n, classes] for rows [n, columns]; joined [n]: whether a row's word stands in a run with the one before."""
        known = self.flags_of(rows[:, _COLUMN["word"]])
        logits = self.weights.take(features(rows, known, joined), axis=0).sum(axis=1, dtype=np.int32) * self.scale
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def features(rows: NDArray[np.uint32], flags: NDArray[np.uint32], joined: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Indices into the weights [n, features]. rows [n, columns], flags [n] and joined [n] of the same words."""
    parts = _columns(rows, flags, joined).take(_PARTS, axis=1)
    hashed = np.broadcast_to(_FIRST_TERM, (len(rows), len(FEATURES))).copy()
    for term in range(_TERMS):
        hashed ^= parts[:, term]
        hashed *= np.uint32(0x9E3779B1)
        hashed ^= hashed >> np.uint32(15)
    hashed >>= np.uint32(32 - BITS)
    return hashed


def _columns(rows: NDArray[np.uint32], flags: NDArray[np.uint32], joined: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """The rows with what the lexicon says of each word and of its neighbours in the run; the last column is empty."""
    width = rows.shape[1]
    columns = np.zeros((len(rows), len(_ALL) + 1), np.uint32)
    columns[:, :width] = rows
    columns[:, width] = flags
    columns[:, width + 1 : width + 3] = _ALONE
    columns[1:, width + 1] = np.where(joined[1:], flags[:-1], _ALONE)
    columns[:-1, width + 2] = np.where(joined[1:], flags[1:], _ALONE)
    columns[:, width + 3 : width + 6] = columns[:, width : width + 3] & _KIND
    return columns


_ALONE: Final = np.uint32(256)  # in place of a neighbour's flags
_KIND: Final = np.uint32(0x11F)  # flags without how common a word is
_TERMS: Final = max(map(len, FEATURES))
_PARTS: Final = np.array(
    [[_ALL.index(names[term]) if term < len(names) else len(_ALL) for names in FEATURES] for term in range(_TERMS)]
)
_FIRST_TERM: Final = np.arange(1, len(FEATURES) + 1, dtype=np.uint32) * np.uint32(0x85EBCA6B)


@cache
def bundled() -> NamesModel:
    """The tagger that ships with the package. Raises NamesFileError."""
    return load(FILE)


def load(path: Path) -> NamesModel:
    """A tagger's file, checked. Raises NamesFileError."""
    try:
        with np.load(path, allow_pickle=False) as held:
            model = NamesModel(held["hashes"], held["flags"], held["weights"], held["scale"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise NamesFileError(f"{path}: no name tagger ({error}); restore the file, or scan with names=False") from error
    _check(path, model)
    return model


def _check(path: Path, model: NamesModel) -> None:
    wanted: dict[str, tuple[NDArray[Any], type[np.generic], tuple[int, ...]]] = {
        "hashes": (model.hashes, np.uint32, (len(model.hashes),)),
        "flags": (model.flags, np.uint8, (len(model.hashes),)),
        "weights": (model.weights, np.int8, (1 << BITS, len(CLASSES))),
        "scale": (model.scale, np.float32, (len(CLASSES),)),
    }
    for name, (array, kind, shape) in wanted.items():
        if array.dtype != kind or array.shape != shape or not array.size:
            raise NamesFileError(f"{path}: {name} is {array.dtype} {array.shape}; a tagger has {kind.__name__} {shape}")
