"""AUCs with DeLong's covariance and lift from cells, and counting the rows first: <path> <repeats>."""

import json
import sys
import time

import ibis
import numpy as np
import pandas as pd

import cxstats as cx
from cxstats.cells import reduce
from cxstats.methods.performance import gains

path, repeats = sys.argv[1], int(sys.argv[2])
SCORES = ["nps", "csat", "ces"]


def best(work, times=repeats):
    """The fastest of some runs: wall seconds, processor seconds, what it returned."""
    runs = []
    for _ in range(times):
        start, before = time.perf_counter(), time.process_time()
        result = work()
        runs.append((time.perf_counter() - start, time.process_time() - before, result))
    return min(runs, key=lambda run: run[0])


def judged(cells, scores):
    found = cx.discrimination(cells, scores=scores, outcome="left", low_predicts=scores)
    lifts = [gains(-cells[name].to_numpy(), cells["left"], n=cells["n"]).lift(0.1) for name in scores]
    return found, lifts


table = ibis.duckdb.connect().read_parquet(path + ".parquet")
counting = best(lambda: reduce(table, [*SCORES, "left"]), 3)
three = best(lambda: judged(counting[2], SCORES))
one_table = best(lambda: reduce(table, ["nps", "left"]), 3)
one = best(lambda: judged(one_table[2], ["nps"]))
alone = best(lambda: cx.discrimination(one_table[2], scores="nps", outcome="left", low_predicts=["nps"]))

# as scikit-learn gets them: two arrays in memory
nps, left = (np.fromfile(f"{path}.{name}", dtype=np.uint8) for name in ("nps", "left"))


def from_arrays():
    n = np.bincount(nps.astype(np.uint8) * 2 + left, minlength=22)
    cells = pd.DataFrame({"nps": np.repeat(np.arange(11), 2), "left": np.tile([False, True], 11), "n": n})
    return cx.discrimination(cells[cells["n"] > 0], scores="nps", outcome="left", low_predicts=["nps"])


arrays = best(from_arrays)
found = alone[2]
print(
    json.dumps(
        {
            "cells": len(counting[2]),
            "counting": counting[:2],
            "three": three[:2],
            "one": one[:2],
            "alone": alone[:2],
            "arrays": arrays[:2],
            "auc": float(found.auc.loc["nps", "auc"]),
            "variance": float(found.covariance[0, 0]),
        }
    )
)
