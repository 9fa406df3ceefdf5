"""CSV, strictly: every row has the header's number of fields, every byte is the declared encoding's.

Text stays text. A blank field is a missing value, quoted or not; nothing else is ("NA" is a text).
DuckDB reads the rows in one pass; what it would read in silence is asked for here:

* a row with a field too few or too many, also where the extra field is blank (which would shift
  the fields before it), by reading one column more than the header has;
* line ends of two kinds in one file, and encodings other than UTF-8, by rewriting the file first.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import duckdb

from ..digests import file_digest
from .engine import Engine, first_line, literal
from .errors import Problem, SurveyError, quoted, refuse
from .files import is_gzip
from .model import Source

__all__ = ["CsvReader", "duplicate_names", "escaped", "unnamed_note"]

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_BOMS = {b"\xff\xfe\x00\x00": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_NOTHING = "\x02nothing\x02"  # stands for a field that is not there, which a blank one is not
_HEAD = 1 << 20
_FAULTS = {
    "short": (
        "fewer than the header's {width} fields, or a quote that is never closed",
        "export the file again, with quotes around texts that hold line breaks",
    ),
    "cut": (
        "fewer than the header's {width} fields and is the last one: the file breaks off there, "
        "or holds a quote that is never closed",
        "wait until it is completely written or copied, or export it again",
    ),
    "long": (
        "more than the header's {width} fields",
        "export the file again, with quotes around texts that hold the delimiter",
    ),
    "bytes": (
        "bytes that are not UTF-8",
        "say how the file is encoded, such as encoding: cp1252 or encoding: latin-1",
    ),
    "quotes": (
        "quotes that do not fit, or more than two million characters",
        'a quote inside a quoted text is written twice: "so ""quoted"" here"',
    ),
}
_SHOWN = 5


@dataclass
class CsvReader:
    """A CSV file whose header has been read; rows are read by :meth:`load`."""

    source: Source
    path: Path
    where: str
    wanted: Sequence[str]
    names: Sequence[str] | None = None
    columns: tuple[str, ...] = ()
    n_rows: int | None = None
    notes: list[str] = field(default_factory=list)
    delimiter: str = ","
    columnar = False

    def __post_init__(self) -> None:
        self._size = self.path.stat().st_size
        self.encoding = (self.source.encoding or "utf-8").lower().replace("_", "-")
        head = self._head()
        records = self._records(head, self.source.delimiter or self._propose(head))
        at = self.source.skip_rows
        if len(records) <= at or not any(name.strip() for name in records[at]):
            refuse("there is no header with the columns' names", where=self.where)
        self.columns = tuple(records[at])
        if self.names is not None and len(self.names) == len(self.columns):
            self.columns = tuple(self.names)
        self.notes += unnamed_note(self.columns)
        self._check_names()

    # ---------------------------------------------------------------- what the header says

    def _open(self) -> IO[bytes]:
        return gzip.open(self.path) if is_gzip(self.path) else self.path.open("rb")  # type: ignore[return-value]

    def _head(self) -> str:
        try:
            with self._open() as file:
                raw = file.read(_HEAD)
        except (OSError, EOFError):
            refuse("the gzip file is damaged or cut off", where=self.where)
        bom = next((name for mark, name in _BOMS.items() if raw.startswith(mark)), None)
        if self.source.encoding is None:
            if bom is None and raw[:200].count(b"\x00") > len(raw[:200]) // 4:
                bom = "utf-16-le" if raw[1:2] == b"\x00" else "utf-16-be"
            if bom is not None:
                refuse(
                    f"the file is {bom.upper()}, not UTF-8, and the description does not say so",
                    where=self.where,
                    fix=f"add encoding: {bom}",
                )
            if raw.startswith(b"\xef\xbb\xbf"):
                self.notes.append("encoding: utf-8 (the file begins with its mark)")
            else:
                self.notes.append("encoding: utf-8 (proposed: the description names none)")
        elif not self._is_utf8 and raw.startswith(b"\xef\xbb\xbf"):
            refuse(
                f"the file begins with UTF-8's mark, but the description says {self.source.encoding}",
                where=self.where,
                fix="say encoding: utf-8",
            )
        if self._is_utf8:
            # later rows are checked by the engine, which says in which row
            return raw.decode("utf-8-sig", errors="replace")
        try:
            return _decoder(self.encoding).decode(raw, final=False)
        except UnicodeError:
            self._wrong_encoding(raw)
        raise AssertionError

    @property
    def _is_utf8(self) -> bool:
        return self.encoding in ("utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii")

    def _wrong_encoding(self, raw: bytes) -> None:
        bom = next((name for mark, name in _BOMS.items() if raw.startswith(mark)), None)
        refuse(
            f"the bytes are not {self.source.encoding}",
            where=self.where,
            fix=f"say encoding: {bom or 'utf-8'}"
            if bom or _decodes(raw, "utf-8")
            else "say the right encoding:",
        )

    def _records(self, head: str, delimiter: str) -> list[list[str]]:
        self.delimiter = delimiter
        number = self.source.skip_rows + self.source.header_rows
        records: list[list[str]] = []
        try:
            reader = csv.reader(io.StringIO(head, newline=""), **self._dialect())
            for record in reader:
                if record:
                    records.append(record)
                if len(records) > number:
                    break
        except csv.Error:
            pass  # the engine reads the rows and says what is wrong with them
        return records

    def _dialect(self) -> dict:
        if len(self.delimiter) != 1 or self.delimiter in "\r\n":
            refuse(
                f"the delimiter is {quoted(self.delimiter)}", where=self.where, expected="a single character"
            )
        quote = self.source.quote
        return {
            "delimiter": self.delimiter,
            "quotechar": quote or None,
            "quoting": csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        }

    def _propose(self, head: str) -> str:
        """The delimiter under which most of the described columns are found; then the most frequent."""

        def found(delimiter: str) -> tuple[int, int]:
            records = self._records(head, delimiter)
            names = records[self.source.skip_rows] if len(records) > self.source.skip_rows else []
            return sum(name in names for name in self.wanted), len(names)

        best = max(DELIMITERS, key=found)
        if found(best)[1] > 1:
            self.notes.append(f"delimiter: {DELIMITERS[best]} (proposed: the description names none)")
        return best

    def _check_names(self) -> None:
        problems = duplicate_names(self.columns, self.where)
        if not set(self.wanted) & set(self.columns) and len(self.columns) == 1:
            other = [d for d in DELIMITERS if d != self.delimiter and d in self.columns[0]]
            if other:
                name = DELIMITERS.get(self.delimiter, quoted(self.delimiter))
                problems = [
                    Problem(
                        f"split at the {name}, the header is a single name: {quoted(self.columns[0])}",
                        self.where,
                        fix=f"say delimiter: {quoted(other[0])} ({DELIMITERS[other[0]]})",
                    )
                ]
        if problems:
            raise SurveyError(problems)

    # ---------------------------------------------------------------- the rows

    def load(
        self, engine: Engine, name: str, columns: Sequence[str], problems: list[Problem]
    ) -> dict[str, str]:
        """Make the table ``name`` with ``columns`` as text and ``_row``; returns column -> SQL identifier.

        Rows that cannot be read are added to ``problems`` and left out of the table.
        """
        path = self.path if self._is_utf8 else self._as_utf8(engine)
        verdict = self._read(engine, name, path, columns)
        if verdict != "read":
            # line ends of two kinds confuse DuckDB's parser; Python's reads them, and knows real faults
            try:
                normal = self._normalised(engine, path)
            except csv.Error as error:
                if verdict == "line ends":
                    refuse(f"the rows cannot be told apart: {error}", where=self.where)
            else:
                self._read(engine, name, normal, columns)
        if not self._is_utf8 or verdict != "read":
            for copy in engine.folder.glob("*.csv"):
                copy.unlink()  # it holds what customers wrote
        problems += self._row_problems(engine, name)
        if self.path.stat().st_size != self._size:
            refuse(
                "the file has changed while it was read: another program is still writing it",
                where=self.where,
                fix="wait until it is complete",
            )
        self.n_rows = engine.one(f"SELECT count(*) FROM {name}")
        return {column: f"c{self.columns.index(column)}" for column in columns}

    def _read(self, engine: Engine, name: str, path: Path, columns: Sequence[str]) -> str:
        """Read the file into the table ``name``: "read", or what could not be made out."""
        width = len(self.columns)
        types = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(width + 1))
        chosen = "".join(
            f", nullif(c{i}, '') AS c{i}" for i in sorted({self.columns.index(c) for c in columns})
        )
        quote = literal(self.source.quote)
        for table in ("reject_errors", "reject_scans"):
            engine.run(f"DROP TABLE IF EXISTS {table}")
        query = f"""
            CREATE OR REPLACE TEMP TABLE {name} AS
            SELECT row_number() OVER () AS _row, c{width - 1} IS NULL AS _short, c{width} IS NOT NULL AS _long{chosen}
            FROM read_csv({literal(escaped(path))}, auto_detect=false, header=false, columns={{{types}}},
                delim={literal(self.delimiter)}, quote={quote}, escape={quote}, nullstr={literal(_NOTHING)},
                compression='{"gzip" if is_gzip(path) else "none"}', strict_mode=true, null_padding=true,
                parallel=false, store_rejects=true, rejects_limit=0)
            """
        try:
            engine.duck.execute(query).fetchall()
        except duckdb.Error as error:
            if "state machine" in str(error):
                return "line ends"
            damaged = "gzip" in str(error).lower()
            refuse(
                "the gzip file is damaged or cut off" if damaged else f"cannot be read: {first_line(error)}",
                where=self.where,
            )
        unclear = engine.one("SELECT count(*) FROM reject_errors WHERE error_type::VARCHAR LIKE '%QUOTE%'")
        return "quotes" if unclear else "read"

    def _row_problems(self, engine: Engine, name: str) -> list[Problem]:
        """What is wrong with rows; they and the header are taken out of the table."""
        rejects = engine.run(
            "SELECT line, min(error_type::VARCHAR) FROM reject_errors GROUP BY line ORDER BY line"
        )
        head = self.source.skip_rows + self.source.header_rows
        # rejected rows are not in the table: count them back in, so that a row has the file's number
        gone = [line for line, _ in rejects]
        kept_head = head - sum(line <= head for line in gone)
        faults: dict[str, list[int]] = {"short": [], "long": [], "bytes": [], "quotes": []}
        for row, is_long in engine.run(f"SELECT _row, _long FROM {name} WHERE _short OR _long"):
            faults["long" if is_long else "short"].append(_numbered(row, gone))
        for line, kind in rejects:
            faults["long" if "TOO MANY" in kind else "bytes" if "ENCODING" in kind else "quotes"].append(line)
        # what stands above the names need not have their number of fields
        for kind in ("short", "long", "quotes"):
            faults[kind] = [row for row in faults[kind] if row > head]
        last = _numbered(engine.one(f"SELECT coalesce(max(_row), 0) FROM {name}"), gone)
        faults["cut"] = [row for row in faults["short"] if row == last and len(faults["short"]) == 1]
        faults["short"] = [] if faults["cut"] else faults["short"]
        engine.run(f"DELETE FROM {name} WHERE _short OR _long OR _row <= {kept_head}")
        width = len(self.columns)
        return [
            Problem(f"{_rows(rows)} {_FAULTS[kind][0].format(width=width)}", self.where, fix=_FAULTS[kind][1])
            for kind, rows in faults.items()
            if rows
        ]

    def _as_utf8(self, engine: Engine) -> Path:
        """The file's text as UTF-8."""
        target, row = engine.folder / "utf-8.csv", 1
        try:
            with self._open() as raw, target.open("w", encoding="utf-8", newline="") as out:
                text = io.TextIOWrapper(raw, encoding=self.encoding, newline="")
                while chunk := text.read(_HEAD):
                    out.write(chunk.removeprefix("\ufeff") if row == 1 else chunk)
                    row += chunk.count("\n")
        except UnicodeError:
            refuse(
                f"the bytes at or after row {row:,} are not {self.source.encoding}",
                where=self.where,
                fix="say the right encoding:",
            )
        except (OSError, EOFError):
            refuse("the gzip file is damaged or cut off", where=self.where)
        return target

    def _normalised(self, engine: Engine, path: Path) -> Path:
        """The file with one kind of line end and every field in quotes."""
        target, quote = engine.folder / "normalised.csv", self.source.quote
        if not quote:
            raise csv.Error("its lines end in two ways; save it again with one of them")
        csv.field_size_limit(1 << 27)
        packed = gzip.open if is_gzip(path) else open
        # bytes that are not UTF-8 stay as they are: the engine says in which rows they stand
        with (
            packed(path, "rt", encoding="utf-8", errors="surrogateescape", newline="") as text,
            target.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out,
        ):
            writer = csv.writer(
                out, quoting=csv.QUOTE_ALL, delimiter=self.delimiter, quotechar=quote, lineterminator="\n"
            )
            writer.writerows(record for record in csv.reader(text, strict=True, **self._dialect()) if record)
        return target

    def digest(self) -> bytes:
        """Digest of the file's bytes."""
        return file_digest(self.path)


def _decoder(encoding: str):
    import codecs

    return codecs.getincrementaldecoder(encoding)()


def _decodes(raw: bytes, encoding: str) -> bool:
    try:
        _decoder(encoding).decode(raw, final=False)
    except UnicodeError:
        return False
    return True


def escaped(path: Path) -> str:
    """The path as DuckDB takes it literally, whatever characters of patterns it holds."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in str(path))


def _numbered(row: int, gone: Sequence[int]) -> int:
    """The file's number of the table's ``row``, when the rows ``gone`` (ascending) were left out."""
    for line in gone:
        if line <= row:
            row += 1
    return row


def _rows(rows: Sequence[int]) -> str:
    """Which rows, at most five of them, and how many more: "row 7 has", "rows 7, 9 and 3 others have".

    Rows are numbered as a spreadsheet does: the header is row 1.
    """
    rows = sorted(rows)
    if len(rows) == 1:
        return f"row {rows[0]:,} has"
    shown = ", ".join(f"{r:,}" for r in rows[:_SHOWN])
    more = len(rows) - _SHOWN
    return f"rows {shown} have" if more <= 0 else f"rows {shown} and {more:,} others have"


def unnamed_note(columns: Sequence[str]) -> list[str]:
    """Columns without a name, to which nothing can refer: often those of merged cells."""
    at = [str(i + 1) for i, name in enumerate(columns) if not name.strip()]
    if not at:
        return []
    which = (
        f"column {at[0]} has" if len(at) == 1 else f"columns {', '.join(at[:8])}{', …' * (len(at) > 8)} have"
    )
    return [
        f"{which} no name and cannot be used (merged cells in the header? give every column a name of its own)"
    ]


def duplicate_names(columns: Sequence[str], where: str) -> list[Problem]:
    """A problem for every column name that stands in the header twice; blank names do not count."""
    places: dict[str, list[int]] = {}
    for i, name in enumerate(columns):
        places.setdefault(name, []).append(i + 1)
    return [
        Problem(
            f"the column name {quoted(name)} stands in the header {len(at)} times (columns {', '.join(map(str, at))})",
            where,
            fix="give each column a name of its own",
        )
        for name, at in places.items()
        if len(at) > 1 and name.strip()
    ]
