"""Rendering one report of the demo company: `cxstats render` against plain papermill and nbconvert commands.

python benchmarks/rendering.py
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measure

NOTEBOOK = measure.HERE.parent / "notebooks" / "sample_size.ipynb"
BIN = Path(sys.executable).parent


def timed(*commands: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of commands run one after the other, their children included."""
    start, before = time.perf_counter(), os.times()
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{command[0]} ended with exit code {done.returncode}:\n{done.stderr}")
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - start, used


def contenders(folder: Path) -> dict[str, list[list[str]]]:
    """The commands of each contender."""
    executed = folder / "executed.ipynb"
    out = ["--out", str(folder / "out"), "--catalog", str(NOTEBOOK.parents[1] / "reports" / "catalog.yml")]
    return {
        "cxstats render": [[str(BIN / "cxstats"), "render", "sample-size-nps", *out]],
        "papermill, then jupyter nbconvert": [
            [str(BIN / "papermill"), "-k", "python3", "-p", "metric", "nps", str(NOTEBOOK), str(executed)],
            [str(BIN / "jupyter"), "nbconvert", "--to", "html", "--no-input", str(executed)],
        ],
        "plain script, no Jupyter, no page": [
            [sys.executable, str(measure.HERE / "programs" / "sample_size_plain.py"), str(NOTEBOOK), "nps"]
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dry-run", action="store_true", help="print, leave RESULTS.md as it is")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = contenders(folder)
        for commands in runs.values():
            timed(*commands)  # caches warm
        rounds = [{key: timed(*commands) for key, commands in runs.items()} for _ in range(options.repeats)]
        ours = (folder / "out" / "demo" / "sample-size-nps" / "index.html").stat().st_size
        plain = (folder / "executed.html").stat().st_size
    best = {key: min((one[key] for one in rounds), key=lambda pair: pair[0]) for key in runs}
    first, peer, floor = best.values()
    rows = [
        (key, f"{wall:.2f}", f"{used:.2f}", f"{wall - floor[0]:.2f}") for key, (wall, used) in best.items()
    ]
    body = (
        "The NPS report of the demo company, from the command to the page, the fastest of "
        f"{options.repeats} rounds in turn. `cxstats render` makes two editions "
        f"(the reader's is {ours / 1e3:,.0f} kB, against {plain / 1e3:,.0f} kB), scans and publishes them and makes "
        "the index; the plain commands make one page. The plain script does the same analysis and draws "
        "the same figures in one process: the floor.\n\n"
        + measure.table(("program", "seconds", "processor seconds", "seconds above the floor"), rows)
        + f"\n\n`cxstats render` takes {first[0] / peer[0]:.2f} of the plain commands' time "
        f"({first[1] / peer[1]:.2f} in processor seconds). Above the floor it needs {first[1] - floor[1]:.1f} "
        f"processor seconds, the plain commands {peer[1] - floor[1]:.1f}. Where wall and processor seconds "
        "tell different stories, the machine was busy. "
        + measure.versions("papermill", "nbconvert", "ipykernel")
        + "."
    )
    measure.record("rendering", "Rendering", body, dry_run=options.dry_run)


if __name__ == "__main__":
    main()
