"""AUC, DeLong's variance and lift of discrete scores: from cells, against scikit-learn and R's pROC on the rows.

    python benchmarks/auc_speed.py --peers PEERS/bin/python

R needs its package pROC; scikit-learn lives in an environment of its own (``pip install scikit-learn``): it is no
dependency of this project. Peers that are not there are left out, and the result says so.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import measure

TARGET_MS, TARGET_TIMES = 50.0, 20.0
PROGRAMS = measure.HERE / "programs"


def _peer(command: list[str]) -> dict | None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:,.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", help="interpreter of an environment with scikit-learn")
    parser.add_argument("--rows", type=int, default=1_000_000, help="that the peers are given")
    parser.add_argument("--many", type=int, default=10_000_000, help="counted once, then from cells alone")
    parser.add_argument("--dry-run", action="store_true", help="print, leave RESULTS.md as it is")
    options = parser.parse_args()
    missing, rows, said = [], [], []
    with tempfile.TemporaryDirectory() as name:
        few, many = (str(Path(name) / which) for which in ("few", "many"))
        measure.run("auc_rows", many, options.many)
        large = measure.run("auc_ours", many, 50).output
        measure.run("auc_rows", few, options.rows)
        ours = measure.run("auc_ours", few, 50).output
        theirs: dict[str, tuple[float, float]] = {}
        sklearn = proc = None
        if options.peers:
            sklearn = _peer([options.peers, str(PROGRAMS / "auc_sklearn.py"), few, "10"])
        if shutil.which("Rscript"):
            proc = _peer(["Rscript", str(PROGRAMS / "auc_proc.R"), few, "3"])
    if sklearn:
        theirs[f"scikit-learn {sklearn['version']} `roc_auc_score`: the area"] = (
            sklearn["seconds"][0],
            sklearn["auc"],
        )
    else:
        missing.append("scikit-learn" + ("" if options.peers else " (no --peers given)"))
    if proc:
        theirs[f"pROC {proc['version']} `roc`: the area"] = (proc["area"], proc["auc"])
        theirs[f"pROC {proc['version']} `roc` and `var`: with DeLong's variance"] = (
            proc["both"],
            proc["auc"],
        )
        said.append(
            f"DeLong's variance differs from pROC's by {abs(ours['variance'] / proc['variance'] - 1):.0e} of it."
        )
    else:
        missing.append("R with its package pROC")

    alone, arrays = ours["alone"][0], ours["arrays"][0]
    rows.append(("cxstats, from cells: area and variance", _ms(alone), "", "", ""))
    rows.append(("cxstats, counting two arrays and that", _ms(arrays), "", "", ""))
    for title, (seconds, auc) in theirs.items():
        apart = abs(auc - ours["auc"])
        rows.append(
            (title, _ms(seconds), f"{seconds / alone:,.0f}", f"{seconds / arrays:,.0f}", f"{apart:.0e}")
        )
    body = [
        f"{options.many:,} customers with three scores (11, 5 and 7 answers) and whether they left: {large['cells']} cells, "
        f"counted from Parquet in {large['counting'][0]:.2f} s. From the cells on, the AUCs of all three with DeLong's "
        f"covariance and the lift of the top tenth of each take {_ms(large['three'][0])} (target: {TARGET_MS:g} ms); of the "
        f"recommendation alone {_ms(large['one'][0])}.",
        "",
        f"One score of {options.rows:,} customers, the fastest of several calls, data in memory, imports not counted:",
        "",
        measure.table(["", "time", "times ours from cells", "times ours with counting", "AUC apart"], rows),
        "",
        *said,
        f"Target: {TARGET_TIMES:g} times faster than either peer, the same value to 1e-12."
        + (f" Not there and left out: {', '.join(missing)}." if missing else ""),
        measure.versions("cxstats", "numpy", "pandas", "duckdb") + ".",
    ]
    measure.record("auc", "AUC from cells", "\n".join(body), dry_run=options.dry_run)


if __name__ == "__main__":
    main()
