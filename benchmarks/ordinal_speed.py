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
        own, clm = (one.output["seconds"] for one in (ours, peer))
        all_of_it = (
            own + ours.output["counting"],
            ours.output["processor"] + ours.output["counting_processor"],
        )
        for name, one, seconds, processor in (
            ("cxstats, from cells", ours, own, ours.output["processor"]),
            ("cxstats, counting the rows and fitting", ours, *all_of_it),
            ("clm on counts (weights)", counted, counted.output["seconds"], counted.output["processor"]),
            ("clm on the rows", peer, clm, peer.output["processor"]),
        ):
            times = peer.output["processor"] / processor
            rows.append(
                (
                    name,
                    f"{size:,}",
                    f"{seconds:.4f}",
                    f"{processor:.4f}",
                    f"{times:,.1f}",
                    f"{one.peak_mb:,.0f}",
                )
            )
        agree.append(
            f"{size:,} rows: log-likelihoods differ by "
            f"{abs(ours.output['log_likelihood'] - peer.output['log_likelihood']):.1e}, coefficients by at most "
            f"{max(abs(a - b) for a, b in zip(ours.output['estimates'], peer.output['estimates'], strict=True)):.1e}"
        )
    body = (
        "30 countries, 11 points, a location and a spread each (68 parameters). `cx.location_scale` on the 330 counts "
        "against R's `ordinal::clm(nps ~ country, scale = ~ country)` on the rows themselves; only the call is timed, data "
        "in memory and imports done (reading the Parquet file is part of counting). Counts are open to clm's users too: "
        "the third line. Times faster in processor seconds, which a busy machine does not stretch.\n\n"
        + measure.table(
            ("program", "rows", "seconds", "processor seconds", "times faster than clm on rows", "peak MB"),
            rows,
        )
        + "\n\n"
        + ". ".join(agree)
        + " (target: 1e-6). Targets: faster at 10,000 rows, 50 times at 1,000,000. "
        + measure.versions("numpy", "scipy", "statsmodels")
        + "."
    )
    measure.record("ordinal", "Location–scale ordered model", body, dry_run=options.dry_run)


if __name__ == "__main__":
    main()
