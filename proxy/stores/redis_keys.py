"""Every key in Redis: its name, type, fields and lifetime. docs/redis-keys.md is made of this file.

    python -m proxy.stores.redis_keys > docs/redis-keys.md

All keys of a route carry its name as hash tag, so that they lie on one node of a cluster and a script may touch them
together. Names are base32, because a route's name may hold a brace.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

DAY_S: Final = 86_400
STATE_S: Final = 400 * DAY_S


@dataclass(frozen=True, slots=True)
class Declared:
    """A kind of key: its name as a pattern with {placeholders}, its Redis type, its fields, how long it lives."""

    pattern: str
    type: str
    fields: str
    ttl: str
    purpose: str

    def matches(self, key: str) -> bool:
        """Whether a real key is of this kind."""
        pieces = re.split(r"<[a-z ]+>", self.pattern)
        return re.fullmatch("[A-Za-z0-9]*".join(map(re.escape, pieces)), key) is not None


KEYS: Final[Sequence[Declared]] = (
    Declared(
        "gw:{<route>}:k",
        "hash",
        "name of a counter `[signal, stratum, r, y]` or of a served model -> its number; `g` generation, `n` highest "
        "number, `f` 1 once a counter held a part of an observation, `s` panes that were packed",
        "twice the retention of panes, renewed by each flush",
        "The numbers of a route's counters.",
    ),
    Declared(
        "gw:{<route>}:p:<generation>:<served>:<pane>:<chunk>",
        "hash",
        "number of a counter within the chunk, 0 to 119 -> whole observations, an integer",
        "retention of panes (`analysis.panes_kept_max` times `pane_s`), renewed by each flush that adds to it",
        "The counters of an open pane.",
    ),
    Declared(
        "gw:{<route>}:p:<generation>:<served>:<pane>:<chunk>:f",
        "hash",
        "number of a counter within the chunk, 0 to 119 -> parts of an observation in 1/65536, an integer",
        "as the pane",
        "What counters hold beyond whole observations; most panes have none.",
    ),
    Declared(
        "gw:{<route>}:o:<generation>",
        "set",
        "number of a served model and of a pane, `SERVED:PANE`",
        "twice the retention of panes, renewed by each flush",
        "The panes that are not packed yet.",
    ),
    Declared(
        "gw:{<route>}:h:<generation>:<served>:<span>",
        "hash",
        "pane -> its counters as packed integers: a bitmap of the numbers that it has, then each count as a varint "
        "(`stores/sealed.py`)",
        "retention of panes, renewed by each pane that is packed into it",
        "The counters of 60 panes that closed some time ago. What comes later lies beside them, as open panes, and is "
        "added when it is read.",
    ),
    Declared(
        "gw:{<route>}:n:<replica>",
        "string",
        "the number of the last flush of this replica, an integer",
        "twice the retention of panes, renewed by each flush",
        "A flush that comes again is ignored: it never counts twice.",
    ),
    Declared(
        "gw:{<route>}:d:<generation>:<epoch>",
        "string (bitmap of 64 KiB)",
        "four bits for each prompt, by its keyed hash",
        "until the duplicate memory has passed twice",
        "A prompt counts once in ten minutes, whichever replica saw it. Two of these are read and one is written.",
    ),
    Declared(
        "gw:{<name>}:s:<kind>",
        "hash",
        "`v` version, an integer; `d` the value; `w` who wrote it last",
        "400 days, renewed by each write and once a day by a reader",
        "State that is replaced by compare-and-set: the ladder of a route, the guard, checks of bases, "
        "last good texts of your policies and prompt files (docs/policies.md).",
    ),
    Declared(
        "gw:{<kind>}:r:<id>",
        "string",
        "the record, JSON",
        "400 days (`store.records_kept_days`)",
        "Evidence records and the journal.",
    ),
    Declared(
        "gw:{<kind>}:x",
        "sorted set",
        "order of arrival and id of a record, by its time",
        "as the newest record",
        "The index of records, newest first.",
    ),
    Declared("gw:{<kind>}:c", "string", "records so far, an integer", "as the newest record", "The order of arrival."),
)


def encoded(name: str) -> str:
    """A name as letters and digits; the empty one is a single digit, since an empty hash tag is none."""
    return base64.b32encode(name.encode("utf-8", "surrogatepass")).decode().rstrip("=") or "0"


@dataclass(frozen=True, slots=True)
class RouteKeys:
    """The keys of one route."""

    tag: str

    @property
    def names(self) -> str:
        """Hash of names to numbers."""
        return f"gw:{{{self.tag}}}:k"

    def flushed(self, replica: str) -> str:
        """Number of the last flush of a replica."""
        return f"gw:{{{self.tag}}}:n:{replica}"

    def prompts(self, generation: str, epoch: int) -> str:
        """Bitmap of the prompts of one span of the duplicate memory."""
        return f"gw:{{{self.tag}}}:d:{generation}:{max(0, epoch)}"

    def unsealed(self, generation: str) -> str:
        """Set of the panes that are not packed."""
        return f"gw:{{{self.tag}}}:o:{generation}"

    def sealed(self, generation: str, served: int, span: int) -> str:
        """Hash of packed panes."""
        return f"gw:{{{self.tag}}}:h:{generation}:{served}:{_number(span)}"

    def pane(self, generation: str, served: int, pane: int, chunk: int, *, part: bool) -> str:
        """Hash of the counters of a pane."""
        return f"gw:{{{self.tag}}}:p:{generation}:{served}:{_number(pane)}:{chunk}" + (":f" if part else "")


def _number(value: int) -> str:
    return str(value) if value >= 0 else f"n{-value}"


def keys_of(route: str) -> RouteKeys:
    """The keys of a route."""
    return RouteKeys(encoded(route))


def state_key(key: str) -> str:
    """The key of a state value: "KIND/NAME" lies with the route NAME."""
    kind, _, name = key.partition("/")
    return f"gw:{{{encoded(name or kind)}}}:s:{encoded(kind)}" + ("" if name else "0")


def record_keys(kind: str, record_id: str = "") -> tuple[str, str, str]:
    """(the record, the index, the order) of a kind."""
    head = f"gw:{{{encoded(kind)}}}"
    return f"{head}:r:{encoded(record_id)}", f"{head}:x", f"{head}:c"


def page() -> str:
    """docs/redis-keys.md."""
    lines = [
        "# Keys in Redis",
        "",
        "What Groundwire keeps in a shared store (`store.kind: redis`), key by key. Names of routes and models are",
        "base32; `{...}` is the hash tag, by which all keys of a route lie on one node of a cluster. Counters are",
        "integers. No prompt and no answer of users, no embedding and no user is in any of them. Every key expires.",
        "",
        "This page is made from the declarations in `proxy/stores/redis_keys.py` (`make docs`); a test holds them",
        "against the keys of a real server.",
        "",
        "| key | type | fields | lifetime | purpose |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| `{k.pattern}` | {k.type} | {k.fields} | {k.ttl} | {k.purpose} |" for k in KEYS]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
