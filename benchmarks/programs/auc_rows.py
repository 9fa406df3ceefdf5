"""Customers with three scores and an outcome, as Parquet and as plain bytes: <path> <rows>."""

import json
import sys

import numpy as np
import pandas as pd

path, rows = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(20250401)
mood = rng.normal(size=rows).astype(np.float32)
columns = {}
for name, low, cuts in (
    ("nps", 0, [-2.2, -2.05, -1.9, -1.8, -1.7, -1.3, -1.0, -0.7, 0.0, 0.55]),
    ("csat", 1, [-2.2, -1.5, -0.65, 0.65]),
    ("ces", 1, [-2.1, -1.6, -1.2, -0.7, -0.1, 0.5]),
):
    answer = np.float32(0.8) * mood + np.float32(0.6) * rng.normal(size=rows).astype(np.float32)
    columns[name] = (np.searchsorted(cuts, answer) + low).astype(np.int8)
columns["left"] = rng.random(rows) < 1 / (1 + np.exp(2.4 + 0.5 * mood))
pd.DataFrame(columns).to_parquet(path + ".parquet", index=False)
for name in ("nps", "left"):
    columns[name].astype(np.uint8).tofile(f"{path}.{name}")
print(json.dumps({"events": int(columns["left"].sum())}))
