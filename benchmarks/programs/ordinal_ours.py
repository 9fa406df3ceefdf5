"""Location–scale ordered probit from cells: the fit, and counting the rows first."""

import json
import sys
import time

import ibis

from cxstats.cells import reduce
from cxstats.methods.ordinal import location_scale

path, repeats = sys.argv[1], int(sys.argv[2])


def seconds(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def fit():
    return location_scale(cells, score="nps", location="country", scale="country")


counting, cells = seconds(
    lambda: reduce(ibis.duckdb.connect().read_parquet(path + ".parquet"), ["country", "nps"])
)
first, model = seconds(fit)  # holds SciPy's imports
print(
    json.dumps(
        {
            "first": first,
            "seconds": min(seconds(fit)[0] for _ in range(repeats)),
            "counting": counting,
            "log_likelihood": model.log_likelihood,
            "iterations": model.iterations,
            "estimates": [*model.thresholds, *model.location, *model.log_scale],
        }
    )
)
