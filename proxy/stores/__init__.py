"""Where counters, state and evidence are kept. One contract, one shared test, two families.

contract   what every store promises.       registry   the stores there are, by name.       samples   their metrics.

Of one process (`kind: embedded`):
embedded   the default: memory, made durable by a SQLite file.
database   the SQLite file: tables, checks, salvage.      fallback   what the file could not take, until it can.
mirror     small copies of state, for a broken file, or a shared store that is away.

Of many (`kind: redis`; docs/redis-keys.md, docs/shared-store.md):
redis_store    puts it together: away or not, flush, clock.
redis_counters, redis_states   what is asked of the server.   redis_link   how it is asked: one, cluster, Sentinel; TLS.
redis_scripts  the Lua scripts.      redis_keys   every key, declared.     packing, sealed   how counts lie in them.
pending, held  counts, and state and records, that wait.          recent     prompts that this process counted.
"""
