"""`groundwire models list`, `show` and `verify`: what is installed, what it says of itself, whether it is whole."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proxy.classifiers import extra_heads
from proxy.classifiers.adding.trial import tried
from proxy.classifiers.fields import ModelError
from proxy.classifiers.installed import Library
from proxy.classifiers.manifest import Kind, Manifest, read
from proxy.commands.columns import columns
from proxy.commands.models.place import in_use, library, printed, printed_json

CARD = "card.md"


def show_list(arguments: Namespace) -> int:
    """Every installed model on a line; one that cannot be read is listed with its error."""
    shelf = library(arguments)
    found = [(folder, *_read(folder)) for folder in shelf.folders()]
    used = in_use(arguments)
    if arguments.json:
        return printed_json([{**_listed(shelf, *one), "use": used.get(one[0].resolve(), "")} for one in found])
    if not found:
        return printed(f"no models in {shelf.own} or {shelf.shipped}")
    head = ("MODEL", "USE", "VERSION", "MB", "SIGNALS", "EMBEDDING", "LANGUAGES", "LICENCE", "FROM")
    uses = [used.get(folder.resolve(), "-") for folder, _, _ in found]
    lines = [_line(shelf, folder, manifest, use) for (folder, manifest, _), use in zip(found, uses, strict=True)]
    table = columns([head, *lines])
    wrong = [f"{folder.name}: {error}" for folder, _, error in found if error]
    return printed("\n".join([table, *wrong]))


def show(arguments: Namespace) -> int:
    """One model: what it is, its heads and thresholds, and its card."""
    folder = library(arguments).folder(arguments.name)
    manifest = read(folder)
    heads = extra_heads.read(manifest)
    if arguments.json:
        return printed_json(_shown(manifest, heads))
    lines = [
        f"{manifest.identity}  {manifest.path.parent}",
        f"licence {manifest.licence}, languages {', '.join(manifest.languages)}, made {manifest.created or 'unknown'}",
        f"base {manifest.base or 'unknown'}",
        f"to use it, in the settings: classifiers.model: {_setting(library(arguments), folder)}  (or classifiers.also)",
        "",
        columns([_HEADS, *_head_lines(manifest, heads)]),
    ]
    card = folder / CARD
    text = card.read_text(encoding="utf-8") if card.is_file() else f"no {CARD}: nothing says how good it is"
    return printed("\n".join([*lines, "", text.rstrip()]))


def verify(arguments: Namespace) -> int:
    """Checksums, shapes, a trial of each; 0 where all models that were asked for are whole. Raises ModelError."""
    shelf = library(arguments)
    folders = [shelf.folder(arguments.name)] if arguments.name else shelf.folders()
    for folder in folders:
        guard = tried(folder)
        printed(f"{guard.version}: whole; {len(read(folder).files)} files, trial texts scored  ({folder})")
    return 0


def _read(folder: Path) -> tuple[Manifest | None, str]:
    try:
        return read(folder), ""
    except ModelError as wrong:
        return None, str(wrong)


def _line(shelf: Library, folder: Path, manifest: Manifest | None, use: str) -> tuple[str, ...]:
    where = "shipped" if folder.parent == shelf.shipped else str(shelf.own)
    if manifest is None:
        return (folder.name, use, "-", "-", "cannot be read", "-", "-", "-", where)
    return (
        folder.name,
        use,
        manifest.version,
        f"{_bytes(folder) / 1e6:.1f}",
        str(len(manifest.heads)),
        str(manifest.embedding_dim or "-"),
        ",".join(manifest.languages),
        manifest.licence,
        where,
    )


def _listed(shelf: Library, folder: Path, manifest: Manifest | None, error: str) -> dict[str, Any]:
    if manifest is None:
        return {"name": folder.name, "folder": str(folder), "error": error}
    return {
        "name": folder.name,
        "version": manifest.version,
        "folder": str(folder),
        "shipped": folder.parent == shelf.shipped,
        "bytes": _bytes(folder),
        "signals": sorted({head.name for head in manifest.heads}),
        "embedding_dim": manifest.embedding_dim,
        "languages": manifest.languages,
        "licence": manifest.licence,
    }


_HEADS = ("SIGNAL", "KIND", "ON", "WITH PROMPT", "THRESHOLD", "FALSE+")


def _head_lines(manifest: Manifest, heads: Sequence[extra_heads.ExtraHead]) -> list[tuple[str, ...]]:
    own = [
        (
            head.name,
            f"{len(head.labels)} categories" if head.kind is Kind.SOFTMAX else "probability",
            ", ".join(sorted(head.roles)),
            "yes" if head.prompt else "no",
            "-" if head.kind is Kind.SOFTMAX else f"{head.threshold:.3f}",
            "-" if head.kind is Kind.SOFTMAX else f"{head.false_positive_rate:g}",
        )
        for head in manifest.heads
    ]
    extra = [
        (
            one.signal,
            "your own",
            ", ".join(sorted(one.roles)),
            "",
            f"{one.threshold:.3f}",
            f"{one.false_positive_rate:g}",
        )
        for one in heads
    ]
    return [*own, *extra]


def _shown(manifest: Manifest, heads: Sequence[extra_heads.ExtraHead]) -> dict[str, Any]:
    return {
        "name": manifest.name,
        "version": extra_heads.version(manifest.identity, heads),
        "folder": str(manifest.path.parent),
        "licence": manifest.licence,
        "base": manifest.base,
        "created": manifest.created,
        "languages": manifest.languages,
        "files": dict(manifest.files),
        "heads": [
            {"name": one.name, "kind": one.kind.value, "roles": sorted(one.roles), "labels": one.labels,
             "threshold": one.threshold, "false_positive_rate": one.false_positive_rate}
            for one in manifest.heads
        ],
        "own_heads": [
            {"name": one.signal, "roles": sorted(one.roles), "threshold": one.threshold,
             "false_positive_rate": one.false_positive_rate}
            for one in heads
        ],
    }  # fmt: skip


def _setting(shelf: Library, folder: Path) -> str:
    return folder.name if folder.parent == shelf.shipped else str(folder)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
