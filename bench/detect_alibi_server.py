"""Runs where alibi-detect is installed (requirements/alibi.txt): `detect_alibi.py` is the other side. Stands alone."""

from __future__ import annotations

import copy
import json
import pickle
import sys
import time
from importlib import import_module
from typing import Any

import numpy as np

EXPECTED_RUN = 10_000  # refusals of harmful prompts between two false alarms
BOOTSTRAPS = 20_000  # the least with which it estimates so rare a quantile
REFERENCE = 4_000


def main() -> int:
    """Streams in, drifts out, one line each."""
    fet_online: Any = import_module("alibi_detect.cd.fet_online")  # only this Python has it
    refused = np.random.default_rng(1).random(REFERENCE) < float(sys.argv[1])
    whole = fet_online.FETDriftOnline(
        refused.astype(int),
        ert=EXPECTED_RUN,
        window_sizes=[50, 200],
        n_bootstraps=BOOTSTRAPS,
        alternative="less",
        verbose=False,
    )
    for line in sys.stdin:
        detector, begin_s = copy.deepcopy(whole), time.process_time()
        drifts = _drifts(detector, json.loads(line))
        spent_s = time.process_time() - begin_s
        said = {"drifts": drifts, "spent_s": spent_s, "state_bytes": len(pickle.dumps(detector.__dict__))}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
    return 0


def _drifts(detector: Any, values: list[int]) -> list[int]:
    """Places of alarms. After one it begins anew with the same reference: a change that stays pages again and again."""
    found = []
    for place, value in enumerate(values):
        if detector.predict(np.array([value]))["data"]["is_drift"]:
            found.append(place)
            detector.reset_state()
    return found


if __name__ == "__main__":
    sys.exit(main())
