"""Rendering: `cxstats render` against plain papermill and nbconvert commands, and 500 small reports in one run.

python benchmarks/rendering.py            # one report of each study
python benchmarks/rendering.py --many 500 # small reports; the memory of the run while it goes on
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measure

ROOT = measure.HERE.parent
BIN = Path(sys.executable).parent
WORKERS = 2
TARGET = 0.2  # of the plain commands' overhead above the floor
REPORTS = {
    "sample-size-nps": ("sample_size", "metric", "nps"),
    "extreme-response-bias-nps": ("extreme_response_bias", "metric", "nps"),
    "response-rate-bias-nps": ("response_rate_bias", "metric", "nps"),
    "predictive-validity-churned": ("predictive_validity", "outcome", "churned"),
}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # for every contender


def timed(*commands: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of commands run one after the other, their children included."""
    start, before = time.perf_counter(), os.times()
    for command in commands:
        surroundings = os.environ | ONE_THREAD
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=surroundings)
        if done.returncode:
            raise RuntimeError(f"{command[0]} ended with exit code {done.returncode}:\n{done.stderr}")
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - start, used


def notebook(name: str) -> str:
    """Where a study's notebook is."""
    return str(ROOT / "notebooks" / f"{name}.ipynb")


def contenders(folder: Path, reports: dict[str, tuple[str, str, str]]) -> dict[str, list[list[str]]]:
    """The commands of each contender."""
    whole = ROOT / "reports" / "catalog.yml"
    bare = folder / "bare" / "reports" / "catalog.yml"
    if not bare.exists():
        # what the plain commands make: pages, and nothing beside them
        bare.parent.mkdir(parents=True)
        (folder / "bare" / "notebooks").symlink_to(ROOT / "notebooks")
        bare.write_text(
            whole.read_text(encoding="utf-8").replace("downloads: all", "downloads: none"), "utf-8"
        )

    def render(catalog: Path, *more: str) -> list[list[str]]:
        out = ["--out", str(folder / "out"), "--catalog", str(catalog), "--force", "--jobs", str(WORKERS)]
        return [[str(BIN / "cxstats"), "render", *reports, *out, *more]]

    plain: list[list[str]] = []
    for report, (name, parameter, value) in reports.items():
        executed = str(folder / f"{report}.ipynb")
        plain += [
            [str(BIN / "papermill"), "-k", "python3", "-p", parameter, value, notebook(name), executed],
            [str(BIN / "jupyter"), "nbconvert", "--to", "html", "--no-input", executed],
        ]
    floor = [
        word
        for name, parameter, value in reports.values()
        for word in (notebook(name), f"{parameter}={value}")
    ]
    return {
        f"cxstats render --jobs {WORKERS}, downloads: none": render(bare),
        f"cxstats render --jobs {WORKERS}, downloads: all": render(whole),
        f"cxstats render --jobs {WORKERS} --engine kernel, downloads: none": render(
            bare, "--engine", "kernel"
        ),
        "papermill, then jupyter nbconvert, one after the other": plain,
        f"plain script, {WORKERS} processes, no Jupyter, no page": [
            [sys.executable, str(measure.HERE / "programs" / "notebooks_plain.py"), str(WORKERS), *floor]
        ],
    }


def overhead(options: argparse.Namespace) -> None:
    """The section on overhead."""
    reports = {name: REPORTS[name] for name in options.reports or REPORTS}
    with tempfile.TemporaryDirectory() as name:
        runs = contenders(Path(name), reports)
        if options.warm:
            for commands in runs.values():
                timed(*commands)  # caches warm
        rounds = [{key: timed(*commands) for key, commands in runs.items()} for _ in range(options.repeats)]
    wall = {key: min(one[key][0] for one in rounds) for key in runs}
    used = {key: min(one[key][1] for one in rounds) for key in runs}
    ours, *_, peer, floor = runs
    rows = [
        (
            key,
            f"{wall[key]:.1f}",
            f"{used[key]:.1f}",
            f"{wall[key] - wall[floor]:.1f}",
            f"{used[key] - used[floor]:.1f}",
        )
        for key in runs
    ]
    ratio = (wall[ours] - wall[floor]) / (wall[peer] - wall[floor])
    ratio_used = (used[ours] - used[floor]) / (used[peer] - used[floor])
    body = (
        f"{len(reports)} reports of the demo company ({', '.join(reports)}), from the command to the index, the "
        f"fastest of {options.repeats} rounds in turn. The floor is a plain script that imports everything "
        f"once, and does the same analyses and draws the same figures in {WORKERS} processes. `cxstats render` "
        "makes two editions of every report, scans and publishes them, and makes the index; the plain commands "
        "make one page each. With all downloads every report comes with its figures as slides, a workbook, a text and "
        "a PDF printed by Chromium.\n\n"
        + measure.table(
            ("program", "seconds", "processor seconds", "seconds above the floor", "processor seconds above"),
            rows,
        )
        + f"\n\nAbove the floor, `cxstats render` without downloads takes {ratio:.2f} of what the plain commands take "
        f"in wall time (target: at most {TARGET}), {ratio_used:.2f} in processor seconds. Where the two tell different "
        "stories, the machine was busy. " + measure.versions("papermill", "nbconvert", "ipykernel") + "."
    )
    measure.record("rendering", "Rendering", body, dry_run=options.dry_run)


SMALL = "survey: str = 'demo'\nn: int = 0"


def many(options: argparse.Namespace) -> None:
    """The section on many small reports."""
    count = options.many
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "notebooks").mkdir()
        (folder / "reports").mkdir()
        cells = [
            {"cell_type": "code", "id": "a", "metadata": {"tags": ["parameters"]}, "source": SMALL},
            {"cell_type": "code", "id": "b", "metadata": {}, "source": "print('report', n)"},
        ]
        for cell in cells:
            cell |= {"outputs": [], "execution_count": None}
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        small = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        (folder / "notebooks" / "small.ipynb").write_text(json.dumps(small), encoding="utf-8")
        entries = {
            f"small-{n:04d}": {"notebook": "small", "title": f"Small {n}", "parameters": {"n": n}}
            for n in range(count)
        }
        catalog = folder / "reports" / "catalog.yml"
        catalog.write_text(json.dumps({"reports": entries}), encoding="utf-8")
        out = folder / "out"
        command = [str(BIN / "cxstats"), "render", "--catalog", str(catalog), "--out", str(out)]
        began = time.perf_counter()
        going = subprocess.Popen(
            [*command, "--jobs", str(WORKERS)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        memory: list[tuple[int, float, float]] = []
        while going.poll() is None:
            time.sleep(1)
            done = len(list(out.glob("demo/small-*/index.html")))
            memory.append((done, *resident(going.pid)))
        seconds = time.perf_counter() - began
        if going.returncode:
            raise RuntimeError(f"cxstats render ended with exit code {going.returncode}")
        done = len(list(out.glob("demo/small-*/index.html")))
    if done != count:
        raise RuntimeError(f"{done} of {count} reports were published")

    def at(share: float) -> tuple[str, str, str]:
        row = max((row for row in memory if row[0] <= share * count), key=lambda row: row[0])
        return f"{row[0]}", f"{row[1]:.0f}", f"{row[2]:.0f}"

    body = (
        f"{count} reports of one small notebook, in one run of `cxstats render --jobs {WORKERS}`: "
        f"{seconds:.0f} seconds, {seconds / count:.2f} a report. Resident memory while it goes on:\n\n"
        + measure.table(
            ("reports done", "the run, MB", "the process that is forked, MB"),
            [at(share) for share in (0.1, 0.25, 0.5, 0.75, 0.98)],
        )
    )
    measure.record("many", "Many reports in one run", body, dry_run=options.dry_run)


def resident(pid: int) -> tuple[float, float]:
    """Resident MB of a process, and of the fork server among its children."""

    def one(number: int) -> float:
        try:
            lines = Path(f"/proc/{number}/status").read_text(encoding="utf-8").splitlines()
        except OSError:
            return 0.0
        return next((int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmRSS")), 0.0)

    children = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += [int(child) for child in task.read_text(encoding="ascii").split()]
        except OSError:
            continue
    return one(pid), max(map(one, children), default=0.0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--reports", nargs="*", choices=REPORTS, help="those of the four that are rendered")
    parser.add_argument("--cold", dest="warm", action="store_false", help="no round before those that count")
    parser.add_argument("--many", type=int, default=0, help="instead: this many small reports in one run")
    parser.add_argument("--dry-run", action="store_true", help="print, leave RESULTS.md as it is")
    options = parser.parse_args()
    if options.many:
        many(options)
    else:
        overhead(options)


if __name__ == "__main__":
    main()
