"""Seconds of the exact-coverage card for NPS at n = 100.

python benchmarks/coverage_speed.py
"""

from __future__ import annotations

import argparse

import measure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dry-run", action="store_true", help="print, leave RESULTS.md as it is")
    options = parser.parse_args()
    runs = [measure.run("coverage_card") for _ in range(options.repeats)]
    rows = [
        ("first call in a process", f"{min(one.output['first'] for one in runs):.3f}"),
        ("later calls", f"{min(one.output['later'] for one in runs):.3f}"),
        ("whole process, imports too", f"{min(one.seconds for one in runs):.3f}"),
    ]
    body = (
        f"Every sample of 100 answers enumerated, all methods of the card; the fastest of {options.repeats} "
        "processes (target: under 1 s).\n\n" + measure.table(("", "seconds"), rows)
    )
    measure.record("coverage-card", "Exact-coverage card, NPS, n = 100", body, dry_run=options.dry_run)


if __name__ == "__main__":
    main()
