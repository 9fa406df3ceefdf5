"""The whole response-rate study at 10,000 and at 1,000,000 invitations: what a hundred times the data costs.

    .venv/bin/python benchmarks/response_rate_bias_speed.py [--repeats 1]

Companies as the demo's, of other sizes: five facts and a channel known of everyone, two waves, stages, two outcomes,
randomised reminders. The study is everything that a report shows, figures drawn; opening the file and checking it is not
in it.
"""

from __future__ import annotations

import argparse
import tempfile

import measure

SIZES = (10_000, 1_000_000)
TARGET = 5.0


def main() -> None:
    """Measure, and write the section of RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=1, help="of each size; the fastest counts")
    parser.add_argument("--dry-run", action="store_true", help="print, leave RESULTS.md as it is")
    options = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for n in SIZES:
            measure.run("response_rate_study", "write", folder, n)
            runs = [measure.run("response_rate_study", "run", folder, n) for _ in range(options.repeats)]
            found.append(min(runs, key=lambda one: one.output["processor"]))
    rows = []
    for run in found:
        out = run.output
        rows.append(
            (
                f"{out['rows']:,}",
                f"{out['cells']:,}",
                f"{out['seconds']:.1f}",
                f"{out['seconds'] - out['engine']:.1f}",
                f"{out['processor']:.1f}",
                f"{run.peak_mb:,.0f}",
            )
        )
    small, large = (run.output for run in found)
    after = (large["seconds"] - large["engine"]) / (small["seconds"] - small["engine"])
    body = (
        "The study of NPS with all its figures on companies like the demo's: five facts and a channel known of everyone, "
        "two waves of which the latest is reported on, two outcomes. Cells: combinations of score, facts and the "
        "jackknife's parts that occur. Counting rows is what the reductions of the survey take; the file was opened and "
        "checked before.\n\n"
        + measure.table(
            ("invitations", "cells", "seconds", "without counting rows", "processor seconds", "peak MB"), rows
        )
        + f"\n\nA hundred times the invitations take {after:.1f} times as long after the reduction (target: at most "
        f"{TARGET:g}), {large['seconds'] / small['seconds']:.1f} times with it, and "
        f"{large['processor'] / small['processor']:.1f} times the processor time.\n\n"
        f"{measure.versions('cxstats', 'pandas', 'numpy', 'duckdb')}."
    )
    measure.record("response-rate-study", "The response-rate study", body, dry_run=options.dry_run)


if __name__ == "__main__":
    main()
