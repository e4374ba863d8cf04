"""The Lua scripts of the Redis store. All keys are in KEYS, all in one slot; the first write of each is one that a
server without memory refuses, so that a script is done whole or not at all.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the digest by which a server knows it."""

    text: str

    @property
    def digest(self) -> str:
        """SHA-1, as EVALSHA has it."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


NUMBER: Final = Script("""
-- KEYS: names. ARGV: generation if there is none, lifetime, most names, name... Gives: generation, number...
local generation = redis.call('HGET', KEYS[1], 'g')
if not generation then
  generation = ARGV[1]
  redis.call('HSET', KEYS[1], 'g', generation, 'n', 0)
end
local last = tonumber(redis.call('HGET', KEYS[1], 'n'))
local numbers = {generation}
for i = 4, #ARGV do
  local number = redis.call('HGET', KEYS[1], ARGV[i])
  if not number then
    number = 0
    if last < tonumber(ARGV[3]) then
      last = last + 1
      number = last
      redis.call('HSET', KEYS[1], ARGV[i], number, 'n', last)
    end
  end
  numbers[#numbers + 1] = tonumber(number)
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return numbers
""")

FLUSH: Final = Script("""
-- KEYS: names, the replica's last flush, bitmaps and panes... (numbered from 1 in the payload).
-- ARGV: generation, number of this flush, lifetime of names and number, whether it holds parts, payload.
-- Gives -1: names of another generation; else how many prompts another replica had counted; 0 for one seen before.
if redis.call('HGET', KEYS[1], 'g') ~= ARGV[1] then return -1 end
local last = redis.call('GET', KEYS[2])
if last and tonumber(last) >= tonumber(ARGV[2]) then return 0 end
local payload = cjson.decode(ARGV[5])
local sums, repeated = {}, 0
local function add(lines)
  for _, line in ipairs(lines) do
    local held = sums[line[1]]
    if not held then
      held = {}
      sums[line[1]] = held
    end
    for i = 2, #line, 2 do
      held[line[i]] = (held[line[i]] or 0) + line[i + 1]
    end
  end
end
local function all_set(key, bits)
  for _, bit in ipairs(bits) do
    if redis.call('GETBIT', key, bit) == 0 then return false end
  end
  return true
end
local function any_known(now, before, marks)
  for _, bits in ipairs(marks) do
    if all_set(now, bits) or all_set(before, bits) then return true end
  end
  return false
end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
add(payload.p)
local bitmaps = {}
for _, first in ipairs(payload.m) do
  local now, before, marks = KEYS[first[1] + 2], KEYS[first[2] + 2], first[3]
  if any_known(now, before, marks) then
    repeated = repeated + 1
    add(first[5])
  else
    for _, bits in ipairs(marks) do
      for _, bit in ipairs(bits) do redis.call('SETBIT', now, bit, 1) end
    end
    bitmaps[first[1]] = true
    add(first[4])
  end
end
for place, held in pairs(sums) do
  for field, count in pairs(held) do
    redis.call('HINCRBY', KEYS[place + 2], string.format('%d', field), string.format('%.0f', count))
  end
  redis.call('EXPIRE', KEYS[place + 2], payload.t[place])
end
for place in pairs(bitmaps) do redis.call('EXPIRE', KEYS[place + 2], payload.t[place]) end
if ARGV[4] == '1' then redis.call('HSET', KEYS[1], 'f', 1) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return repeated
""")

SWAP: Final = Script("""
-- KEYS: state. ARGV: version that it must have, version after, value, lifetime, who writes. Gives 1 or 0.
local found = redis.call('HMGET', KEYS[1], 'v', 'w')
if found[2] == ARGV[5] then return 1 end
if (found[1] or '0') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[2], 'd', ARGV[3], 'w', ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
""")

DROP: Final = Script("""
-- KEYS: state. ARGV: version that it must have. Gives 1 or 0.
if (redis.call('HGET', KEYS[1], 'v') or '0') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
""")

APPEND: Final = Script("""
-- KEYS: record, index, order. ARGV: record, time, id, lifetime, records kept at most, "HEAD" of the record's key.
-- Gives 0 where the id is taken, else 1. What leaves the index expires by itself.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[4])
local order = redis.call('INCR', KEYS[3])
redis.call('ZADD', KEYS[2], ARGV[2], string.format('%015d:', order) .. ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. string.format('%.6f', tonumber(ARGV[2]) - tonumber(ARGV[4])))
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - tonumber(ARGV[5]))
redis.call('EXPIRE', KEYS[2], ARGV[4])
redis.call('EXPIRE', KEYS[3], ARGV[4])
return 1
""")

TIME: Final = Script("""
-- KEYS: any one key, so that all replicas ask one node. Gives seconds and microseconds.
local now = redis.call('TIME')
return {tonumber(now[1]), tonumber(now[2])}
""")
