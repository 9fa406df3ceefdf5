"""Largest relative difference of weights from those of plain iterative proportional fitting: <folder> <name>…"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

folder, names = Path(sys.argv[1]), sys.argv[2:]
rows = pd.read_parquet(folder / "rows.parquet")
margins = json.loads((folder / "margins.json").read_text(encoding="utf-8"))
codes = [pd.Categorical(rows[name], categories=list(margin)).codes for name, margin in margins.items()]
wanted = [np.array(list(margin.values()), dtype=float) for margin in margins.values()]
weights = np.full(len(rows), wanted[0].sum() / len(rows))
for _ in range(500):
    before = weights
    for code, target in zip(codes, wanted, strict=True):
        weights = weights * (target / np.bincount(code, weights=weights))[code]
    if np.abs(weights / before - 1).max() < 1e-15:
        break
result = {}
for name in names:
    path = folder / name
    found = np.fromfile(path) if path.suffix == ".f64" else np.load(path)
    result[name] = float(np.abs(found / weights - 1).max())
print(json.dumps(result))
