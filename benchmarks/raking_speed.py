"""Raking 200,000 rows to 4 margins, beside R's survey package, weightipy and balance: from rows to weights.

    .venv/bin/python benchmarks/raking_speed.py --peers /path/to/other/venv/bin/python

The Python peers live in an environment of their own (``pip install weightipy balance``): they are no dependency of
this project. Peers that are not there are left out, and the result says so.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import measure

PROGRAMS = measure.HERE / "programs"
ROUNDS = 3
TARGET = 5.0

# name, interpreter, program, its variant, the file it writes
CONTENDERS = [
    ("cxstats, rows of text", "ours", "raking_ours.py", "text", "ours_text.npy"),
    ("cxstats, rows of categories", "ours", "raking_ours.py", "category", "ours_category.npy"),
    ("cxstats, cells", "ours", "raking_ours.py", "cells", "ours_cells.npy"),
    ("weightipy, rows of text", "peers", "raking_weightipy.py", "text", "weightipy_text.npy"),
    ("weightipy, rows of categories", "peers", "raking_weightipy.py", "category", "weightipy_category.npy"),
    ("balance, as it comes", "peers", "raking_balance.py", "default", "balance_default.npy"),
    ("balance, to rounding error", "peers", "raking_balance.py", "tight", "balance_tight.npy"),
    ("R survey `rake`, as it comes", "R", "raking_survey.R", "rake_default", "survey_rake_default.f64"),
    ("R survey `rake`, to rounding error", "R", "raking_survey.R", "rake", "survey_rake.f64"),
    ("R survey `calibrate`", "R", "raking_survey.R", "calibrate", "survey_calibrate.f64"),
]


def _python(command: list[str], needs: str) -> str | None:
    """Why a program cannot run, or None."""
    done = subprocess.run([*command, "-c", f"import {needs}"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"{needs} is not installed there"


def _available(peers: str | None) -> tuple[dict[str, list[str]], list[str]]:
    """The interpreters there are, and what is missing."""
    interpreters, missing = {"ours": [sys.executable]}, []
    if shutil.which("Rscript"):
        done = subprocess.run(["Rscript", "-e", "library(survey)"], capture_output=True, check=False)
        if done.returncode == 0:
            interpreters["R"] = ["Rscript"]
    if "R" not in interpreters:
        missing.append("R with its survey package")
    if peers is None:
        missing.append("weightipy and balance (no --peers given)")
    else:
        absent = [name for name in ("weightipy", "balance") if _python([peers], name)]
        missing += absent
        if not absent:
            interpreters["peers"] = [peers]
    return interpreters, missing


def _run(interpreter: list[str], program: str, folder: Path, variant: str, repeats: int) -> dict:
    command = [*interpreter, str(PROGRAMS / program), str(folder), variant, str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{program} {variant} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help="interpreter of an environment with weightipy and balance")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5, help="within each process; the fastest counts")
    parser.add_argument("--dry-run", action="store_true", help="do not write RESULTS.md")
    options = parser.parse_args()
    interpreters, missing = _available(options.peers)
    contenders = [one for one in CONTENDERS if one[1] in interpreters]
    best: dict[str, float] = {}
    versions: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cells = measure.run("raking_rows", folder, options.rows).output["cells"]
        for _ in range(ROUNDS):
            for title, who, program, variant, _file in contenders:
                # R takes seconds: once a round tells as much
                result = _run(
                    interpreters[who], program, folder, variant, 1 if who == "R" else options.repeats
                )
                best[title] = min(result["seconds"], best.get(title, float("inf")))
                versions[title.partition(",")[0].partition(" `")[0]] = result.get("version", "")
        apart = measure.run("raking_agree", folder, *(one[4] for one in contenders)).output

    rows = [
        (title, f"{1000 * best[title]:,.1f} ms", f"{apart[file]:.0e}")
        for title, _who, _program, _variant, file in contenders
    ]
    peers = {title: best[title] for title, who, *_ in contenders if who != "ours"}
    lines = [
        f"{options.rows:,} answers with four facts ({cells} combinations that occur), raked to the frame's totals. Time "
        "from rows in memory to one weight per row; imports and reading are not counted (in the peers' favour), nor for "
        "balance the making of its target sample. The last column is the largest relative difference of any weight from "
        "those of plain iterative proportional fitting run to rounding error.",
        "",
        measure.table(["", "time", "apart"], rows),
        "",
    ]
    if peers:
        fastest = min(peers, key=peers.get)
        text, few = best["cxstats, rows of text"], best["cxstats, cells"]
        lines.append(
            f"From rows to weights {peers[fastest] / text:.1f} times the speed of the fastest peer ({fastest}; target: the "
            f"fastest); once the cells exist {peers[fastest] / few:,.0f} times (target: {TARGET:g}). Our weights agree to "
            f"{max(apart[one[4]] for one in contenders if one[1] == 'ours'):.0e} (target: 1e-08)."
        )
    if missing:
        lines.append(f"Not there and left out: {', '.join(missing)}.")
    named = ", ".join(f"{name} {number}" for name, number in versions.items() if number)
    lines.append(f"{measure.versions('cxstats', 'pandas', 'numpy')}; {named}." if named else "")
    measure.record("raking", "Raking", "\n".join(lines), dry_run=options.dry_run)


if __name__ == "__main__":
    main()
