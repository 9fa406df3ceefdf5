"""Count cells with DuckDB SQL written by hand."""

import json
import sys

import duckdb

cells = duckdb.execute(
    "SELECT score, country, segment, wave, count(*) AS n FROM read_parquet(?) GROUP BY ALL ORDER BY ALL",
    [sys.argv[1]],
).df()
print(json.dumps({"cells": len(cells), "n": int(cells["n"].sum()), "largest": int(cells["n"].max())}))
