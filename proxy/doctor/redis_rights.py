"""What the shared store asks of Redis, command by command, and a script that tries all of it and leaves nothing.

Commands on keys are tried on keys of every declared kind, under a random hash tag that no route has. All that writes is
in one script, which is done whole before anybody else is served and removes what it made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from proxy.stores.redis_keys import KEYS, encoded
from proxy.stores.redis_scripts import Script

READS: Final[Sequence[tuple[str, ...]]] = (
    ("GET", "*"),
    ("GETBIT", "*", "0"),
    ("EXISTS", "*"),
    ("HGET", "*", "x"),
    ("HGETALL", "*"),
    ("HMGET", "*", "x"),
    ("SMEMBERS", "*"),
    ("ZRANGE", "*", "0", "-1"),
    ("ZREVRANGE", "*", "0", "-1"),
    ("TIME",),
)
WRITES: Final[Sequence[tuple[str, ...]]] = (
    ("SET", "*", "1", "EX", "60"),
    ("INCR", "*"),
    ("EXPIRE", "*", "60"),
    ("DEL", "*"),
    ("SETBIT", "*", "0", "1"),
    ("DEL", "*"),
    ("HSET", "*", "x", "1"),
    ("HINCRBY", "*", "x", "1"),
    ("DEL", "*"),
    ("SADD", "*", "x"),
    ("SREM", "*", "x"),
    ("DEL", "*"),
    ("ZADD", "*", "1", "x"),
    ("ZREM", "*", "x"),
    ("ZREMRANGEBYSCORE", "*", "-inf", "(1"),
    ("ZREMRANGEBYRANK", "*", "0", "-1"),
    ("DEL", "*"),
)  # fmt: skip
NEEDED: Final = "~gw:* +@read +@write +@scripting +@connection +time -@dangerous"
MEND: Final = f"give the user `{NEEDED}` (ACL SETUSER; docs/shared-store.md)"
RIGHTS_WORDS: Final = ("NOPERM", "no permissions", "can't run this command", "can't access", "No permissions")
REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    "rights": ("this user may not run it", MEND),
    "OOM": ("the server has no memory left for it", "raise maxmemory, or let another service's keys go"),
    "READONLY": ("the server is a read-only replica", "name its master in store.url, or use redis+sentinel://"),
    "MISCONF": ("the server cannot save to its disk and takes no write", "mend the server's disk"),
    "": ("refused", "see the server's log"),
}

TRIAL: Final = Script("""
-- KEYS: one key. ARGV: commands, words parted by line ends, "*" for the key. Gives the words of each that was refused.
-- Nobody sees the key: a script is done whole, and it is removed at the end whatever happened.
local refused = {}
for _, line in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(line, '[^\\n]+') do words[#words + 1] = word == '*' and KEYS[1] or word end
  local answer = redis.pcall(unpack(words))
  if type(answer) == 'table' and answer.err then refused[#refused + 1] = words[1] .. ' ' .. answer.err end
end
redis.pcall('DEL', KEYS[1])
return refused
""")


def kind_of(why: str) -> str:
    """Of a refusal: a key of `REFUSALS`. Pure."""
    if any(words in why for words in RIGHTS_WORDS):
        return "rights"
    return next((kind for kind in ("OOM", "READONLY", "MISCONF") if kind in why), "")


def trial_keys(tag: str) -> list[str]:
    """One key of each declared kind under one hash tag, so that a cluster holds them together. Pure."""
    name = encoded(tag)
    keys = (re.sub(r"<(route|name|kind)>(?=\})", name, one.pattern) for one in KEYS)
    return [re.sub(r"<[a-z ]+>", "0", key) for key in keys]


def trial_lines() -> list[str]:
    """The commands as the script takes them. Pure."""
    return ["\n".join(words) for words in (*READS, *WRITES)]


def refused_commands(answers: Sequence[bytes | str]) -> dict[str, str]:
    """Command -> why, of the script's answer. Pure."""
    texts = (one.decode(errors="replace") if isinstance(one, bytes) else one for one in answers)
    found: dict[str, str] = {}
    for command, _, why in (text.partition(" ") for text in texts):
        found.setdefault(command, why)
    return found
