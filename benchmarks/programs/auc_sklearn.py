"""scikit-learn's roc_auc_score on the rows, two arrays in memory: <path> <repeats>."""

import json
import sys
import time
from importlib.metadata import version

import numpy as np
from sklearn.metrics import roc_auc_score

path, repeats = sys.argv[1], int(sys.argv[2])
nps, left = (np.fromfile(f"{path}.{name}", dtype=np.uint8) for name in ("nps", "left"))
score = -nps.astype(np.int8)

runs = []
for _ in range(repeats):
    start, before = time.perf_counter(), time.process_time()
    auc = roc_auc_score(left, score)
    runs.append((time.perf_counter() - start, time.process_time() - before))
print(json.dumps({"seconds": min(runs), "auc": float(auc), "version": version("scikit-learn")}))
