"""Which of a model's labels mean which signal: a small TOML file, checked against both.

licence = "mit"                      # optional; else what the model's own README states
languages = ["en"]                   # optional; ["*"] is any
activation = "softmax"               # optional; else what the model's configuration says: softmax | sigmoid
[labels]
toxic = "toxicity"                   # label of the model = signal; several labels may be one signal
threat = "violence"
[thresholds]
toxicity = 0.8                       # optional; else 0.5
[roles]
toxicity = ["response"]              # optional; else the roles that the signal has elsewhere
[prompts]
response_harmful = true              # optional: the model reads the prompt before the text
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from proxy.classifiers.contract import Role
from proxy.classifiers.fields import ModelError, Table
from proxy.classifiers.manifest import OWN_PREFIX, SIGNALS

THRESHOLD: Final = 0.5
ENGLISH: Final = ("en",)

_ALL: Final = tuple(Role)
_REQUEST: Final = (Role.REQUEST,)
_ROLES: Final[Mapping[str, tuple[Role, ...]]] = {
    "response_harmful": (Role.RESPONSE,),
    "refusal": (Role.RESPONSE,),
    "hedge": (Role.RESPONSE, Role.OTHER),
    "prompt_harmful": _REQUEST,
    "jailbreak": _REQUEST,
    "injection": _REQUEST,
}


class Activation(StrEnum):
    """What makes a model's logits probabilities."""

    SOFTMAX = "softmax"  # one label holds
    SIGMOID = "sigmoid"  # each label holds or not


@dataclass(frozen=True, slots=True)
class Mapped:
    """A signal and the model's columns that feed it: their summed softmax, or the largest of their sigmoids."""

    signal: str
    columns: tuple[int, ...]
    roles: tuple[Role, ...]
    threshold: float = THRESHOLD
    prompt: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a model's labels. `licence` is "" where the file does not say."""

    labels: tuple[str, ...]
    activation: Activation
    signals: tuple[Mapped, ...]
    languages: tuple[str, ...] = ENGLISH
    licence: str = ""

    @property
    def unused(self) -> list[str]:
        """Labels that feed no signal."""
        used = {column for one in self.signals for column in one.columns}
        return [label for column, label in enumerate(self.labels) if column not in used]


def read(path: Path, labels: Sequence[str], activation: Activation) -> Plan:
    """The plan of a file for a model with these labels, in the order of its columns. Raises ModelError."""
    try:
        root = Table(path, "", tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as wrong:
        raise ModelError(path, f"cannot be read ({wrong.strerror})", "--labels names a TOML file") from None
    except ValueError as wrong:
        raise ModelError(
            path, f"is not TOML: {wrong}", 'write lines such as  toxic = "toxicity"  below [labels]'
        ) from None
    return _plan(root, tuple(labels), activation)


def guessed(model: str, labels: Sequence[str], activation: Activation) -> Plan:
    """The plan where there is no file: labels that are called like signals. Raises ModelError where none is."""
    signals = {name: label for label in labels if (name := _normal(label)) in SIGNALS}
    values = {"labels": {label: name for name, label in signals.items()}}
    if not signals:
        mend = f'give --labels FILE with  [labels]  and lines such as  "{labels[0]}" = "toxicity"; {_known()}'
        raise ModelError(model, f"its labels ({', '.join(labels)}) are no signals by name", mend)
    return _plan(Table(Path(model), "", values), tuple(labels), activation)


def probabilities(logits: NDArray[np.floating], plan: Plan) -> NDArray[np.float64]:
    """What a model's own logits [n, labels] say of the plan's signals: float64 [n, signals]."""
    wide = logits.astype(np.float64)
    if plan.activation is Activation.SIGMOID:
        each = 1 / (1 + np.exp(-wide))
        return np.stack([each[:, one.columns].max(axis=1) for one in plan.signals], axis=1)
    powers = np.exp(wide - wide.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    return np.stack([shares[:, one.columns].sum(axis=1) for one in plan.signals], axis=1)


def _plan(root: Table, labels: tuple[str, ...], activation: Activation) -> Plan:
    columns = _columns(root.table("labels"), labels)
    thresholds, roles, prompts = (_of_signals(root, key, columns) for key in ("thresholds", "roles", "prompts"))
    said = Activation(root.choice("activation", Activation)) if "activation" in root.values else activation
    plan = Plan(
        labels=labels,
        activation=said,
        signals=tuple(
            Mapped(
                signal=signal,
                columns=tuple(found),
                roles=_roles(roles, signal),
                threshold=thresholds.share(signal, THRESHOLD),
                prompt=prompts.flag(signal),
            )
            for signal, found in columns.items()
        ),
        languages=root.texts("languages", required=False) or ENGLISH,
        licence=root.text("licence", ""),
    )
    for table in (root, thresholds, roles, prompts):
        table.spent()
    _check(root, plan)
    return plan


def _columns(table: Table, labels: tuple[str, ...]) -> dict[str, list[int]]:
    """Signal -> columns, in the order of the file."""
    columns: dict[str, list[int]] = {}
    for label in table.values:
        if label not in labels:
            raise table.wrong(label, "the model has no such label", f"it has {', '.join(labels)}")
        signal = table.text(label)
        if signal not in SIGNALS and not (signal.startswith(OWN_PREFIX) and len(signal) > len(OWN_PREFIX)):
            raise table.wrong(label, f"no signal is called {signal!r}", _known())
        columns.setdefault(signal, []).append(labels.index(label))
    if not columns:
        raise table.wrong("", "maps no label", f'write lines such as  "{labels[0]}" = "toxicity"')
    return columns


def _of_signals(root: Table, key: str, columns: Mapping[str, object]) -> Table:
    """A table whose keys are signals of this file; an empty one where it is absent."""
    table = root.table(key) if key in root.values else Table(root.path, f"{key}.", {})
    for signal in table.values:
        if signal not in columns:
            raise table.wrong(signal, "no label is mapped to this signal", f"mapped are {', '.join(columns)}")
    return table


def _roles(table: Table, signal: str) -> tuple[Role, ...]:
    if signal not in table.values:
        return _ROLES.get(signal, _ALL)
    return tuple(Role(name) for name in table.texts(signal, of=[role.value for role in Role]))


def _check(root: Table, plan: Plan) -> None:
    if plan.activation is Activation.SOFTMAX:
        for one in plan.signals:
            if len(one.columns) == len(plan.labels):
                raise root.wrong("labels", f"every label is {one.signal}", "its probability would always be 1")


def _normal(label: str) -> str:
    return label.strip().lower().replace("-", "_").replace(" ", "_")


def _known() -> str:
    return f"known signals: {', '.join(sorted(SIGNALS))}, and {OWN_PREFIX}NAME for your own"
