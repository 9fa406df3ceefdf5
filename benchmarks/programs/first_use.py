"""Seconds until a first name of each room is there, in a fresh interpreter: what loading on use costs."""

import importlib
import json
import sys
import time

start = time.perf_counter()
getattr(importlib.import_module("cxstats"), sys.argv[1])
print(json.dumps({"seconds": time.perf_counter() - start}))
