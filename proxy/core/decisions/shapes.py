"""How far the shapes of a record's panes are from those of its baseline. Pure.

Nothing of it is kept: it is made of the record's own panes and baseline whenever the record is told, so that it comes
out the same on any machine, and of older records too. Digits that a machine could compute otherwise are left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from proxy.core.baselines import baseline as baselines
from proxy.core.decisions.record import Record, panes_from_json
from proxy.core.drift.apart import Apart, apart

DIGITS: Final = 6


def shapes_of(record: Record) -> dict[str, Apart]:
    """By signal, the furthest first; those with too few answers to tell are left out. Raises ConfigError."""
    inputs = record.body["inputs"]
    if inputs.get("baseline") is None:
        return {}
    opened = inputs["open_pane"]
    panes = panes_from_json([*inputs["panes"], *([] if opened is None else [opened])])
    found = apart(panes, baselines.from_json(inputs["baseline"], "record"), inputs["context"]["pane_s"])
    known = {name: _rounded(one) for name, one in found.items() if one.js_bits is not None}
    return dict(sorted(known.items(), key=lambda item: (-(item[1].js_bits or 0.0), item[0])))


def _rounded(one: Apart) -> Apart:
    js, kl, error = (
        None if bits is None else round(bits, DIGITS) for bits in (one.js_bits, one.kl_bits, one.error_bits)
    )
    return replace(one, js_bits=js, kl_bits=kl, error_bits=error, n_eff=round(one.n_eff, DIGITS))
