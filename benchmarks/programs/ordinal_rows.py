"""Draw answers from 0 to 10 of customers in 30 countries that differ in location and spread; save them twice."""

import json
import sys

import numpy as np
import pandas as pd
from scipy.stats import norm

path, size = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(20250401)
cuts = norm.ppf(np.cumsum([3, 1, 1, 2, 2, 5, 6, 12, 22, 20])[:10] / 100)
location, spread = rng.normal(0, 0.3, 30), np.exp(rng.normal(0, 0.2, 30))
country = rng.integers(0, 30, size)
score = np.searchsorted(cuts, location[country] + spread[country] * rng.normal(size=size))
names = np.array([f"country {i:02d}" for i in range(30)])
rows = pd.DataFrame({"country": names[country], "nps": score})
rows.to_parquet(path + ".parquet")
rows.to_csv(path + ".csv", index=False)
print(json.dumps({"n": size}))
