"""The whole response-rate study on a simulated company: seconds in all, and of them in the survey's own engine."""

import json
import sys
import time

import cxstats as cx
from cxstats.simulation import company
from cxstats.survey import Survey

ENGINE = ("cells", "cluster_matrix", "rows", "counts")
spent = {"seconds": 0.0, "depth": 0}


def counted(method):
    """The method, its time added up once where one calls another."""

    def call(*arguments, **named):
        spent["depth"] += 1
        start = time.perf_counter()
        try:
            return method(*arguments, **named)
        finally:
            spent["depth"] -= 1
            if not spent["depth"]:
                spent["seconds"] += time.perf_counter() - start

    return call


def main() -> None:
    """Make the company (``write``), or run the study on its file and print what it took."""
    what, folder, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if what == "write":
        # one in ten customers is invited in both waves
        made = company(round(n / 1.1), seed=20250401)
        made.rows.to_parquet(f"{folder}/{n}.parquet", index=False)
        with open(f"{folder}/{n}.yml", "w", encoding="utf-8") as file:  # JSON is YAML too
            json.dump({**made.description, "responses": {"file": f"{n}.parquet"}}, file, default=str)
        print(json.dumps({"rows": len(made.rows)}))
        return
    cx.response_rate_bias(cx.open_survey("demo"), metric="csat")  # what loads, loads now
    survey = cx.open_survey(f"{folder}/{n}.yml")
    rows = int(survey.cells(["responded"])["n"].sum())
    for name in ENGINE:
        setattr(Survey, name, counted(getattr(Survey, name)))
    start = time.perf_counter(), time.process_time()
    study = cx.response_rate_bias(survey, metric="nps")
    for figure in study.figures.values():
        figure.to_json()
    seconds, processor = time.perf_counter() - start[0], time.process_time() - start[1]
    cells = len(survey.cells(["nps", *survey.groups, "part"]))
    print(
        json.dumps(
            {
                "rows": rows,
                "invited": study.numbers.invited,
                "seconds": seconds,
                "processor": processor,
                "engine": spent["seconds"],
                "cells": cells,
            }
        )
    )


main()
