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
-- KEYS: names, the replica's last flush, open panes, bitmaps and panes... (numbered from 1 in the payload).
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
for _, pane in ipairs(payload.o) do redis.call('SADD', KEYS[3], pane) end
redis.call('EXPIRE', KEYS[3], ARGV[3])
local bitmaps = {}
for _, first in ipairs(payload.m) do
  local now, before, marks = KEYS[first[1] + 3], KEYS[first[2] + 3], first[3]
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
    redis.call('HINCRBY', KEYS[place + 3], string.format('%d', field), string.format('%.0f', count))
  end
  redis.call('EXPIRE', KEYS[place + 3], payload.t[place])
end
for place in pairs(bitmaps) do redis.call('EXPIRE', KEYS[place + 3], payload.t[place]) end
if ARGV[4] == '1' then redis.call('HSET', KEYS[1], 'f', 1) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return repeated
""")

SEAL: Final = Script("""
-- KEYS: names, open panes, packed panes, then for each chunk its hash of observations and its hash of parts.
-- ARGV: generation, highest number, open pane, field, lifetime, numbers a chunk, parts of an observation.
-- Gives -1 where names changed, else 1. Done twice it does nothing: what was packed is in no hash any more.
local head = redis.call('HMGET', KEYS[1], 'g', 'n')
if head[1] ~= ARGV[1] or head[2] ~= ARGV[2] then return -1 end
local wholes, parts, highest = {}, {}, 0
local function add(into, number, count)
  into[number] = (into[number] or 0) + count
  if number > highest then highest = number end
end
local function read(blob, at)
  local n, scale = 0, 1
  while true do
    local byte = string.byte(blob, at)
    at = at + 1
    n = n + (byte % 128) * scale
    if byte < 128 then return n, at end
    scale = scale * 128
  end
end
local blob = redis.call('HGET', KEYS[3], ARGV[4])
if blob then
  local length, at = read(blob, 1)
  local bits, n = at, nil
  at = at + length
  for number = 0, length * 8 - 1 do
    if math.floor(string.byte(blob, bits + math.floor(number / 8)) / 2 ^ (number % 8)) % 2 == 1 then
      n, at = read(blob, at)
      add(wholes, number, math.floor(n / 2))
      if n % 2 == 1 then
        n, at = read(blob, at)
        add(parts, number, n)
      end
    end
  end
end
for i = 4, #KEYS do
  local fields = redis.call('HGETALL', KEYS[i])
  local first = math.floor((i - 4) / 2) * tonumber(ARGV[6])
  for j = 1, #fields, 2 do
    add(i % 2 == 0 and wholes or parts, first + tonumber(fields[j]), tonumber(fields[j + 1]))
  end
end
local out = {}
local function write(n)
  while n >= 128 do
    out[#out + 1] = string.char(n % 128 + 128)
    n = math.floor(n / 128)
  end
  out[#out + 1] = string.char(n)
end
local length = math.floor(highest / 8) + 1
write(length)
for byte = 0, length - 1 do
  local sum = 0
  for bit = 0, 7 do
    if wholes[byte * 8 + bit] or parts[byte * 8 + bit] then sum = sum + 2 ^ bit end
  end
  out[#out + 1] = string.char(sum)
end
for number = 0, highest do
  if wholes[number] or parts[number] then
    local unit, part = tonumber(ARGV[7]), parts[number] or 0
    local whole = (wholes[number] or 0) + math.floor(part / unit)
    part = part % unit
    write(whole * 2 + (part > 0 and 1 or 0))
    if part > 0 then write(part) end
  end
end
if highest > 0 then
  redis.call('HSET', KEYS[3], ARGV[4], table.concat(out))
  redis.call('EXPIRE', KEYS[3], ARGV[5])
end
redis.call('HINCRBY', KEYS[1], 's', 1)
for i = 4, #KEYS do redis.call('DEL', KEYS[i]) end
redis.call('SREM', KEYS[2], ARGV[3])
return 1
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
