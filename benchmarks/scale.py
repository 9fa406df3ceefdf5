"""A billion answers in a folder of Parquet files: every report of one survey.yml, on two cores.

    python benchmarks/scale.py                                   # a billion answers; then a billion people who answered
    python benchmarks/scale.py --people 10000000 --dry-run       # a quick look

Of the people invited four of five answered, each six questions: 210 million people gave a billion answers. Six times
as many are looked at as well, so that a billion is the number of *people* who answered.

The data is made once in --folder (``scale_data.py``) and kept until --clean. First the one pass over the files is
measured, which every report needs and the first of a run does; then ``cxstats render`` of every report that the survey
can answer. Seconds of processor and memory are those of the whole tree of processes, looked at four times a second:
memory as the sum of proportional set sizes (shared pages count once).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import measure

GOAL_SECONDS, GOAL_GB = 120, 4.0
PEOPLE = (210_000_000, 1_250_000_000)
PASS = """
import sys, cxstats as cx
survey = cx.open_survey(sys.argv[1])
survey.cells([*survey.metrics, *survey.groups, "wave", "responded"]); survey.rows([*survey.items])
count = lambda name: int(survey.cells([name]).dropna(subset=[name])["n"].sum())
print(survey.n_rows, count("nps"), sum(map(count, [*survey.metrics, *survey.items])))
"""


@dataclass
class Watched:
    """What a tree of processes took: wall seconds, processor seconds, peak memory in GB, and what it printed."""

    seconds: float = 0.0
    processor: float = 0.0
    peak_gb: float = 0.0
    text: str = ""
    code: int = 0
    _ticks: dict[int, int] = field(default_factory=dict)

    def look(self, root: int) -> None:
        """Look at every process below ``root``; one that has ended keeps what it had at the last look."""
        memory = 0
        for pid in _tree(root):
            with contextlib.suppress(OSError, IndexError, ValueError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                self._ticks[pid] = int(fields[11]) + int(fields[12])
                found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
                memory += int(found[1]) if found else 0
        self.peak_gb = max(self.peak_gb, memory / 1024**2)
        self.processor = sum(self._ticks.values()) / os.sysconf("SC_CLK_TCK")


def _tree(root: int) -> list[int]:
    """``root`` and its descendants."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            parents.setdefault(int(path.read_text().rpartition(")")[2].split()[1]), []).append(
                int(path.parent.name)
            )
    out, todo = [], [root]
    while todo:
        out.append(todo.pop())
        todo += parents.get(out[-1], [])
    return out


def watched(command: list[str | Path], *, limit: float, **environ: str) -> Watched:
    """Run a command and look at it four times a second; it is ended after ``limit`` seconds."""
    found, start = Watched(), time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=said, stderr=subprocess.STDOUT, env=os.environ | environ
        )
        while process.poll() is None:
            found.look(process.pid)
            if time.perf_counter() - start > limit:
                process.terminate()
                process.wait()
            time.sleep(0.25)
        found.seconds, found.code = time.perf_counter() - start, process.returncode
        said.seek(0)
        found.text = said.read()
    return found


def reports(text: str) -> list[tuple[str, str, str]]:
    """Report, seconds and what came of it, from the progress that ``cxstats render`` prints."""
    lines = re.findall(r"report=\S+/(\S+) step=(published|failed|interrupted)\S* .*?seconds=([\d.]+)", text)
    return [(name, seconds, step) for name, step, seconds in lines]


@dataclass(frozen=True, slots=True)
class Size:
    """What one size of survey took."""

    people: int
    answered: int
    answers: int
    gigabytes: float
    files: int
    counting: Watched
    rendering: Watched

    @property
    def both(self) -> Watched:
        """The pass and the rendering."""
        one, two = self.counting, self.rendering
        return Watched(
            one.seconds + two.seconds, one.processor + two.processor, max(one.peak_gb, two.peak_gb)
        )

    def section(self, jobs: int) -> str:
        """A paragraph and two tables."""
        made = reports(self.rendering.text)
        published = sum(step == "published" for _, _, step in made)
        parts = (
            ("the pass: combinations counted, rows drawn by lot", self.counting),
            (
                f"`cxstats render --jobs {jobs}`: {published} of {len(made)} reports published",
                self.rendering,
            ),
            ("both", self.both),
        )
        taken = measure.table(
            ("what", "seconds", "processor seconds", "seconds on two idle cores, at best", "peak GB"),
            [
                (name, f"{w.seconds:.0f}", f"{w.processor:.0f}", f"{w.processor / 2:.0f}", f"{w.peak_gb:.2f}")
                for name, w in parts
            ],
        )
        return (
            f"**{self.answers:,} answers** by {self.answered:,} people among {self.people:,} invited: "
            f"{self.gigabytes:.1f} GB of Parquet in {self.files} files, 11 columns, no customer ids.\n\n"
            f"{taken}\n\n{measure.table(('report', 'seconds', 'what came of it'), made)}"
        )


def sized(folder: Path, people: int, jobs: int, limit: float) -> Size:
    """Make a survey of so many people where it is not there yet, count it, and render what it can answer."""
    subprocess.run([sys.executable, measure.HERE / "scale_data.py", folder, str(people)], check=True)
    survey, files = folder / "survey.yml", list((folder / "answers").iterdir())
    counts = folder / "counts"  # a run makes such a folder for itself; here it is the pass that fills it
    out = folder / "out"
    for old in (counts, out):
        shutil.rmtree(old, ignore_errors=True)
    shared = {"CXSTATS_COUNTS": str(counts)}
    counting = watched([sys.executable, "-c", PASS, survey], limit=limit, **shared)
    if counting.code:
        raise RuntimeError(f"the pass failed:\n{counting.text[-2000:]}")
    rows, answered, answers = map(int, counting.text.split()[-3:])
    print(f"pass: {counting}", flush=True)
    command = [Path(sys.executable).parent / "cxstats", "render", "--survey", survey, "--out", out]
    rendering = watched([*command, "--jobs", str(jobs)], limit=limit, **shared)
    print(rendering.text, flush=True)
    size = sum(file.stat().st_size for file in files) / 1e9
    return Size(rows, answered, answers, size, len(files), counting, rendering)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, nargs="+", default=PEOPLE, help="invited, in each survey")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "cxstats-scale")
    parser.add_argument("--jobs", type=int, default=2, help="reports at a time")
    parser.add_argument("--limit", type=float, default=3600, help="seconds after which a program is ended")
    parser.add_argument("--clean", action="store_true", help="delete the data afterwards")
    parser.add_argument("--dry-run", action="store_true", help="print, leave RESULTS.md as it is")
    options = parser.parse_args()

    for people in options.people:
        size = sized(options.folder / str(people), people, options.jobs, options.limit)
        body = (
            f"Target: all reports of a billion answers within {GOAL_SECONDS} seconds on two cores and {GOAL_GB:.0f} GB. "
            "Beyond the first eight files, one a wave, files are links to these; who reads them does not know.\n\n"
            f"{size.section(options.jobs)}\n\n{measure.versions('pyarrow', 'duckdb', 'numpy', 'pandas')}."
        )
        measure.record(f"scale-{people}", f"{size.answers:,} answers", body, dry_run=options.dry_run)
    if options.clean:
        shutil.rmtree(options.folder)


if __name__ == "__main__":
    main()
