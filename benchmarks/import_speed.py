"""Seconds of ``import cxstats``, and of the first use of a name that loads something.

python benchmarks/import_speed.py
"""

from __future__ import annotations

import argparse

import measure

NAMES = ("NPS", "estimate", "coverage_card", "open_survey", "sample_size")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--dry-run", action="store_true", help="print, leave RESULTS.md as it is")
    options = parser.parse_args()
    programs = [("first_use", name) for name in ("__version__", *NAMES)]
    labels = ("import cxstats", *(f"import cxstats, then cx.{name}" for name in NAMES))
    # the import alone counts, so the fastest by that clock and not by the whole process
    rounds = [[measure.run(*one).output["seconds"] for one in programs] for _ in range(options.repeats + 1)][
        1:
    ]
    best = [min(seconds) for seconds in zip(*rounds, strict=True)]
    rows = [(f"`{label}`", f"{seconds:.3f}") for label, seconds in zip(labels, best, strict=True)]
    body = (
        f"In a fresh interpreter, byte code compiled, the fastest of {options.repeats} (target: `import cxstats` "
        "under 0.3 s; heavy libraries load when a name that needs them is first used).\n\n"
        + measure.table(("statement", "seconds"), rows)
        + "\n\n"
        + measure.versions("numpy", "pandas", "pydantic")
        + "."
    )
    measure.record("import", "Import", body, dry_run=options.dry_run)


if __name__ == "__main__":
    main()
