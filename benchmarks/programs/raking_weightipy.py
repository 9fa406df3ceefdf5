"""Rake with weightipy: <folder> <text|category> <repeats>; seconds from rows in memory to weights."""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import weightipy

folder, kind, repeats = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
rows = pd.read_csv(folder / "rows.csv")
margins = json.loads((folder / "margins.json").read_text(encoding="utf-8"))
if kind == "category":
    rows = rows.astype("category")
total = sum(next(iter(margins.values())).values())

seconds = []
for _ in range(repeats):
    start = time.perf_counter()
    scheme = weightipy.scheme_from_dict(margins, name="w", rim_params={"total": total})
    weights = weightipy.weight_dataframe(rows, scheme)["weights"].to_numpy()
    seconds.append(time.perf_counter() - start)
np.save(folder / f"weightipy_{kind}.npy", weights * (total / weights.sum()))
print(json.dumps({"seconds": min(seconds), "version": version("weightipy")}))
