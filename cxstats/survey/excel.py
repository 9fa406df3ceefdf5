"""One sheet of an Excel workbook, every cell as the text a reader of the sheet would write down."""

from __future__ import annotations

import datetime as dt
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..digests import file_digest
from .csv_text import duplicate_names, unnamed_note
from .engine import Engine
from .errors import Problem, SurveyError, did_you_mean, quoted, refuse
from .model import Source

__all__ = ["ExcelReader", "first_rows"]

_LOOK = 20  # rows by which a sheet is judged
MAX_EXACT = 10**15  # Excel keeps 15 digits of a number and zeroes the rest


def _as_text(value: Any) -> str | None:
    """A cell as the text a reader of the sheet would write down."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(" ")
    if isinstance(value, int | float):
        return str(int(value)) if float(value).is_integer() else repr(value)
    return str(value)


def _open(path: Path, where: str) -> Any:
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl on styles and validations it does not keep
            return openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError):
        refuse(
            "this is not an Excel workbook that can be read: damaged, protected, or still being written",
            where=where,
            fix="close it in Excel, wait until it is copied, or save it again",
        )


def _is_table(sheet: Any) -> bool:
    """Whether a sheet looks like data: at least two rows of at least two cells."""
    if not hasattr(sheet, "iter_rows"):
        return False
    rows = [[c for c in row if c not in (None, "")] for row in _first(sheet, 0, _LOOK)]
    return sum(len(row) >= 2 for row in rows) >= 2


def _first(sheet: Any, skip: int, n: int) -> list[tuple[Any, ...]]:
    sheet.reset_dimensions()  # some writers note a wrong extent
    return list(sheet.iter_rows(min_row=1 + skip, max_row=skip + n, values_only=True))


def _chosen(book: Any, source: Source, where: str) -> Any:
    """The sheet that the description names, else the only one that holds a table."""
    sheets = book.sheetnames
    if source.sheet is not None:
        if source.sheet not in sheets:
            refuse(
                f"there is no sheet {quoted(source.sheet)}",
                where=where,
                fix=did_you_mean(source.sheet, sheets),
            )
        sheet = book[source.sheet]
        if not hasattr(sheet, "iter_rows"):
            refuse(f"the sheet {quoted(source.sheet)} holds a chart, not rows", where=where)
    else:
        tables = [name for name in sheets if _is_table(book[name])]
        if len(tables) > 1:
            listed = ", ".join(map(quoted, tables))
            refuse(
                f"{len(tables)} sheets look like data: {listed}",
                where=where,
                fix=f"say which one, such as sheet: {tables[0]} (init takes --sheet {tables[0]})",
            )
        rows = [name for name in sheets if hasattr(book[name], "iter_rows")]
        if not rows:
            refuse("the workbook holds charts, not rows", where=where)
        sheet = book[tables[0] if tables else rows[0]]
    sheet.reset_dimensions()
    return sheet


@dataclass(frozen=True, slots=True)
class Merged:
    """Cells that were merged into one, which keeps its text in the first of them; rows and columns from 1."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def columns(self) -> str:
        """ "columns C to E", or "column C"."""
        first, last = _letters(self.left), _letters(self.right)
        return f"column {first}" if first == last else f"columns {first} to {last}"


def _letters(column: int) -> str:
    """A column as Excel names it.

    >>> _letters(1), _letters(28)
    ('A', 'AB')
    """
    out = ""
    while column:
        column, rest = divmod(column - 1, 26)
        out = chr(65 + rest) + out
    return out


def _unmerge(merged: Merged) -> str:
    """The cure for names in merged cells."""
    return (
        f"row {merged.top:,} has merged cells over {merged.columns}. Where row {merged.bottom + 1:,} holds each column's "
        f"own name, say skip_rows: {merged.bottom}; else unmerge the cells in Excel and give every column a name of its own"
    )


_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
_PIECE = 1 << 20


def _merged(path: Path, sheet: Any) -> list[Merged]:
    """The sheet's merged cells, which openpyxl leaves out where it reads row by row; the file is not unpacked."""
    inside = str(getattr(sheet, "_worksheet_path", ""))
    found: dict[bytes, Merged] = {}
    with zipfile.ZipFile(path) as archive, suppress(KeyError), archive.open(inside) as file:
        left = b""
        while piece := file.read(_PIECE):
            for match in _MERGED.finditer(left + piece):
                found[match[0]] = Merged(int(match[2]), _number(match[1]), int(match[4]), _number(match[3]))
            left = (left + piece)[-200:]  # one may lie across two pieces
    return sorted(found.values(), key=lambda m: (m.top, m.left))


def _number(letters: bytes) -> int:
    total = 0
    for letter in letters:
        total = 26 * total + letter - 64
    return total


def first_rows(path: Path, source: Source, n: int) -> tuple[list[str], list[list[str | None]]]:
    """The workbook's sheets, and the first ``n`` rows of the chosen one below ``source.skip_rows``."""
    book = _open(path, path.name)
    try:
        sheet = _chosen(book, source, path.name)
        rows = [[_as_text(value) for value in row] for row in _first(sheet, source.skip_rows, n)]
        return list(book.sheetnames), rows
    finally:
        book.close()


@dataclass
class ExcelReader:
    """A sheet whose header has been read; rows are read by :meth:`load`."""

    source: Source
    path: Path
    where: str
    names: Sequence[str] | None = None
    columns: tuple[str, ...] = ()
    n_rows: int | None = None
    notes: list[str] = field(default_factory=list)
    columnar = False

    def __post_init__(self) -> None:
        rows = self._sheet()
        names = rows[0] if rows else []
        while names and not names[-1]:
            names = names[:-1]
        if not names:
            refuse("there is no header with the columns' names", where=self.where)
        self._rows = rows[self.source.header_rows :]
        while self._rows and not any(self._rows[-1]):
            self._rows.pop()  # formatting reaches further down than the data
        self.columns = tuple(name or "" for name in names)
        if self.names is not None and any(self.names[len(names) :]):
            self.columns = tuple(self.names)  # its last questions have a name by their second row alone
        elif self.names is not None:
            self.columns = tuple(self.names[: len(names)])
        self.n_rows = len(self._rows)
        self.notes += unnamed_note(self.columns)
        self.notes += [
            f"row {m.top:,} has {m.columns} merged under one name, which is the first one's"
            for m in self._merged_names()
        ]
        if self.path.suffix.lower() == ".xlsm":
            self.notes.append("the workbook's macros are not run")
        problems = duplicate_names(self.columns, self.where)
        problems += self._check_rows()
        if problems:
            raise SurveyError(problems)

    def _sheet(self) -> list[list[str | None]]:
        book = _open(self.path, self.where)
        try:
            sheet = _chosen(book, self.source, self.where)
            if self.source.sheet is None and len(book.sheetnames) > 1:
                self.notes.append(
                    f"sheet: {quoted(sheet.title)} (proposed: of {len(book.sheetnames)}, the one that holds a table)"
                )
            self._inexact: list[tuple[int, str]] = []
            self._merges = _merged(self.path, sheet)
            skip = self.source.skip_rows
            return [
                [self._text(value, skip + i + 1) for value in row]
                for i, row in enumerate(sheet.iter_rows(min_row=1 + skip, values_only=True))
            ]
        finally:
            book.close()

    def _text(self, value: Any, row: int) -> str | None:
        if isinstance(value, int | float) and abs(value) >= MAX_EXACT:
            self._inexact.append((row, format(value, ".0f")))
        return _as_text(value)

    def _check_rows(self) -> list[Problem]:
        problems = []
        width = len(self.columns)
        long = [i for i, row in enumerate(self._rows) if any(row[width:])]
        if long:
            over = next((m for m in self._merged_names() if m.right > width), None)
            row = self.source.skip_rows + self.source.header_rows + long[0] + 1
            problems.append(
                Problem(
                    f"{len(long):,} rows have cells to the right of the header's last column (first: row {row:,})",
                    self.where,
                    fix=_unmerge(over) if over else "give the column a name, or clear the cells",
                )
            )
        if self._inexact:
            row, text = self._inexact[0]
            problems.append(
                Problem(
                    f"{len(self._inexact):,} numbers have more than 15 digits, of which Excel keeps 15 "
                    f"(first: {text} in row {row:,})",
                    self.where,
                    fix="format ids as text before entering them, or export CSV from the system they come from",
                )
            )
        return problems

    def _merged_names(self) -> Iterator[Merged]:
        """Names that stand over several columns; where a preset reads several rows of names, it knows what they mean."""
        row = self.source.skip_rows + 1
        if self.source.header_rows == 1:
            yield from (m for m in self._merges if m.top <= row <= m.bottom and m.left < m.right)

    def _merged_problems(self, at: Sequence[int]) -> Iterator[Problem]:
        """Columns in use that share a name with others, or whose values stand in one of several rows only."""
        first = self.source.skip_rows + self.source.header_rows + 1
        for merged in self._merged_names():
            used = [i for i in at if merged.left <= i + 1 <= merged.right]
            if used:
                name = quoted(self.columns[used[0]])
                yield Problem(
                    f"the name {name} stands in merged cells over {merged.columns}: which of them is meant cannot be seen",
                    f"{self.where}, row {merged.top:,}",
                    fix=_unmerge(merged),
                )
        for i in at:
            down = [m for m in self._merges if m.bottom >= first and m.left <= i + 1 <= m.right]
            if down:
                m = down[0]
                cells = f"{_letters(m.left)}{m.top}:{_letters(m.right)}{m.bottom}"
                rest = len(down) - 1
                more = "" if not rest else " and another" if rest == 1 else f" and {rest:,} others"
                yield Problem(
                    f"column {quoted(self.columns[i])} has merged cells ({cells}{more}), of which Excel keeps the value in "
                    "the first one alone",
                    self.where,
                    fix="unmerge them in Excel and fill the value into each of their cells",
                )

    def load(
        self, engine: Engine, name: str, columns: Sequence[str], problems: list[Problem]
    ) -> dict[str, str]:
        """Make the table ``name`` with ``columns`` as text and ``_row``; returns column -> SQL identifier."""
        import pyarrow as pa

        at = [self.columns.index(column) for column in columns]
        problems += self._merged_problems(at)
        first = self.source.skip_rows + self.source.header_rows + 1
        data: dict[str, pa.Array] = {"_row": pa.array(range(first, first + len(self._rows)), pa.int64())}
        for i in at:
            data[f"c{i}"] = pa.array([row[i] if i < len(row) else None for row in self._rows], pa.string())
        engine.duck.register("_sheet", pa.table(data))
        engine.run(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM _sheet")
        engine.duck.unregister("_sheet")
        return {column: f"c{i}" for column, i in zip(columns, at, strict=True)}

    def digest(self) -> bytes:
        """Digest of the file's bytes."""
        return file_digest(self.path)
