"""10,000 bootstrap replicates of NPS from the counts of 1,000,000 answers."""

import json
import sys
import time

import numpy as np

import cxstats as cx

scores = np.load(sys.argv[1])
counts = cx.NPS.counts(scores)
cx.bootstrap  # noqa: B018 (the import is not what is timed)
took = []
for _ in range(int(sys.argv[3])):
    start = time.perf_counter()
    values = cx.bootstrap(counts, cx.NPS, replicates=int(sys.argv[2]), seed=1)
    took.append(time.perf_counter() - start)
print(json.dumps({"seconds": min(took), "sd": float(values.std(ddof=1)), "replicates": len(values)}))
