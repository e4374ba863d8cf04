"""docs/data-inventory.md, made of the declarations: `python -m proxy.inventory.page > docs/data-inventory.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from proxy.inventory.baselines import BASELINES
from proxy.inventory.declared import Kept
from proxy.inventory.evidence import EVIDENCE
from proxy.inventory.logs import LABELS, LOG_FIELDS
from proxy.inventory.records import RECORDS
from proxy.inventory.sampling import SAMPLING
from proxy.inventory.state import STATE
from proxy.inventory.traces import TRACES
from proxy.inventory.wire import WIRE

DECLARED: Final = (*WIRE, *STATE, *BASELINES, *SAMPLING, *EVIDENCE, *RECORDS, *TRACES)

HEAD: Final = """# What is kept

Every field that Groundwire sends between its processes, keeps, writes to a log or shows as a metric, with its place,
purpose, lifetime and readers. What stands out is **bold**: texts, and names of people.

In short: texts of users and of the model are in the memory of the two processes and on the Unix socket between them,
for seconds, and nowhere else. From them come counts, which are kept. Prompts, system prompts, tools and users are
hashed with keys (HMAC-SHA256): prompts with one that changes each day (`store.prompt_key_rotate_s`), so that a key that
leaks later opens no old copy; the others, which baselines compare for months, with one that stays. An embedding is
treated as the text that it is made of. Operators are named where they ordered something.

| file in `state_dir` | what it is | mode |
|---|---|---|
| `groundwire.db`, `-wal`, `-shm` | the embedded store | 0600 |
| `groundwire.state/` | copies of state, for a broken file | 0700 |
| `enforcement.json` | the snapshot | 0600 |
| `prompt.key`, `context.key` | keys of hashes; not used where `store.prompt_key_file` or `_env` names a secret | 0600 |
| `link.sock`, `control.sock` | sockets | 0600 |

With `store.kind: redis` counters, state and records are in Redis instead: docs/redis-keys.md. Settings and policies are
files of yours; secrets in them are named by file or variable, never written. A classifier on another machine
(`classifiers.remote`, none by default) is sent the texts of a share of the answers: docs/remote-classifiers.md.

This page is made from the declarations in `proxy/inventory` (`make docs`). A test walks what is serialised, and fails
on a field that is not declared.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_index(), *_tables("In memory and between the processes", WIRE), *_rest()]) + "\n"


def _index() -> Iterator[str]:
    yield "## Where\n\n| what | place | lifetime |\n|---|---|---|"
    yield from (f"| {one.title} | {one.place} | {one.lifetime} |" for one in DECLARED)
    yield ""


def _rest() -> Iterator[str]:
    yield from _tables("In the store and the state folder", (*STATE, *BASELINES, *SAMPLING))
    yield from _tables("Evidence", EVIDENCE)
    yield from _tables("Records", RECORDS)
    yield from _tables("Sent over OTLP, where it is asked for", TRACES)
    yield "## Log lines\n\nOn stderr of both processes, for as long as your collector keeps them. No text of users.\n"
    yield from _pairs(LOG_FIELDS)
    yield "## Labels of metrics\n\nRead by whoever may ask `/metrics`. Bounded by settings and routes.\n"
    yield from _pairs(LABELS)


def _tables(title: str, kept: Sequence[Kept]) -> Iterator[str]:
    yield f"## {title}\n"
    for one in kept:
        yield f"### {one.title}\n\n{one.purpose} Place: {one.place}. Kept: {one.lifetime}. Read by: {one.readers}.\n"
        yield from _pairs(one.fields)


def _pairs(fields: Mapping[str, str]) -> Iterator[str]:
    yield "| field | purpose |\n|---|---|"
    yield from (f"| `{name}` | {purpose} |" for name, purpose in fields.items())
    yield ""


if __name__ == "__main__":
    sys.stdout.write(page())
