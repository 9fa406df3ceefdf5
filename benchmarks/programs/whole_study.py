"""One whole study on a simulated company or the demo: seconds in all, and of them in the survey's own engine."""

import json
import sys
import time

import cxstats as cx
from cxstats.simulation import company
from cxstats.survey import Survey

ENGINE = ("cells", "cluster_matrix", "rows", "counts")
STUDIES = {
    "response_rate_bias": (cx.response_rate_bias, {"metric": "nps"}, {"metric": "csat"}),
    "predictive_validity": (cx.predictive_validity, {"outcome": "churned"}, {"outcome": "repurchased"}),
}
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


def write(folder, n):
    """Make a company of so many invitations."""
    # one in ten customers is invited in both waves
    made = company(round(n / 1.1), seed=20250401)
    made.rows.to_parquet(f"{folder}/{n}.parquet", index=False)
    with open(f"{folder}/{n}.yml", "w", encoding="utf-8") as file:  # JSON is YAML too
        json.dump({**made.description, "responses": {"file": f"{n}.parquet"}}, file, default=str)
    return {"rows": len(made.rows)}


def run(name, source):
    """The study with all its figures; the demo company cold, as the first thing that a program does."""
    study, parameters, other = STUDIES[name]
    if source != "demo":
        study(cx.open_survey("demo"), **other)  # what loads, loads now
    survey = cx.open_survey(source)
    rows = int(survey.cells(["responded"])["n"].sum())
    for method in ENGINE:
        setattr(Survey, method, counted(getattr(Survey, method)))
    start = time.perf_counter(), time.process_time()
    result = study(survey, **parameters)
    drawing = time.perf_counter()
    for figure in result.figures.values():
        figure.to_json()
    seconds, processor = time.perf_counter() - start[0], time.process_time() - start[1]
    return {
        "rows": rows,
        "seconds": seconds,
        "processor": processor,
        "drawing": time.perf_counter() - drawing,
        "engine": spent["seconds"],
        "cells": len(survey.cells(["nps", *survey.groups, "part"])),
    }


what, *arguments = sys.argv[1:]
print(json.dumps(write(arguments[0], int(arguments[1])) if what == "write" else run(*arguments)))
