"""Count cells with pandas' own group-by: the peer."""

import json
import sys

import pandas as pd

rows = pd.read_parquet(sys.argv[1], columns=["score", "country", "segment", "wave"])
cells = rows.groupby(["score", "country", "segment", "wave"], observed=True, dropna=False).size()
print(json.dumps({"cells": len(cells), "n": int(cells.sum()), "largest": int(cells.max())}))
