"""Where counters, state and evidence are kept. One file a store, one contract, one shared test.

contract   what every store promises.       registry   the stores there are, by name.
embedded   the default: memory, made durable by a SQLite file.
fallback   what the file could not take, until it can.
database   the SQLite file: tables, checks, salvage.      mirror   small copies of state, for a broken file.
"""
