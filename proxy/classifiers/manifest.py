"""`model.toml`: what a model folder says of itself, read and checked. docs/classifiers.md explains every key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from proxy.classifiers.contract import HAZARDS, Role, Stage
from proxy.classifiers.fields import ModelError, Table
from proxy.classifiers.pooling import Pool
from proxy.classifiers.tokens import Shape, Tokens

FILE: Final = "model.toml"
SCHEMA: Final = 1
BYTES_MAX: Final = 1_048_576
OWN_PREFIX: Final = "policy."  # signals that a team adds: "policy.medical_advice"

HAZARD: Final = "hazard"
TOPIC: Final = "topic"
REFUSAL_KIND: Final = "refusal_kind"
HEDGE: Final = "hedge"
RISK: Final[Mapping[Role, str]] = {
    Role.REQUEST: "prompt_harmful",
    Role.RESPONSE: "response_harmful",
    Role.OTHER: "unsafe",
}
SIGNALS: Final = frozenset(
    (
        *("toxicity", "hate", "violence", "self_harm", "sexual", "harassment", "unsafe", "response_harmful"),
        *("refusal", HEDGE, "prompt_harmful", "jailbreak", "injection"),
    )
)
CLASSES: Final[Mapping[str, frozenset[str] | None]] = {  # softmax heads and the labels they may have; None: any
    HAZARD: frozenset(HAZARDS),
    REFUSAL_KIND: frozenset({"complies", "partly", "refuses"}),
    TOPIC: None,
}

_FILE_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}")
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,63}")
_LABEL: Final = re.compile(r"\S(?:[^\n\r]{0,126}\S)?")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Kind(StrEnum):
    """How a head becomes probabilities."""

    BINARY = "binary"  # one column, sigmoid
    SOFTMAX = "softmax"  # a column for each label
    SUM = "sum"  # the summed probability of some labels of a softmax head, calibrated again


@dataclass(frozen=True, slots=True)
class Head:
    """One signal of a model.

    stage0, stage1, fused:  weights (of the encoder's logit, of stage 0's, constant) for each stage; the calibrated
                            logit is their weighted sum. A softmax head has no constant; a sum reads neither, but
                            the log odds that its softmax head gives its labels at that stage, in the first's place.
    threshold, alone:       of the fused score; of each stage without the other
    strict:                 of the fused score, for one false flag in 100,000 at most (response_harmful); 0 is none
    column, column0:        first column among the encoder's logits, among stage 0's (None: stage 0 has no such head)
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    roles: frozenset[Role]
    prompt: bool
    column: int
    column0: int | None
    pool: Pool
    stage0: tuple[float, float, float]
    stage1: tuple[float, float, float]
    fused: tuple[float, float, float]
    threshold: float
    false_positive_rate: float
    alone: tuple[float, float]
    of: str = ""
    strict: float = 0.0

    def threshold_at(self, stage: Stage) -> float:
        """From which probability on a stage raises the flag."""
        return self.threshold if stage is Stage.FUSED else self.alone[stage is Stage.STAGE1]

    @property
    def width(self) -> int:
        """Columns that the head reads itself."""
        return {Kind.BINARY: 1, Kind.SOFTMAX: len(self.labels), Kind.SUM: 0}[self.kind]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole `model.toml`. `files`: name -> SHA-256 in hex; `stage0`: name of its file, "" where there is none.

    `emoji_names`: it was trained on emoji as their names.
    """

    path: Path
    name: str
    version: str
    licence: str
    base: str
    created: str
    languages: tuple[str, ...]
    files: Mapping[str, str]
    encoder: str
    tokenizer: str
    emoji_names: bool
    embedding_dim: int
    shape: Shape
    stage0: str
    heads: tuple[Head, ...]

    def tokens(self) -> Tokens:
        """The tokenizer, read from the folder. Raises what `tokenizers` raises for a file that it cannot read."""
        return Tokens(self.path.parent / self.tokenizer, emoji_names=self.emoji_names)

    @property
    def identity(self) -> str:
        """What baselines and traces call it: "guard-small@1"."""
        return f"{self.name}@{self.version}"

    @property
    def columns(self) -> int:
        """Columns that the encoder's logits must have at least."""
        return max(head.column + head.width for head in self.heads)

    @property
    def columns0(self) -> int:
        """Columns that stage 0 must have at least."""
        return max((head.column0 + head.width for head in self.heads if head.column0 is not None), default=0)


def read(folder: Path) -> Manifest:
    """The manifest of a model folder. Raises ModelError."""
    path = folder / FILE
    try:
        if path.stat().st_size > BYTES_MAX:
            raise ModelError(path, f"longer than {BYTES_MAX} bytes", "this is not a model.toml")
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as wrong:
        raise ModelError(path, f"cannot be read ({wrong.strerror})", "name a folder that holds a model.toml") from None
    except ValueError as wrong:  # TOMLDecodeError and UnicodeDecodeError are such
        raise ModelError(path, f"is not TOML: {wrong}", "write it anew with `groundwire models add`") from None
    return _manifest(Table(path, "", values))


def _manifest(root: Table) -> Manifest:
    if root.number("schema") != SCHEMA:
        raise root.wrong("schema", f"is not {SCHEMA}", "the model was made for another version of Groundwire")
    files = root.table("files").every(_SHA256, "a SHA-256 in 64 hex digits")
    for name in files:
        if not _FILE_NAME.fullmatch(name):
            raise root.wrong(f"files.{name}", "is not a plain file name", "keep all files in the model's own folder")
    encoder = root.table("encoder")
    stage0 = root.table("stage0").listed("file", files) if "stage0" in root.values else ""
    found = Manifest(
        path=root.path,
        name=root.match("name", _NAME, "letters, digits, dots, dashes"),
        version=root.match("version", _NAME, "letters, digits, dots, dashes"),
        licence=root.text("licence"),
        base=root.text("base", ""),
        created=root.text("created", ""),
        languages=root.texts("languages"),
        files=files,
        encoder=encoder.listed("file", files),
        tokenizer=encoder.listed("tokenizer", files),
        emoji_names=encoder.flag("emoji_names"),
        embedding_dim=encoder.count("embedding_dim", 0, 16_384),  # 0: a brought model that gives none
        shape=_shape(encoder),
        stage0=stage0,
        heads=tuple(_head(one, has_stage0=bool(stage0)) for one in root.tables("head")),
    )
    encoder.spent()
    root.spent()
    _check_together(root, found)
    return found


def _shape(encoder: Table) -> Shape:
    shape = Shape(
        window=encoder.count("window", 16, 8_192),
        overlap=encoder.count("overlap", 0, 4_096),
        prompt=encoder.count("prompt", 0, 4_096),
        windows_max=encoder.count("windows_max", 1, 1_024),
    )
    if shape.window - shape.prompt - 3 <= shape.overlap:
        raise encoder.wrong(
            "window",
            f"{shape.window} tokens leave no room for text beside prompt and overlap",
            "window must exceed prompt + overlap + 3",
        )
    return shape


def _head(one: Table, *, has_stage0: bool) -> Head:
    kind = Kind(one.choice("kind", Kind))
    name = _signal(one, kind)
    is_sum, is_softmax = kind is Kind.SUM, kind is Kind.SOFTMAX
    column0 = one.count("column0", 0, 4_096) if "column0" in one.values else None
    if column0 is not None and not has_stage0:
        raise one.wrong("column0", "is given, but the model has no [stage0]", "leave it out, or add the table")
    of_ngrams = one.floats("stage0", 2, (0.0, 0.0))
    of_encoder = one.floats("stage1", 2)
    fused = one.floats("fused", 3)
    threshold = 1.0 if is_softmax else one.share("threshold")
    alone = one.floats("thresholds", 2, (threshold, threshold))
    head = Head(
        name=name,
        kind=kind,
        labels=_labels(one, kind, name),
        roles=frozenset(Role(role) for role in one.texts("roles", of=[role.value for role in Role])),
        prompt=one.flag("prompt"),
        column=0 if is_sum else one.count("column", 0, 4_096),
        column0=column0,
        pool=Pool(one.choice("pool", Pool)),
        # A sum has one input at every stage: the log odds that its softmax head gives its labels there.
        stage0=(of_ngrams[0], 0.0, of_ngrams[1])
        if is_sum
        else (0.0, of_ngrams[0], 0.0 if is_softmax else of_ngrams[1]),
        stage1=(of_encoder[0], 0.0, 0.0 if is_softmax else of_encoder[1]),
        fused=(fused[0], 0.0 if is_sum else fused[1], 0.0 if is_softmax else fused[2]),
        threshold=threshold,
        false_positive_rate=one.share("false_positive_rate", 0.0),
        alone=(alone[0], alone[1]),
        of=one.text("of") if is_sum else "",
        strict=one.share("strict", 0.0),
    )
    if is_softmax:
        one.share("threshold", 1.0)  # may stand there, means nothing
    one.spent()
    return head


def _signal(one: Table, kind: Kind) -> str:
    name = one.match("name", _NAME, "letters, digits, dots, dashes")
    known = CLASSES.keys() if kind is Kind.SOFTMAX else SIGNALS
    if name not in known and not name.startswith(OWN_PREFIX):
        raise one.wrong(
            "name", f"no {kind} signal is called {name!r}", f"one of {', '.join(sorted(known))}, or {OWN_PREFIX}NAME"
        )
    return name


def _labels(one: Table, kind: Kind, name: str) -> tuple[str, ...]:
    labels = one.texts("labels", required=kind is not Kind.BINARY)
    if kind is Kind.BINARY:
        if labels:
            raise one.wrong("labels", "a binary head has none", "leave them out")
        return ()
    if len(set(labels)) != len(labels) or len(labels) < (2 if kind is Kind.SOFTMAX else 1):
        raise one.wrong("labels", "too few, or one twice", "one distinct label for each column")
    allowed = CLASSES.get(name) if kind is Kind.SOFTMAX else None
    unknown = sorted(set(labels) - allowed) if allowed else [one for one in labels if not _LABEL.fullmatch(one)]
    if unknown:
        known = (
            f"known are {', '.join(sorted(allowed))}" if allowed else "a label is one line of at most 128 characters"
        )
        raise one.wrong("labels", f"unknown label {unknown[0]!r}", known)
    return labels


def _check_together(root: Table, found: Manifest) -> None:
    """What only the whole can show."""
    seen: set[tuple[str, Role]] = set()
    softmax = {head.name: head for head in found.heads if head.kind is Kind.SOFTMAX}
    for number, head in enumerate(found.heads):
        key = f"head[{number}] {head.name}"
        twice = seen & {(head.name, role) for role in head.roles}
        if twice:
            raise root.wrong(key, "a role has two heads of this name", "name one head for each signal and role")
        seen |= {(head.name, role) for role in head.roles}
        if head.kind is Kind.SUM:
            of = softmax.get(head.of)
            if of is None:
                raise root.wrong(f"{key}.of", f"no softmax head is called {head.of!r}", "name one of this file")
            if not set(head.labels) <= set(of.labels):
                raise root.wrong(f"{key}.labels", f"{head.of} has other labels", f"choose of {', '.join(of.labels)}")
