"""The first rows of a text file or workbook, before anything is known about it."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .files import data_format, is_gzip
from .model import Source

__all__ = ["Peek", "peek"]

_BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_HEAD = 1 << 20
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Peek:
    """What a first look shows.

    Attributes
    ----------
    kind : "csv", "excel", "parquet", "duckdb".
    rows : the first rows as texts, blanks as ""; () for formats that carry their own names.
    encoding, delimiter : of a text file; None for others.
    sheets : names of a workbook's sheets.
    """

    kind: str
    rows: tuple[tuple[str, ...], ...] = ()
    encoding: str | None = None
    delimiter: str | None = None
    sheets: tuple[str, ...] = ()


def peek(path: Path, source: Source, where: str, n: int = 12) -> Peek:
    """The first ``n`` rows below ``source.skip_rows``; what ``source`` says goes before what is seen.

    Raises
    ------
    SurveyError : the file is not what its name says.
    """
    kind = data_format(source, path, where)
    if kind == "excel":
        return _sheet(path, source, n)
    if kind != "csv":
        return Peek(kind)
    text, encoding = _text(path, source.encoding)
    delimiter = source.delimiter or _delimiter(text, source.quote)
    records = _records(text, delimiter, source.quote, source.skip_rows + n)[source.skip_rows :]
    return Peek(kind, tuple(tuple(record) for record in records), encoding, delimiter)


def _sheet(path: Path, source: Source, n: int) -> Peek:
    from .excel import first_rows

    sheets, rows = first_rows(path, source, n)
    return Peek("excel", tuple(tuple(cell or "" for cell in row) for row in rows), sheets=tuple(sheets))


def _text(path: Path, declared: str | None) -> tuple[str, str]:
    with gzip.open(path) if is_gzip(path) else path.open("rb") as file:
        raw = file.read(_HEAD)
    found = next((name for mark, name in _BOMS.items() if raw.startswith(mark)), None)
    if declared is None and found is None:
        try:
            io.TextIOWrapper(io.BytesIO(raw[: raw.rfind(b"\n") + 1] or raw), encoding="utf-8").read()
            found = "utf-8"
        except UnicodeDecodeError:
            found = "cp1252"  # what Windows programs of Western Europe and America write
    encoding = declared or found or "utf-8"
    return raw.decode(encoding, errors="replace").removeprefix("\ufeff"), encoding


def _records(text: str, delimiter: str, quote: str, n: int) -> list[list[str]]:
    out: list[list[str]] = []
    quoting = {"quotechar": quote, "quoting": csv.QUOTE_MINIMAL} if quote else {"quoting": csv.QUOTE_NONE}
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, **quoting):
            if record:
                out.append(record)
            if len(out) == n:
                break
    except csv.Error:
        pass  # the reader says what is wrong with the rows
    return out


def _delimiter(text: str, quote: str) -> str:
    """The delimiter under which most of the first rows have the same number of fields, and many of them.

    Headings above the names may have fewer.
    """

    def fit(delimiter: str) -> tuple[int, int]:
        widths = Counter(len(record) for record in _records(text, delimiter, quote, 12))
        return max(((n, width) for width, n in widths.items() if width > 1), default=(0, 0))

    return max(_DELIMITERS, key=fit)
