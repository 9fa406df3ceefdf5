"""How the benchmarks measure: whole processes, their peak memory, and where the results are written.

A program under ``programs/`` does one thing once. It runs as a process of its own, so that its time holds
everything a user waits for (start, imports, reading, the work itself) and its peak memory is its own.

This module and the scripts that use it import the standard library only: a process starts as a copy of the
one that started it, and the system counts that copy's memory too.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "RESULTS.md"
LOAD_BEFORE = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
"""How many programs were running before this one began: on an idle machine about 0."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a program: wall and processor seconds, peak resident memory in MB, what it printed (JSON)."""

    seconds: float
    processor_seconds: float
    peak_mb: float
    output: dict


def run(program: str, *arguments: object) -> Run:
    """Run ``programs/<program>.py`` in a fresh interpreter and measure the whole process.

    Raises
    ------
    RuntimeError : the program failed.
    """
    command = [sys.executable, str(HERE / "programs" / f"{program}.py"), *map(str, arguments)]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()  # ends when the program does; its errors go to the terminal
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode:
        raise RuntimeError(f"{program} ended with exit code {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kilobytes on Linux
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = usage.ru_maxrss if usage.ru_maxrss > own else float("nan")  # else it is this process' own
    return Run(
        seconds,
        usage.ru_utime + usage.ru_stime,
        peak * unit / 1e6,
        json.loads(output.splitlines()[-1]),
    )


def in_turn(programs: Sequence[tuple[object, ...]], *, repeats: int) -> list[Run]:
    """The fastest run of each program, taken in turn so that a busy minute hurts none alone."""
    for one in programs:
        run(*one)
    rounds = [[run(*one) for one in programs] for _ in range(repeats)]
    return [min(runs, key=lambda one: one.seconds) for runs in zip(*rounds, strict=True)]


def machine() -> str:
    """The machine in a line: processor, cores, memory, system; no names of hosts or people."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {cores} cores, {memory:.0f} GB memory, {platform.system()}"


def versions(*packages: str) -> str:
    """``Python 3.12, pandas 3.0.1, …``."""
    named = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    return ", ".join([f"Python {platform.python_version()}", *named])


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [f"| {' | '.join(header)} |", f"| --- |{' ---: |' * (len(header) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def record(key: str, title: str, body: str, *, dry_run: bool = False) -> None:
    """Print a section and put it in RESULTS.md in the place of the one it had there."""
    today = datetime.datetime.now().astimezone().date()
    text = (
        f"<!-- {key} -->\n## {title}\n\n{body.strip()}\n\n"
        f"Measured {today:%Y-%m-%d} on: {machine()}; load before the run "
        f"{LOAD_BEFORE:.1f} (0 is idle; wall seconds of a busy machine say little).\n<!-- /{key} -->"
    )
    print(text)
    if dry_run:
        return
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Results\n"
    begin, end = old.find(f"<!-- {key} -->"), old.find(f"<!-- /{key} -->")
    if begin >= 0 and end > begin:
        new = old[:begin] + text + old[end + len(f"<!-- /{key} -->") :]
    else:
        new = f"{old.rstrip()}\n\n{text}\n"
    RESULTS.write_text(new, encoding="utf-8")
