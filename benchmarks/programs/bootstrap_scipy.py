"""Bootstrap replicates of NPS with scipy.stats.bootstrap on the 1,000,000 answers themselves: the peer."""

import json
import sys
import time

import numpy as np
from scipy import stats

import cxstats as cx

values = np.asarray(cx.NPS.values)[np.load(sys.argv[1])]
start = time.perf_counter()
result = stats.bootstrap(
    (values,),
    np.mean,
    n_resamples=int(sys.argv[2]),
    method="percentile",  # the default would add a jackknife of a million means
    batch=10,  # more at a time takes more memory and no less time
    vectorized=True,
    rng=np.random.default_rng(1),
)
seconds = time.perf_counter() - start
print(
    json.dumps(
        {
            "seconds": seconds,
            "sd": float(result.standard_error),
            "replicates": len(result.bootstrap_distribution),
        }
    )
)
