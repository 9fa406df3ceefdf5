"""Count cells with the reduction alone: cxstats.cells on an ibis table."""

import json
import sys

import ibis

from cxstats import cells

table = ibis.duckdb.connect().read_parquet(sys.argv[1])
counted = cells.reduce(table, ["score", "country", "segment", "wave"])
print(json.dumps({"cells": len(counted), "n": int(counted["n"].sum()), "largest": int(counted["n"].max())}))
