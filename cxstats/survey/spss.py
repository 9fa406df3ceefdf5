"""SPSS files (.sav, .zsav), through pyreadstat, which is installed with ``pip install "cxstats[spss]"``.

A column of numbers with value labels (1 Germany, 2 Japan) is read as its labels, because that is what readers know;
where the numbers count (scores, statements, behaviour, what a customer is worth) they are read as they are. Values
that the file declares as missing are blank, and counted.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..digests import file_digest
from .csv_text import duplicate_names
from .engine import Engine
from .errors import Problem, SurveyError, quoted, refuse
from .model import Description, Source

__all__ = ["SpssReader", "columns_of_numbers", "look_at_spss"]

_ROWS = 100_000  # read at a time
_EXACT = 2**53  # SPSS keeps numbers as doubles
_ENDED = "this SPSS file is damaged, or still being written"


def columns_of_numbers(d: Description) -> frozenset[str]:
    """Columns whose numbers count, not their labels."""
    entries: list[Any] = [*d.scores.values(), *d.items, *d.vignettes, *d.behaviour.values()]
    entries += [role for role in (d.value, d.weight) if role is not None]
    found = {entry.column for entry in entries if entry.column}
    if d.responses is not None and d.responses.score is not None:
        found.add(d.responses.score)
    return frozenset(found)


def _library(where: str) -> Any:
    try:
        import pyreadstat
    except ImportError:
        refuse(
            "SPSS files are read by the library pyreadstat, which is not installed",
            where=where,
            fix='pip install "cxstats[spss]", or export the file as CSV',
        )
    return pyreadstat


def _read(call: Callable[[], Any], encoding: str | None, where: str) -> Any:
    """What ``call`` returns, with the library's errors in the user's words."""
    problem = None
    try:
        return call()
    except Exception as error:  # its own class of error, and whatever a damaged file leads to
        if "convert string" in str(error) or "codec" in str(error):
            what = (
                f"its texts are not {encoding}"
                if encoding
                else "its texts are not in the encoding it declares"
            )
            problem = Problem(what, where, fix="say encoding:, such as windows-1252 or utf-8")
        else:
            problem = Problem(_ENDED, where, fix="wait until it is copied, or save it again in SPSS")
    raise SurveyError(problem)


@dataclass(frozen=True, slots=True)
class _Column:
    """How one column's values become texts.

    Attributes
    ----------
    labels : value -> label.
    gone : lowest and highest of each range of values declared as missing.
    """

    labels: Mapping[Any, str]
    gone: tuple[tuple[Any, Any], ...]

    def is_missing(self, value: Any) -> bool:
        """Whether the file declares the value as missing."""
        return any(
            isinstance(low, str) == isinstance(value, str) and low <= value <= high for low, high in self.gone
        )

    def label(self, value: Any) -> str:
        """The value's label; "" where it has none."""
        return self.labels.get(value, "").strip()


def _plain(value: Any) -> str | None:
    """A value as the text a reader of the file would write down; None where it is missing."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def _columns(meta: Any) -> dict[str, _Column]:
    return {
        name: _Column(
            dict(meta.variable_value_labels.get(name, {})),
            tuple((span["lo"], span["hi"]) for span in meta.missing_ranges.get(name, ())),
        )
        for name in meta.column_names
    }


@dataclass
class SpssReader:
    """An SPSS file whose names and labels have been read; rows are read by :meth:`load`.

    Attributes
    ----------
    numeric : columns whose numbers count, not their labels.
    texts : column -> the question's text, where the file has it.
    """

    source: Source
    path: Path
    where: str
    columns: tuple[str, ...] = ()
    n_rows: int | None = None
    notes: list[str] = field(default_factory=list)
    numeric: frozenset[str] = frozenset()
    texts: Mapping[str, str] = field(default_factory=dict)
    columnar = False

    def __post_init__(self) -> None:
        self._library = _library(self.where)
        meta = self._call(metadataonly=True, user_missing=True)[1]  # else it leaves out what is missing
        self.columns = tuple(meta.column_names)
        self.texts = {
            name: text for name, text in meta.column_names_to_labels.items() if text and text != name
        }
        self.n_rows = meta.number_rows if meta.number_rows is not None and meta.number_rows >= 0 else None
        self._how = _columns(meta)
        if problems := duplicate_names(self.columns, self.where):
            raise SurveyError(problems)

    def _call(self, **options: Any) -> Any:
        def read() -> Any:
            return self._library.read_sav(str(self.path), encoding=self.source.encoding, **options)

        return _read(read, self.source.encoding, self.where)

    def _chunks(
        self, columns: Sequence[str], most: int | None = None
    ) -> Iterator[Mapping[str, Sequence[Any]]]:
        """The rows, some at a time: column -> values."""
        start = 0
        while True:
            limit = _ROWS if most is None else min(_ROWS, most - start)
            data, _ = self._call(
                usecols=list(columns),
                user_missing=True,
                output_format="dict",
                row_offset=start,
                row_limit=limit,
            )
            n = len(next(iter(data.values()), ()))
            if n:
                yield data
            start += n
            if n < limit or start == most:
                return

    def load(
        self, engine: Engine, name: str, columns: Sequence[str], problems: list[Problem]
    ) -> dict[str, str]:
        """Make the table ``name`` with ``columns`` as text and ``_row``; returns column -> SQL identifier."""
        import pyarrow as pa

        wanted = list(dict.fromkeys(columns)) or [self.columns[0]]
        idents = {column: f"c{self.columns.index(column)}" for column in wanted}
        schema = pa.schema([("_row", pa.int64()), *((ident, pa.string()) for ident in idents.values())])
        gone: dict[str, Counter[Any]] = {column: Counter() for column in wanted}
        inexact: list[tuple[int, str, str]] = []
        engine.duck.register("_part", schema.empty_table())
        engine.run(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM _part")
        engine.duck.unregister("_part")
        row = 1
        for data in self._chunks(wanted):
            n = len(data[wanted[0]])
            arrays = [pa.array(range(row, row + n), pa.int64())]
            for column in wanted:
                arrays.append(
                    pa.array(self._texts(column, data[column], row, gone[column], inexact), pa.string())
                )
            engine.duck.register("_part", pa.table(arrays, schema=schema))
            engine.run(f"INSERT INTO {name} SELECT * FROM _part")
            engine.duck.unregister("_part")
            row += n
        self.n_rows = row - 1
        self._tell(wanted, gone)
        if inexact:
            first, column, text = inexact[0]
            problems.append(
                Problem(
                    f"{len(inexact):,} numbers are longer than the 15 digits that SPSS keeps "
                    f"(first: {text} in row {first:,}, column {column})",
                    self.where,
                    fix="keep ids as text in SPSS, or export CSV from the system they come from",
                )
            )
        return {column: idents[column] for column in columns}

    def _texts(
        self,
        column: str,
        values: Sequence[Any],
        first: int,
        gone: Counter[Any],
        inexact: list[tuple[int, str, str]],
    ) -> list[str | None]:
        how, out = self._how[column], []
        for i, value in enumerate(values):
            if isinstance(value, float) and abs(value) >= _EXACT:
                inexact.append((first + i, column, format(value, ".0f")))
            if value is not None and how.gone and how.is_missing(value):
                gone[value] += 1
                out.append(None)
                continue
            label = "" if column in self.numeric else how.label(value)
            out.append(label or _plain(value))
        return out

    def _tell(self, columns: Sequence[str], gone: Mapping[str, Counter[Any]]) -> None:
        """Notes on what was read as blank, and on values that share a label."""
        for column in columns:
            how = self._how[column]
            if n := sum(gone[column].values()):
                listed = ", ".join(
                    f"{_plain(value)}{f' {quoted(how.label(value), 30)}' if how.label(value) else ''}"
                    for value in sorted(gone[column], key=str)
                )
                values = "1 value" if n == 1 else f"{n:,} values"
                self.notes.append(
                    f"{column}: {values} that the file declares as missing are blank ({listed})"
                )
            if column in self.numeric:
                continue
            if how.labels:
                self.notes.append(
                    f"{column}: read as its value labels, such as {quoted(next(iter(how.labels.values())))}"
                )
            for label, times in Counter(label.strip() for label in how.labels.values()).items():
                if times > 1:
                    self.notes.append(
                        f"{column}: {times} values have the label {quoted(label)} and count as one"
                    )

    def digest(self) -> bytes:
        """Digest of the file's bytes."""
        return file_digest(self.path)


def look_at_spss(
    path: Path, source: Source, n: int
) -> tuple[list[str], dict[str, str], list[tuple[str, ...]], dict[str, str]]:
    """Names, question texts, and the first ``n`` rows, with a label after its number: "10 - Extremely likely".

    The last of the four says which of these texts stand for which label.
    """
    reader = SpssReader(source, path, path.name)
    names, labels = list(reader.columns), {}
    rows: list[tuple[str, ...]] = []
    for data in reader._chunks(names, n):
        columns = []
        for name in names:
            how, texts = reader._how[name], []
            for value in data[name]:
                text = "" if value is None or how.is_missing(value) else _plain(value) or ""
                if text and (label := how.label(value)):
                    text = f"{text} - {label}"
                    labels[text] = label
                texts.append(text)
            columns.append(texts)
        rows += list(zip(*columns, strict=True))
    return names, dict(reader.texts), rows, labels
