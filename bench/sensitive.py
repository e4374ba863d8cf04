"""What finding sensitive content costs, and, with labelled texts, how much of it is found.

    python -m bench.sensitive                 microseconds a kilobyte, by kind of text
    python -m bench.sensitive --data FOLDER   and recall and precision by type on FOLDER/pii.jsonl.gz

A labelled span counts as found where a finding of its type overlaps it; a finding counts as right where it overlaps a
labelled span of its type. A PERSON is measured apart on the half of the wordings that the tagger never saw.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from proxy.sensitive.code import code_share
from proxy.sensitive.scan import scan
from proxy.sensitive.wording import held_out

AIM_MICROSECONDS: Final = 300
CALLS: Final = 400

# Labelled as one type, found as another: a link is a DOMAIN_NAME there, a date is only looked for where one was born.
SAME: Final[Mapping[str, str]] = {"URL": "DOMAIN_NAME"}
UNSOUGHT: Final = frozenset({"ORGANIZATION", "TITLE", "NRP", "DATE_TIME"})

PROSE: Final = (
    "Thanks for writing in about the delayed order. Our warehouse in Leeds shipped the parcel on Tuesday, and the "
    "carrier says it should reach you by Friday afternoon. If it does not, reply to this message and we will send a "
    "replacement at no cost. Anna from the returns team can also arrange a refund, which takes up to five days. "
)
CODE: Final = (
    "def mean(values: list[float]) -> float:\n    if not values:\n        raise ValueError('empty')\n"
    "    return sum(values) / len(values)\n\nfor name, row in table.items():\n    print(f'{name}: {mean(row):.3f}')\n"
)
NUMBERS: Final = "In 2023 sales rose 4.2% to 18,430 units; in 2024 they fell to 17,905 (-2.8%), on 12 of 31 sites. "
PERSONAL: Final = (
    "Name: Maria Lindqvist\nEmail: maria.lindqvist@mail.example\nPhone: +46 8 123 456 78\nAddress: 14 Harbour Street\n"
    "Card: 4012 8888 8888 1881, exp 04/29\nIBAN: DE89 3704 0044 0532 0130 00\nNotes: prefers to be called at noon.\n"
)
TEXTS: Final = {
    "prose": PROSE,
    "prose without capitals": PROSE.lower(),
    "numbers": NUMBERS,
    "code": CODE,
    "a form of personal data": PERSONAL,
}


@dataclass(slots=True)
class Tally:
    """Of one type: labelled, found of these, findings, right of these."""

    labelled: int = 0
    found: int = 0
    findings: int = 0
    right: int = 0

    def row(self, name: str) -> str:
        recall = f"{self.found / self.labelled:7.3f}" if self.labelled else "      -"
        precision = f"{self.right / self.findings:7.3f}" if self.findings else "      -"
        return f"{name:<18}{self.labelled:>9}{recall:>9}{self.findings:>10}{precision:>11}"


def kilobyte(text: str) -> str:
    """The text repeated to 1,024 characters."""
    return (text * (1024 // len(text) + 1))[:1024]


def microseconds(work: Callable[[], object]) -> float:
    """The least of many calls, in processor time: what other programs on the machine do should not count."""
    best = float("inf")
    for _ in range(CALLS):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best * 1e6


def costs() -> Iterable[str]:
    """The table of costs."""
    yield f"{'microseconds a kilobyte':<26}{'patterns':>10}{'and names':>11}{'code share':>12}"
    for name, text in TEXTS.items():
        sample = kilobyte(text)
        patterns = microseconds(lambda sample=sample: scan(sample, names=False))  # type: ignore[misc]
        whole = microseconds(lambda sample=sample: scan(sample))  # type: ignore[misc]
        code = microseconds(lambda sample=sample: code_share(sample))  # type: ignore[misc]
        yield f"{name:<26}{patterns:>10.0f}{whole:>11.0f}{code:>12.0f}"
    yield f"aim for ordinary text: {AIM_MICROSECONDS}"


def quality(rows: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """Recall and precision by type, then of PERSON on wordings never trained on."""
    yield f"{'type':<18}{'labelled':>9}{'recall':>9}{'findings':>10}{'precision':>11}"
    for name, tally in sorted(tallies(rows).items(), key=lambda item: -item[1].labelled):
        if name not in UNSOUGHT:
            yield tally.row(name)
    unseen = tallies([row for row in rows if held_out(row["text"])])
    yield unseen["PERSON"].row("PERSON, unseen")


def tallies(rows: Iterable[Mapping[str, Any]]) -> dict[str, Tally]:
    """By type as the labels name it."""
    by_type: dict[str, Tally] = {"PERSON": Tally()}
    for row in rows:
        labelled = [(mark["type"], mark["start"], mark["end"]) for mark in row["labels"]["pii"]]
        findings = [(SAME.get(span.type, span.type), span.start, span.end) for span in scan(row["text"])]
        for kind, start, end in labelled:
            tally = by_type.setdefault(kind, Tally())
            tally.labelled += 1
            tally.found += overlaps((kind, start, end), findings)
        for finding in findings:
            tally = by_type.setdefault(finding[0], Tally())
            tally.findings += 1
            tally.right += overlaps(finding, labelled)
    return by_type


def overlaps(one: tuple[str, int, int], others: Iterable[tuple[str, int, int]]) -> bool:
    """Whether another of the same type shares a character with it."""
    kind, start, end = one
    return any(other == kind and a < end and b > start for other, a, b in others)


def read(folder: Path) -> list[dict[str, Any]]:
    """The labelled texts; exits with a sentence where there are none."""
    path = folder / "pii.jsonl.gz"
    if not path.is_file():
        sys.exit(f"{path}: no such file; --data is the folder that holds pii.jsonl.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def misses(rows: Iterable[Mapping[str, Any]], kind: str) -> Iterable[str]:
    """Each labelled span of a type that was not found, and each finding that is not labelled."""
    for row in rows:
        text = row["text"]
        labelled = [(mark["type"], mark["start"], mark["end"]) for mark in row["labels"]["pii"]]
        findings = [(SAME.get(span.type, span.type), span.start, span.end) for span in scan(text)]
        for sign, some, others in (("-", labelled, findings), ("+", findings, labelled)):
            for one in some:
                if one[0] == kind and not overlaps(one, others):
                    around = text[max(0, one[1] - 50) : one[2] + 30]
                    yield f"{sign} {text[one[1] : one[2]]!r} in {around!r}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, help="folder that holds pii.jsonl.gz")
    parser.add_argument("--misses", metavar="TYPE", help="with --data: print what was missed (-) and over-found (+)")
    args = parser.parse_args()
    if args.data and args.misses:
        print("\n".join(misses(read(args.data), args.misses)))
        return
    print("\n".join(costs()))
    if args.data:
        print("\n".join(["", *quality(read(args.data))]))


if __name__ == "__main__":
    main()
