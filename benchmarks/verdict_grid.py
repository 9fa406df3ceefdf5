"""How the verdict benchmarks count: companies of known truth, a row of the grid at a time, kept as they finish.

A grid takes hours. Every row that is done is appended to ``verdicts/<study>.csv`` at once, and a row that is there
is not run again, so a grid can be stopped, carried on on another day, and widened. ``--table`` writes the
study's section of RESULTS.md from what is there, without running anything.

Rows belong to a ``rule``: a number in the study's script that is raised whenever the study's verdict could come
out differently. Rows of an earlier rule are run again, and are not shown.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from measure import RESULTS, versions
from scipy.stats import beta

from cxstats.simulation import executor

__all__ = ["TARGET", "Grid", "parser", "wrong_limit"]

FOLDER = Path(__file__).resolve().parent / "verdicts"
TARGET = 0.05
"""The 95 % upper limit of P(wrong) may be at most this, in every row inside the assumptions."""
DOCS = FOLDER.parents[1] / "docs" / "studies"
SEED = 20250401

Row = dict[str, Any]


def wrong_limit(wrong: int, companies: int) -> float:
    """Clopper–Pearson 95 % upper limit of the share of wrong verdicts, in [0, 1].

    >>> round(wrong_limit(0, 1000), 4), wrong_limit(3, 3)
    (0.003, 1.0)
    """
    return 1.0 if wrong >= companies else float(beta.ppf(0.95, wrong + 1, companies - wrong))


@dataclass(frozen=True, slots=True)
class Grid:
    """One study's grid.

    Attributes
    ----------
    name : the study's; the file's and the section's name.
    settings : what tells rows apart, in the order of the table: each a str, int or float.
    rule : raised when the study's verdict could come out differently.
    """

    name: str
    settings: tuple[str, ...]
    rule: int

    @property
    def path(self) -> Path:
        """Where the rows are kept."""
        return FOLDER / f"{self.name}.csv"

    def rows(self) -> pd.DataFrame:
        """Rows of this rule; of several with the same settings the one with the most companies."""
        if not self.path.exists():
            return pd.DataFrame(columns=[*self.settings, "companies"])
        table = pd.read_csv(self.path, dtype=dict.fromkeys(self.settings, object), keep_default_na=False)
        table = table[table["rule"] == self.rule]
        table = table.sort_values("companies", kind="stable").drop_duplicates(
            list(self.settings), keep="last"
        )
        return table.drop(columns="rule").sort_index().reset_index(drop=True)

    def work(
        self,
        tasks: Iterable[Row],
        run: Callable[[Row], Row | None],
        *,
        companies: int,
        workers: int | None = 2,
        address: str | None = None,
    ) -> None:
        """Run the tasks that are not there yet and keep each as it finishes.

        Parameters
        ----------
        tasks : settings of the rows, the most telling first.
        run : importable by name; given the settings, "companies" and "seed", it returns what it counted (the same
            keys for every row), or None where no such company exists.
        companies : companies a row.
        workers, address : as :func:`cxstats.simulation.executor` takes them.
        """
        done = {
            self._key(row) for row in self.rows().to_dict("records") if int(row["companies"]) >= companies
        }
        left = [task for task in tasks if self._key(task) not in done]
        began = time.monotonic()
        with executor(address, workers=None if address else workers) as pool:
            waiting = [pool.submit(run, {**task, "companies": companies, "seed": SEED}) for task in left]
            for number, (task, future) in enumerate(zip(left, waiting, strict=True), start=1):
                counted = future.result()
                if counted is not None:
                    self._append({**task, "companies": companies, **counted})
                minutes = (time.monotonic() - began) / 60
                said = ", ".join(str(task[name]) for name in self.settings)
                print(f"{number} of {len(left)} rows, {minutes:.1f} min: {said}", file=sys.stderr, flush=True)

    def _key(self, row: Row) -> tuple[str, ...]:
        return tuple(_text(row[name]) for name in self.settings)

    def _append(self, row: Row) -> None:
        FOLDER.mkdir(exist_ok=True)
        today = datetime.datetime.now().astimezone().date()
        row = {name: _text(value) for name, value in {**row, "rule": self.rule, "date": today}.items()}
        new = not self.path.exists()
        with open(self.path, "a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(row), lineterminator="\n")
            if new:
                writer.writeheader()
            else:
                # a changed set of columns would shift every number: better to stop
                with open(self.path, encoding="utf-8", newline="") as old:
                    header = next(csv.reader(old))
                if set(header) != set(row):
                    raise ValueError(f"{self.path.name} has the columns {header}, but a row has {list(row)}")
                writer.fieldnames = header
            writer.writerow(row)

    def publish(
        self,
        title: str,
        said: str,
        table: str,
        broken: Sequence[str],
        *,
        inside: pd.DataFrame,
        of: int,
        also: str = "",
    ) -> None:
        """Put the section into RESULTS.md and print it: what was asked, the rows, what broke; a summary into docs/studies.

        ``inside``: the rows that the promise is made for, with what was counted "wrong" and its "limit".
        ``of``: how many such rows the whole grid has. ``also``: what else there is to say, in both places.
        """
        dates = sorted(set(self.rows()["date"]))
        when = " to ".join(dict.fromkeys([dates[0], dates[-1]])) if dates else "never"
        verdict = (
            f"Every one of these {len(inside)} rows inside the assumptions keeps the promise{_left(inside, of)}."
            if not broken
            else "\n".join(["Rows that break the promise:", "", *(f"- {one}" for one in broken)])
        )
        verdict += f" {also}" if also else ""
        key = f"verdicts-{self.name.replace('_', '-')}"
        text = (
            f"<!-- {key} -->\n## {title}\n\n{said.strip()}\n\n{table.strip()}\n\n{verdict}\n\n"
            f"{versions('numpy', 'scipy')}, seed {SEED}. Measured {when}.\n<!-- /{key} -->"
        )
        print(text)
        old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Results\n"
        begin, end = old.find(f"<!-- {key} -->"), old.find(f"<!-- /{key} -->")
        if 0 <= begin < end:
            new = old[:begin] + text + old[end + len(f"<!-- /{key} -->") :]
        else:
            new = f"{old.rstrip()}\n\n{text}\n"
        RESULTS.write_text(new, encoding="utf-8")
        self._summarise(inside, broken, of, also)

    def _summarise(self, inside: pd.DataFrame, broken: Sequence[str], of: int, also: str) -> None:
        page = DOCS / f"{self.name}.md"
        text = page.read_text(encoding="utf-8")
        mark, end = f"<!-- error-rates {self.name} -->", "<!-- /error-rates -->"
        begin = text.index(mark) + len(mark)
        fewest, most = int(inside["companies"].min()), int(inside["companies"].max())
        each = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
        none = int((inside["wrong"] == 0).sum())
        near = int(inside["effect"].astype(float).between(0.85, 1.15).sum())
        worst = inside.loc[inside["limit"].idxmax()]
        where = ", ".join(f"{name} {worst[name]}" for name in self.settings)
        kept = (
            f"Every row keeps it{_left(inside, of)}"
            if not broken
            else f"{len(broken)} do not, and are named there"
        )
        said = (
            f"Companies whose truth is known went through the report's own path from counts to verdict: {len(inside)} "
            f"kinds of company inside the assumptions, {each} of each kind. A verdict is wrong if it says "
            '"no difference" where the true effect is above the margin, or "a difference" where it is at most the '
            f"margin; in {near} of the kinds the truth lies within a tenth of the margin's edge, where that is easiest. "
            f"In {none} of the {len(inside)} kinds no company was wrong; in the worst {int(worst['wrong'])} of "
            f"{int(worst['companies']):,} ({where}). The promise is a 95 % upper limit of at most 5 % for every kind. "
            f"{kept}: all rows, those outside the assumptions too, are in [the results](../../benchmarks/RESULTS.md)."
        )
        said += f" {also}" if also else ""
        said = "\n" + textwrap.fill(said, 120, break_long_words=False, break_on_hyphens=False) + "\n"
        page.write_text(text[:begin] + said + text[text.index(end, begin) :], encoding="utf-8")


def _left(inside: pd.DataFrame, of: int) -> str:
    """What is said of rows that nobody has counted yet."""
    left = of - len(inside)
    return f"; {left} more rows of the grid have not been counted yet" if left > 0 else ""


def _text(value: Any) -> str:
    """The same text for a setting however it was given: 2, 2.0 and "2" are one.

    >>> _text(2.0), _text("2"), _text(0.35), _text("0.350"), _text("the frame")
    ('2', '2', '0.35', '0.35', 'the frame')
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return repr(int(number)) if number.is_integer() else repr(number)


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that every verdict benchmark has."""
    arguments = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    arguments.add_argument("--companies", type=int, default=1000, help="a row")
    arguments.add_argument("--workers", type=int, default=2, help="processes on this machine")
    arguments.add_argument("--address", help="a Dask scheduler, to spread the work over a cluster")
    arguments.add_argument(
        "--table", action="store_true", help="run nothing: write RESULTS.md from the rows there are"
    )
    return arguments
