"""Bootstrap of NPS from 1,000,000 answers: 10,000 replicates from counts against scipy's 999 from answers.

python benchmarks/bootstrap_speed.py
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import measure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--dry-run", action="store_true", help="print, leave RESULTS.md as it is")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.npy"
        measure.run("scores", path, options.answers)
        ours = measure.run("bootstrap_ours", path, 10_000, 5)
        peer = measure.run("bootstrap_scipy", path, 999)
    each = [one.output["seconds"] / one.output["replicates"] for one in (ours, peer)]
    rows = [
        (
            name,
            f"{one.output['replicates']:,}",
            f"{one.output['seconds']:.4f}",
            f"{1e6 * one_each:,.2f}",
            f"{one.output['sd']:.4f}",
            f"{one.peak_mb:,.0f}",
        )
        for name, one, one_each in zip(
            ("cx.bootstrap", "scipy.stats.bootstrap"), (ours, peer), each, strict=True
        )
    ]
    body = (
        f"NPS of {options.answers:,} answers. The call itself is timed, data in memory; reading and imports are "
        "not. Both draw from the same distribution: their standard deviations agree within Monte-Carlo error.\n\n"
        + measure.table(
            ("program", "replicates", "seconds", "microseconds per replicate", "sd of NPS", "peak MB"), rows
        )
        + f"\n\nPer replicate {each[1] / each[0]:,.0f} times faster (target: 1,000 times). "
        + measure.versions("numpy", "scipy")
        + "."
    )
    measure.record("bootstrap", "Bootstrap", body, dry_run=options.dry_run)


if __name__ == "__main__":
    main()
