"""Where a model is brought from: a folder, or the Hugging Face hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.core.errors import GroundwireError

TIMEOUT_S: Final = 10.0
CONFIG: Final = "config.json"
# Weights as numbers only: a pickle can run code. `model.safetensors.index.json` is among the first.
PATTERNS: Final = ("*.json", "*.txt", "*.model", "*.safetensors", "README.md")

_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_LICENCE: Final = re.compile(r"^license:\s*[\"']?([A-Za-z0-9.+_-]+)", re.MULTILINE)
_FRONT: Final = re.compile(r"\A---\n(.*?)\n---", re.DOTALL)


class SourceError(GroundwireError):
    """A model that cannot be had from where it was said to be."""


@dataclass(frozen=True, slots=True)
class Source:
    """A folder with a model, and how the card names its origin."""

    folder: Path
    said: str


def found(text: str, revision: str) -> Source:
    """The model of `--from`, downloaded where it is a hub id. `revision` is "" for the newest. Raises SourceError."""
    folder = Path(text).expanduser()
    if folder.is_dir():
        if not (folder / CONFIG).is_file():
            raise SourceError(f"{folder}: holds no {CONFIG}; --from names a folder as `save_pretrained` writes it")
        return Source(folder, f"the folder {folder.resolve().name}")
    if not _HUB_ID.fullmatch(text):
        raise SourceError(f"{text}: no such folder, and no hub id (those look like organisation/model)")
    return _downloaded(text, revision)


def _downloaded(hub_id: str, revision: str) -> Source:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - comes with `train`

    try:
        folder = Path(
            snapshot_download(hub_id, revision=revision or None, allow_patterns=list(PATTERNS), etag_timeout=TIMEOUT_S)
        )
    except Exception as wrong:  # the hub's client, its HTTP library and the disk each raise their own
        cause = " ".join(str(wrong).split())[:300]
        raise SourceError(
            f"{hub_id}: could not be downloaded from the Hugging Face hub ({type(wrong).__name__}: {cause}). Where "
            f"this machine has no network, download it on another one (`hf download {hub_id} --local-dir DIR`), bring "
            f"the folder here and say --from DIR"
        ) from wrong
    if not list(folder.glob("*.safetensors")):
        raise SourceError(f"{hub_id}: has no weights as .safetensors; other formats can run code when they are read")
    return Source(folder, f"{hub_id} on the Hugging Face hub, revision {folder.name}")


def licence(folder: Path) -> str:
    """What the README.md of a model's folder states in its front matter; "" where it does not."""
    readme = folder / "README.md"
    front = _FRONT.search(readme.read_text(encoding="utf-8", errors="replace")) if readme.is_file() else None
    stated = _LICENCE.search(front.group(1)) if front else None
    return stated.group(1) if stated else ""
