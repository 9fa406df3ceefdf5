"""Location–scale ordered probit of 30 countries on 11 points: from cells, against R's ordinal::clm on the rows.

python benchmarks/ordinal_speed.py [--rows 10000 1000000]      needs R with the package ordinal
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import measure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--dry-run", action="store_true", help="print, leave RESULTS.md as it is")
    options = parser.parse_args()
    if shutil.which("Rscript") is None:
        raise SystemExit(
            "this benchmark needs R (Rscript) with the package ordinal, the peer it measures against"
        )
    rows, agree = [], []
    for size in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "answers")
            measure.run("ordinal_rows", path, size)
            repeats = 3 if size <= 100_000 else 1  # minutes each
            ours = measure.run("ordinal_ours", path, 20)
            counted = measure.run("ordinal_clm", path, "counts", 3)
            peer = measure.run("ordinal_clm", path, "rows", repeats)
        both = ours.output["counting"] + ours.output["seconds"]
        rows += [
            line(size, "cxstats, from cells", ours, ours.output["seconds"], peer),
            line(size, "cxstats, counting the rows and fitting", ours, both, peer),
            line(size, "clm on counts (weights)", counted, counted.output["seconds"], peer),
            line(size, "clm on the rows", peer, peer.output["seconds"], peer),
        ]
        agree.append(
            f"{size:,} rows: log-likelihoods differ by "
            f"{abs(ours.output['log_likelihood'] - peer.output['log_likelihood']):.1e}, coefficients by at most "
            f"{max(abs(a - b) for a, b in zip(ours.output['estimates'], peer.output['estimates'], strict=True)):.1e}"
        )
    body = (
        "30 countries, 11 points, a location and a spread each (68 parameters). `cx.location_scale` on the 330 counts "
        "against R's `ordinal::clm(nps ~ country, scale = ~ country)` on the rows themselves; only the call is timed, data "
        "in memory and imports done (reading the Parquet file is part of counting). Counts are open to clm's users too: "
        "the third line.\n\n"
        + measure.table(("program", "rows", "seconds", "times faster than clm on rows", "peak MB"), rows)
        + "\n\n"
        + ". ".join(agree)
        + " (target: 1e-6). Targets: faster at 10,000 rows, 50 times at 1,000,000. "
        + measure.versions("numpy", "scipy", "statsmodels")
        + "."
    )
    measure.record("ordinal", "Location–scale ordered model", body, dry_run=options.dry_run)


def line(size: int, name: str, one: measure.Run, seconds: float, peer: measure.Run) -> tuple[str, ...]:
    return (
        name,
        f"{size:,}",
        f"{seconds:.4f}",
        f"{peer.output['seconds'] / seconds:,.1f}",
        f"{one.peak_mb:,.0f}",
    )


if __name__ == "__main__":
    main()
