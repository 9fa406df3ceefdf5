"""Whole studies at 10,000 and at 1,000,000 invitations: what a hundred times the data costs.

    .venv/bin/python benchmarks/study_speed.py [--study predictive_validity] [--repeats 1]

Companies as the demo's, of other sizes: five facts and a channel known of everyone, two waves, stages, two outcomes,
randomised reminders. The study is everything that a report shows, figures drawn; opening the file and checking it is not
in it. The predictive-validity study also runs on the demo company, as the first thing that a program does.
"""

from __future__ import annotations

import argparse
import tempfile

import measure

SIZES = (10_000, 1_000_000)
SECTIONS = {
    "response_rate_bias": ("response-rate-study", "The response-rate study", "NPS", 5.0),
    "predictive_validity": ("predictive-validity-study", "The predictive-validity study", "who leaves", None),
}
DEMO_TARGET = 10.0


def fastest(study: str, source: str, repeats: int) -> measure.Run:
    """The run that took least processor time."""
    runs = [measure.run("whole_study", "run", study, source) for _ in range(repeats)]
    return min(runs, key=lambda one: one.output["processor"])


def row(label: str, run: measure.Run) -> tuple[str, ...]:
    """A line of the table."""
    out = run.output
    return (
        label,
        f"{out['cells']:,}",
        f"{out['seconds']:.1f}",
        f"{out['seconds'] - out['engine']:.1f}",
        f"{out['processor']:.1f}",
        f"{run.peak_mb:,.0f}",
    )


def section(study: str, *, repeats: int, dry_run: bool) -> None:
    """Measure one study, and write its section."""
    key, title, what, target = SECTIONS[study]
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for n in SIZES:
            measure.run("whole_study", "write", folder, n)
            found.append(fastest(study, f"{folder}/{n}.yml", repeats))
    rows = [row(f"{run.output['rows']:,}", run) for run in found]
    small, large = (run.output for run in found)
    after = (large["seconds"] - large["engine"]) / (small["seconds"] - small["engine"])
    aim = "" if target is None else f" (target: at most {target:g})"
    demo = ""
    if study == "predictive_validity":
        cold = fastest(study, "demo", repeats)
        rows.append(row(f"the demo's {cold.output['rows']:,}, cold", cold))
        drawing = cold.output["drawing"]
        demo = (
            f" On the demo company, as the first thing that a program does, it takes {cold.output['seconds'] - drawing:.1f} "
            f"seconds (target: {DEMO_TARGET:g}), and its figures {drawing:.1f} more."
        )
    body = (
        f"The study of {what} with all its figures on companies like the demo's: five facts and a channel known of "
        "everyone, two waves, two outcomes. Cells: combinations of score, facts and the jackknife's parts that "
        "occur. Counting rows is what the reductions of the survey take; the file was opened and checked before.\n\n"
        + measure.table(
            ("invitations", "cells", "seconds", "without counting rows", "processor seconds", "peak MB"), rows
        )
        + f"\n\nA hundred times the invitations take {after:.1f} times as long after the reduction{aim}, "
        f"{large['seconds'] / small['seconds']:.1f} times with it, and "
        f"{large['processor'] / small['processor']:.1f} times the processor time.{demo}\n\n"
        f"{measure.versions('cxstats', 'pandas', 'numpy', 'duckdb')}."
    )
    measure.record(key, title, body, dry_run=dry_run)


def main() -> None:
    """Measure, and write the sections of RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", choices=[*SECTIONS], action="append", help="one study only")
    parser.add_argument("--repeats", type=int, default=1, help="of each size; the fastest counts")
    parser.add_argument("--dry-run", action="store_true", help="print, leave RESULTS.md as it is")
    options = parser.parse_args()
    for study in options.study or SECTIONS:
        section(study, repeats=options.repeats, dry_run=options.dry_run)


if __name__ == "__main__":
    main()
