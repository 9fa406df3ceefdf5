"""Counting cells: seconds and memory against pandas' own group-by and DuckDB SQL written by hand.

    python benchmarks/cells_speed.py                       # 50 million rows, three encodings; some minutes
    python benchmarks/cells_speed.py --rows 1000000 --no-scaling --dry-run

Whole processes, caches warm, taken in turn. The files are made once in --folder (1.2 GB at 50 million).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import measure

ENCODING_NAMES = {
    "categorical": "dictionary-encoded (pandas categorical)",
    "text": "text (dictionary pages, the usual)",
    "undictionaried": "text, every value written out",
}


def made(folder: Path, rows: int, *encodings: str) -> dict[str, dict[str, str]]:
    """Files of answers; made in a process of their own, so that this one stays small (see measure.py)."""
    command = [sys.executable, measure.HERE / "answers.py", folder, str(rows), *encodings]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def encodings_table(folder: Path, rows: int, repeats: int) -> tuple[str, str]:
    """Seconds and memory per encoding; and the query alone."""
    lines, queries = [], []
    for encoding, files in made(folder, rows).items():
        path, survey = files["data"], files["survey"]
        programs = [
            ("cells_survey", survey),
            ("cells_reduce", path),
            ("cells_sql", path),
            ("cells_pandas", path),
        ]
        ours, reduction, sql, peer = runs = measure.in_turn(programs, repeats=repeats)
        if len({tuple(one.output.values()) for one in runs}) > 1:
            raise RuntimeError(f"{encoding}: the counts differ: {[one.output for one in runs]}")
        for name, one in (
            ("cxstats, survey.yml", ours),
            ("cxstats, reduction alone", reduction),
            ("SQL by hand", sql),
            ("pandas", peer),
        ):
            lines.append(
                (
                    ENCODING_NAMES[encoding],
                    name,
                    f"{one.seconds:.2f}",
                    f"{one.processor_seconds:.2f}",
                    f"{one.peak_mb:,.0f}",
                    f"{peer.seconds / one.seconds:.1f}×",
                )
            )
        query = measure.run("cells_query", path, repeats).output
        queries.append(
            (
                ENCODING_NAMES[encoding],
                f"{query['sql']:.2f}",
                f"{query['reduce']:.2f}",
                f"{query['reduce'] / query['sql']:.2f}",
            )
        )
    whole = measure.table(
        ("file", "program", "seconds", "processor seconds", "peak MB", "times faster than pandas"), lines
    )
    return whole, measure.table(("file", "SQL by hand, seconds", "reduction, seconds", "ratio"), queries)


def scaling_table(folder: Path, sizes: list[int], repeats: int) -> str:
    """Seconds against rows."""
    lines = []
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for rows in sizes:
        files = made(folder, rows, "text")["text"]
        path = files["data"]
        programs = [("cells_survey", files["survey"]), ("cells_sql", path)]
        # pandas holds the text of every row: about 130 bytes each at the peak
        fits = 130 * rows < memory / 2
        if fits:
            programs.append(("cells_pandas", path))
        runs = measure.in_turn(programs, repeats=repeats)
        peer = (
            (f"{runs[2].seconds:.2f}", f"{runs[2].peak_mb:,.0f}")
            if fits
            else ("not run", "over half the memory")
        )
        ours, sql = runs[:2]
        lines.append(
            (f"{rows:,}", f"{ours.seconds:.2f}", f"{ours.peak_mb:,.0f}", f"{sql.seconds:.2f}", *peer)
        )
    return measure.table(
        ("rows", "cxstats s", "cxstats peak MB", "SQL by hand s", "pandas s", "pandas peak MB"), lines
    )


def fixed_cost_table(folder: Path, repeats: int) -> str:
    """Where the seconds go that do not depend on the rows: the fastest of some runs, part by part."""
    survey = made(folder, 10_000, "text")["text"]["survey"]
    runs = [measure.run("cells_fixed", survey).output for _ in range(max(repeats, 5))]
    lines = [(part, f"{min(one[part] for one in runs):.2f}") for part in runs[0]]
    return measure.table(("part", "seconds"), lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--largest", type=int, default=100_000_000, help="last size of the scaling table")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "cxstats-benchmarks")
    parser.add_argument("--no-scaling", action="store_true")
    parser.add_argument("--dry-run", action="store_true", help="print, leave RESULTS.md as it is")
    options = parser.parse_args()

    whole, query = encodings_table(options.folder, options.rows, options.repeats)
    body = (
        f"Cells by score, country, segment and wave (8,800) of a Parquet file of {options.rows:,} rows, "
        f"read by each program in a process of its own, caches warm, the fastest of {options.repeats} runs "
        "taken in turn. Targets: 3 times faster than pandas on dictionary-encoded text and 7 times on plain "
        f"text, under 400 MB.\n\n{whole}\n\nThe query alone, within one process (target: at most 1.2 times "
        f"SQL by hand):\n\n{query}\n"
    )
    used = "\n\n" + measure.versions("pandas", "duckdb", "ibis-framework", "pyarrow") + "."
    measure.record("cells", "Counting cells", body + used, dry_run=options.dry_run)
    if not options.no_scaling:
        sizes = [10**k for k in range(4, 9) if 10**k <= options.largest]
        body = (
            "The same cells, text in the usual encoding, whole processes; what the smallest file takes is the "
            "fixed cost.\n\n"
            + scaling_table(options.folder, sizes, options.repeats)
            + "\n\nWhere the fixed cost goes (a process of its own, the fastest of each part):\n\n"
            + fixed_cost_table(options.folder, options.repeats)
            + "\n"
        )
        measure.record(
            "cells-rows", "Counting cells against the number of rows", body + used, dry_run=options.dry_run
        )


if __name__ == "__main__":
    main()
