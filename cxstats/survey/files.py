"""Is this a data file at all? Looked at before any engine opens it."""

from __future__ import annotations

import gzip
import stat
from pathlib import Path

from .errors import did_you_mean, quoted, refuse
from .model import Source

__all__ = ["data_format", "find_files", "is_gzip"]

_FORMATS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".tab": "csv",
    ".parquet": "parquet", ".pq": "parquet",
    ".xlsx": "excel", ".xlsm": "excel",
    ".duckdb": "duckdb", ".ddb": "duckdb", ".db": "duckdb",
    ".sav": "spss", ".zsav": "spss",
}  # fmt: skip
_OTHER = {
    ".xls": "an old Excel file; save it as .xlsx",
    ".xlsb": "a binary Excel file; save it as .xlsx",
    ".ods": "an OpenDocument file; save it as .xlsx or CSV",
    ".por": "a portable SPSS file; save it as .sav or CSV",
    ".dta": "a Stata file; export it as CSV",
    ".zip": "an archive; unpack it first",
    ".json": "JSON; export it as CSV or Parquet",
    ".pkl": "a pickle, which is never read; export it as CSV or Parquet",
}
_NAMES = {
    "csv": "a CSV file",
    "parquet": "a Parquet file",
    "excel": "an Excel workbook",
    "duckdb": "a DuckDB file",
    "spss": "an SPSS file",
}


def find_files(source: Source, folder: Path, where: str) -> list[Path]:
    """The files ``source.file`` names, relative to ``folder``; a pattern with * is for Parquet.

    Raises
    ------
    SurveyError : there is none, or one is a folder, a pipe, a device, empty, or cannot be read.
    """
    name = source.file or ""
    path = folder / Path(name).expanduser()
    if "://" in name:
        refuse(
            f"{quoted(name.split('://')[0] + '://…')} is an address, not a file",
            where=where,
            fix="download the file, or use table: with url_env: for a database",
        )
    files: list[Path] = []
    try:
        pattern = any(c in name for c in "*?") and not path.exists()
        if pattern:
            files = sorted(
                p for p in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if p.is_file()
            )
    except OSError as error:
        refuse(f"{quoted(name)} cannot be read: {error.strerror}", where=where)
    if pattern:
        if not files:
            refuse(f"no file matches {quoted(name)}", where=where)
    else:
        files = [path]
    for file in files:
        _check_regular(file, where)
    return files


def _check_regular(path: Path, where: str) -> None:
    try:
        status = path.stat()
    except FileNotFoundError:
        if not path.parent.is_dir():
            refuse(f"there is no folder {quoted(path.parent)}", where=where)
        data = sorted(
            p.name for p in path.parent.iterdir() if _FORMATS.keys() & {s.lower() for s in p.suffixes}
        )
        hint = did_you_mean(path.name, data) if data else ""
        refuse(f"there is no file {quoted(path.name)} in {path.parent}", where=where, fix=hint)
    except OSError as error:
        refuse(f"{quoted(path.name)} cannot be read: {error.strerror}", where=where)
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        inside = sorted(p.name for p in path.iterdir() if p.is_file())[:3]
        refuse(
            f"{quoted(path.name)} is a folder, not a data file",
            where=where,
            fix=f"name a file in it, such as {quoted(inside[0])}" if inside else "name a file",
        )
    if not stat.S_ISREG(mode):
        kind = "a pipe (FIFO)" if stat.S_ISFIFO(mode) else "a device or socket"
        refuse(
            f"{quoted(path.name)} is {kind}, not a data file",
            where=where,
            fix="write the data to a file first",
        )
    if status.st_size == 0:
        refuse(
            f"{quoted(path.name)} is empty", where=where, expected="at least a header with the columns' names"
        )


def is_gzip(path: Path) -> bool:
    """Whether the file's bytes are gzip, whatever it is called."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def data_format(source: Source, path: Path, where: str) -> str:
    """The format of a data file: as declared, else by its name; refused if its bytes say otherwise."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
        if head[:2] == b"\x1f\x8b":
            with gzip.open(path) as file:
                head = file.read(512)
    except (OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or "it is not a whole gzip file"
        refuse(f"{quoted(path.name)} cannot be read: {why}", where=where)
    suffixes = [s.lower() for s in path.suffixes]
    last = suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == ".gz" else (suffixes or [""])[-1]
    seen = _seen(head)
    if source.format is None and last in _OTHER and seen not in ("excel", "parquet", "duckdb", "spss"):
        refuse(f"{quoted(path.name)} is {_OTHER[last]}", where=where)
    declared = source.format or _FORMATS.get(last) or seen
    if seen == "html":
        refuse(
            f"{quoted(path.name)} is a web page, not data",
            where=where,
            fix="download the file again; a link often leads to a log-in page",
        )
    if seen == "ole":
        refuse(
            f"{quoted(path.name)} is protected by a password, or an old Excel file under a new name",
            where=where,
            fix="open it in Excel and save it without a password, as .xlsx or CSV",
        )
    if declared is None:
        declared = "csv"
    if seen is not None and seen != declared:
        refuse(
            f"{quoted(path.name)} holds {_NAMES[seen]}, but is to be read as {_NAMES[declared]}",
            where=where,
            fix=f"say format: {seen}",
        )
    if seen is None and declared != "csv":
        refuse(
            f"{quoted(path.name)} is not {_NAMES[declared]}", where=where, fix="say format: csv if it is text"
        )
    return declared


def _seen(head: bytes) -> str | None:
    """What the first bytes say, where they say anything."""
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:4] == b"PK\x03\x04":
        return "excel"
    if head[8:12] == b"DUCK":
        return "duckdb"
    if head[:4] in (b"$FL2", b"$FL3"):
        return "spss"
    if head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return "ole"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return "html"
    return None
