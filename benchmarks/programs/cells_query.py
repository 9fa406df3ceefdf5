"""The query alone, in one process: the reduction against DuckDB SQL written by hand, taken in turn."""

import json
import sys
import time

import duckdb
import ibis

from cxstats import cells

path, repeats = sys.argv[1], int(sys.argv[2])
table = ibis.duckdb.connect().read_parquet(path)
plain = duckdb.connect()
by = ["score", "country", "segment", "wave"]


def seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def written_by_hand() -> None:
    plain.execute(
        "SELECT score, country, segment, wave, count(*) AS n FROM read_parquet(?) GROUP BY ALL ORDER BY ALL",
        [path],
    ).df()


took = [(seconds(written_by_hand), seconds(lambda: cells.reduce(table, by))) for _ in range(repeats + 1)][1:]
print(json.dumps({"sql": min(a for a, _ in took), "reduce": min(b for _, b in took)}))
