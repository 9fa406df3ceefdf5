"""Rake with balance: <folder> <default|tight> <repeats>; seconds from rows in memory to weights."""

import functools
import itertools
import json
import logging
import math
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from balance.weighting_methods.rake import rake

logging.disable(logging.CRITICAL)
folder, kind, repeats = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
rows = pd.read_csv(folder / "rows.csv")
margins = json.loads((folder / "margins.json").read_text(encoding="utf-8"))
total = sum(next(iter(margins.values())).values())
# balance takes a target sample: one row per combination, weighted so that its margins are the wanted ones
target = pd.DataFrame(list(itertools.product(*margins.values())), columns=list(margins))
shares = [
    functools.reduce(lambda a, b: a * b, (margins[c][v] / total for c, v in zip(margins, row, strict=True)))
    for row in target.itertuples(index=False)
]
target_weights = pd.Series(np.array(shares) * total)
assert math.isclose(target_weights.sum(), total)
options = {} if kind == "default" else {"convergence_rate": 1e-13, "rate_tolerance": 1e-15}

seconds = []
for _ in range(repeats):
    start = time.perf_counter()
    weights = rake(
        rows, pd.Series(np.ones(len(rows))), target, target_weights, transformations=None, **options
    )["weight"].to_numpy()
    seconds.append(time.perf_counter() - start)
np.save(folder / f"balance_{kind}.npy", weights * (total / weights.sum()))
print(json.dumps({"seconds": min(seconds), "version": version("balance")}))
