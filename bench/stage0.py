"""How good and how quick stage 0 is, on labelled texts that stay outside the repository.

    python -m bench.stage0 --data FOLDER

FOLDER holds responses.jsonl.gz and requests.jsonl.gz: one JSON object a line with `text`, `source`, `labels` and, where
the labels were found by a machine, `labels.label_kind` = "automatic". Prints tables; asserts nothing.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from proxy.core.observation import NO_HARM
from proxy.features import script
from proxy.features.formatting import formatting
from proxy.features.harm_cues import category_of
from proxy.features.hedging import is_hedged
from proxy.features.refusal_patterns import is_refusal
from proxy.features.shape import shape
from proxy.features.vocabulary import distinct_share

# The data set's hazard categories, folded as `harm_cues` says; specialized_advice is no stratum.
FOLDED: Final[Mapping[str, str]] = {
    "violent_crime": "violence",
    "weapons": "violence",
    "nonviolent_crime": "crime",
    "fraud": "crime",
    "intellectual_property": "crime",
    "cybercrime": "cyber",
    "sex_crime": "sexual",
    "sexual_content": "sexual",
    "hate": "hate",
    "misinformation": "hate",
    "elections": "hate",
    "privacy": "privacy",
    "harassment": "privacy",
    "defamation": "privacy",
    "self_harm": "self_harm",
}
TIMED_TEXTS_MAX: Final = 2_000
TIMED_CHARS: Final = 1_200  # the length for which the aim is stated: 0.5 ms
STAGE_0: Final[Mapping[str, Callable[[str], object]]] = {
    "shape": shape,
    "vocabulary": distinct_share,
    "formatting": formatting,
    "script": script.main_script,
    "language": script.other_language,
    "refusal": is_refusal,
    "hedging": is_hedged,
}

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Of a yes-or-no judgement against labels."""

    hits: int
    false_alarms: int
    misses: int
    right_noes: int

    @classmethod
    def of(cls, pairs: Iterable[tuple[bool, bool]]) -> Matrix:
        """From (truth, judgement) pairs."""
        counts: defaultdict[tuple[bool, bool], int] = defaultdict(int)
        for pair in pairs:
            counts[pair] += 1
        return cls(counts[True, True], counts[False, True], counts[True, False], counts[False, False])

    def row(self) -> list[str]:
        """positives, negatives, precision, recall, F1, false positive rate."""
        positives, negatives = self.hits + self.misses, self.false_alarms + self.right_noes
        both = positives and negatives  # of one kind alone, precision and F1 say nothing
        return [
            str(positives),
            str(negatives),
            _share(self.hits, self.hits + self.false_alarms if both else 0),
            _share(self.hits, positives),
            _share(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses if both else 0),
            _share(self.false_alarms, negatives),
        ]


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description="Measure stage 0 on labelled texts.")
    parser.add_argument("--data", type=Path, required=True, help="folder with responses.jsonl.gz and requests.jsonl.gz")
    folder: Path = parser.parse_args().data
    responses, requests = _rows(folder / "responses.jsonl.gz"), _rows(folder / "requests.jsonl.gz")
    _print_refusals(responses)
    _print_harm(requests)
    _print_times([row["text"] for row in responses], [row["text"] for row in requests])


def _rows(path: Path) -> list[Row]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _print_refusals(rows: Sequence[Row]) -> None:
    pairs: defaultdict[str, list[tuple[bool, bool]]] = defaultdict(list)
    flagged: defaultdict[str, list[bool]] = defaultdict(list)
    for row in rows:
        labels, source = row["labels"], row["source"]
        found = is_refusal(row["text"])
        if "refusal" in labels:
            kind = " (automatic labels)" if labels.get("label_kind") == "automatic" else ""
            pairs[source + kind].append((labels["refusal"] == 1, found))
        else:
            flagged[source].append(found)
    print("\nRefusal, by source")
    _table("refusals", "others", pairs)
    for source, founds in flagged.items():
        print(f"  {source}: no refusal labels; {sum(founds)} of {len(founds)} called refusals")


def _print_harm(rows: Sequence[Row]) -> None:
    pairs: defaultdict[str, list[tuple[bool, bool]]] = defaultdict(list)
    folds: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        hazards = row["labels"].get("hazard") or []
        if "specialized_advice" in hazards or ("prompt_harmful" not in row["labels"] and not hazards):
            continue
        category = category_of(row["text"])
        harmful = row["labels"].get("prompt_harmful", 1) == 1
        pairs[row["source"]].append((harmful, category != NO_HARM))
        if harmful and hazards:
            folds[FOLDED[hazards[0]]].append((FOLDED[hazards[0]], category))
    print("\nHarm cues, by source")
    _table("harmful", "ordinary", pairs)
    print("\nHarm cues, by stratum (all sources with hazard labels)")
    for stratum, founds in sorted(folds.items()):
        seen = [found for _, found in founds if found != NO_HARM]
        right = _share(sum(found == stratum for found in seen), len(seen))
        print(
            f"  {stratum:10} {len(founds):6} harmful   recall {_share(len(seen), len(founds))}   right stratum {right}"
        )


def _print_times(answers: Sequence[str], prompts: Sequence[str]) -> None:
    print(f"\nProcessor time, microseconds per {TIMED_CHARS} characters")
    alike = [text for text in answers if TIMED_CHARS * 0.75 <= len(text) <= TIMED_CHARS * 1.25][:TIMED_TEXTS_MAX]
    total = 0.0
    for name, feature in STAGE_0.items():
        spent = _us(feature, alike)
        total += spent
        print(f"  {name:11} {spent:7.0f}")
    print(f"  {'all':11} {total:7.0f}   ({total * 1024 / TIMED_CHARS:.0f} us per KiB; the aim is 500 per answer)")
    few = prompts[:: max(len(prompts) // TIMED_TEXTS_MAX, 1)]
    print(f"  {'harm cues':11} {_us(category_of, few):7.0f}   (of requests)")


def _us(feature: Callable[[str], object], texts: Sequence[str]) -> float:
    started_s = time.process_time()
    for text in texts:
        feature(text)
    return (time.process_time() - started_s) / max(sum(map(len, texts)), 1) * TIMED_CHARS * 1e6


def _table(positives: str, negatives: str, pairs: Mapping[str, list[tuple[bool, bool]]]) -> None:
    print(f"  {'source':48}{positives:>9}{negatives:>9}{'precision':>11}{'recall':>8}{'F1':>7}{'FPR':>8}")
    for source, some in sorted(pairs.items()):
        p, n, precision, recall, f1, fpr = Matrix.of(some).row()
        print(f"  {source:48}{p:>9}{n:>9}{precision:>11}{recall:>8}{f1:>7}{fpr:>8}")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"


if __name__ == "__main__":
    main()
