"""Rake with cxstats: <folder> <text|category|cells> <repeats>; seconds from rows (or cells) in memory to weights."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

import cxstats as cx

folder, kind, repeats = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
rows = pd.read_parquet(folder / "rows.parquet")
margins = json.loads((folder / "margins.json").read_text(encoding="utf-8"))
facts = list(margins)
if kind == "category":
    rows = rows.astype("category")
if kind == "cells":
    rows = rows.groupby(facts).size().rename("n").reset_index()

seconds = []
for _ in range(repeats):
    start = time.perf_counter()
    cells = rows if kind == "cells" else rows.assign(n=1)
    result = cx.calibrate(cells, margins)
    seconds.append(time.perf_counter() - start)
weights = result.weights
if kind == "cells":
    # back to the rows, to be compared; not part of the time
    original = pd.read_parquet(folder / "rows.parquet")
    weights = original.merge(rows.assign(weight=weights), on=facts, how="left")["weight"].to_numpy()
np.save(folder / f"ours_{kind}.npy", weights)
print(json.dumps({"seconds": min(seconds), "steps": result.iterations}))
