"""Where the fixed cost of counting goes: seconds of each import, then of cxstats itself, on a small file."""
# ruff: noqa: E402, F401 (the order of imports is what is measured)

import json
import sys
import time

laps, start = {}, time.perf_counter()


def lap(name):
    global start
    now = time.perf_counter()
    laps[name] = now - start
    start = now


import numpy
import pandas
import pyarrow

lap("numpy, pandas, pyarrow")
import duckdb

lap("duckdb")
import ibis
import ibis.backends.duckdb

ibis.duckdb.connect()
lap("ibis, with a connection")
import pydantic.main
import yaml

lap("pydantic, yaml")
import cxstats as cx

survey = cx.open_survey(sys.argv[1])
lap("cxstats: open and check")
survey.cells(by=["nps", "country", "segment", "wave"])
lap("cxstats: count")
print(json.dumps(laps))
