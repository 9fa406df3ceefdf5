"""Make 200,000 answers with four facts, and the totals to weight them to: <folder> <rows>."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

folder, size = Path(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(20250401)
LABELS = {
    "country": ["Germany", "United Kingdom", "United States", "Brazil", "Japan"],
    "segment": ["Standard", "Plus", "Family", "Small business"],
    "tenure": ["Under 1 year", "1–3 years", "4–9 years", "10 years or more", "not known", "20 years or more"],
    "channel": ["E-mail", "App message", "Text message"],
}


def drawn(n: int, tilt: float) -> pd.DataFrame:
    """Customers whose facts depend on each other; ``tilt`` favours the first categories."""
    first = rng.normal(size=n)
    columns = {}
    for name, labels in LABELS.items():
        score = 0.5 * first + rng.normal(size=n) + tilt
        cut = np.quantile(rng.normal(size=20_000) * 1.12, np.arange(1, len(labels)) / len(labels))
        columns[name] = np.array(labels, dtype=object)[np.searchsorted(cut, -score)]
    return pd.DataFrame(columns)


rows = drawn(size, 0.35)
frame = drawn(4 * size, 0.0)
margins = {name: {k: int(v) for k, v in frame[name].value_counts().items()} for name in LABELS}
rows.to_parquet(folder / "rows.parquet", index=False)
rows.to_csv(folder / "rows.csv", index=False)
(folder / "margins.json").write_text(json.dumps(margins), encoding="utf-8")
# R has no JSON of its own
lines = [f"{name},{label},{total}" for name, margin in margins.items() for label, total in margin.items()]
(folder / "margins.csv").write_text("\n".join(["variable,category,total", *lines]) + "\n", encoding="utf-8")
print(json.dumps({"cells": len(rows.drop_duplicates())}))
