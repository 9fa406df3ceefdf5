"""The engine that reads: one private in-memory DuckDB per survey, spoken to through ibis.

Errors of the engine never reach the user as they are: they name internal tables, and could name
addresses. :func:`Engine.run` turns them into a :class:`SurveyError`.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from .errors import Problem, SurveyError

if TYPE_CHECKING:
    import ibis

__all__ = ["Engine", "first_line", "identifier", "listed", "literal", "spellings"]


def identifier(name: str) -> str:
    """A name as an SQL identifier.

    >>> identifier('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: object) -> str:
    """A text as an SQL literal.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + str(text).replace("'", "''") + "'"


def first_line(error: BaseException) -> str:
    """The first line of an engine's message, without its class name."""
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return line.partition("Error: ")[2] or line


_DAMAGE = re.compile(
    "magic bytes|decompress|corrupt|footer|metadata|too small|tprotocol|checksum|not a valid|know what type",
    re.IGNORECASE,
)


def _told(error: duckdb.Error, where: str) -> Problem:
    """An engine's error as a problem, with files' names and without their folders."""
    text = re.sub(r"""(["'])[^"']*/([^"'/]+)\1""", r"\1\2\1", first_line(error))
    if isinstance(error, duckdb.IOException) and "lock" in text.lower():
        return Problem(
            "another program has this file open for writing",
            where,
            fix="close it there, or read a copy of the file",
        )
    if _DAMAGE.search(text):
        return Problem(
            f"the file is damaged or cut off ({text})", where, fix="copy it again, or export it again"
        )
    return Problem(f"cannot be read: {text}", where)


def spellings(values: Iterable[str]) -> list[str]:
    """Values as texts, and as an engine writes them where the column holds decimal numbers.

    >>> spellings(["1", "Blank"])
    ['1', '1.0', 'Blank']
    """
    return [text for value in values for text in ([value, f"{value}.0"] if value.isdigit() else [value])]


def listed(values: Iterable[str]) -> str:
    """Values as an SQL list, in every spelling.

    >>> listed(["1", "x"])
    "('1', '1.0', 'x')"
    """
    return "(" + ", ".join(map(literal, spellings(values))) + ")"


def _private_folder() -> Path:
    """A folder that only this user can read, for what does not fit in memory."""
    own = (
        os.getuid() if hasattr(os, "getuid") else None
    )  # on Windows the temporary folder is the user's already
    folder = Path(tempfile.gettempdir()) / ("cxstats" if own is None else f"cxstats-{own}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="cxstats-"))
    foreign = own is not None and (status.st_uid != own or status.st_mode & 0o077)
    if foreign or not stat.S_ISDIR(status.st_mode):
        return Path(tempfile.mkdtemp(prefix="cxstats-"))
    return folder


_UNITS = {"bytes": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_LEAST_MEMORY = 2**30


def _memory(duck: duckdb.DuckDBPyConnection) -> str:
    """How much memory tables may take before they go to disk: half of what DuckDB would, which is nearly all there is.

    So a file larger than memory is read with as much as any other, and several reports can be made at once.
    ``CXSTATS_MEMORY`` says otherwise.
    """
    said = os.environ.get("CXSTATS_MEMORY", "").strip()
    if said:
        if not re.fullmatch(r"\d{1,9}(\.\d{1,3})?\s*[KMGT](i)?B", said):
            problem = Problem(
                f"CXSTATS_MEMORY is {said[:20]!r}, which is no amount of memory",
                expected="a text such as 500MB or 4GB",
            )
            raise SurveyError(problem)
        return said
    number, _, unit = str(duck.execute("SELECT current_setting('memory_limit')").fetchone()[0]).partition(" ")
    size = _UNITS.get(unit.lower(), 0) * float(number)
    return f"{int(max(size / 2, _LEAST_MEMORY)) // 2**20}MiB" if size > 2 * _LEAST_MEMORY else ""


class Engine:
    """One in-memory DuckDB with a private folder for what does not fit in memory.

    Attributes
    ----------
    databases : open connections to databases, by the environment variable that holds their address.
    """

    def __init__(self) -> None:
        self.databases: dict[str, Any] = {}

    @cached_property
    def backend(self) -> Any:
        """The ibis backend."""
        import ibis

        # several reports at once share the cores: each is told how many are its own
        threads = os.environ.get("CXSTATS_THREADS", "")
        share = {"threads": int(threads)} if threads.isdigit() and int(threads) > 0 else {}
        # nothing is fetched from the network behind the user's back, and no zone of this machine is used;
        # DuckDB makes the folder when it needs it, and removes it
        backend = ibis.duckdb.connect(
            ":memory:",
            autoinstall_known_extensions="false",
            temp_directory=str(_private_folder() / f"spill-{secrets.token_hex(8)}"),
            TimeZone="UTC",
            **share,
        )
        # DuckDB writes its bar to standard output after two seconds, in pipes and logs too; ours is cxstats.progress.
        # In Jupyter without ipywidgets it has none, and refuses to be told so.
        with suppress(duckdb.InvalidInputException):
            backend.con.execute("SET enable_progress_bar = false")
        if limit := _memory(backend.con):
            backend.con.execute(f"SET memory_limit = {literal(limit)}")
        return backend

    @cached_property
    def folder(self) -> Path:
        """A folder for copies of files, removed when the survey is no longer used."""
        folder = Path(tempfile.mkdtemp(prefix="copies-", dir=_private_folder()))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    @property
    def duck(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection below ibis."""
        return self.backend.con

    def run(self, sql: str, parameters: Sequence[object] = (), *, where: str = "") -> list[tuple]:
        """All rows of a query's result, as Python tuples."""
        with self.errors(where):
            return self.duck.execute(sql, parameters).fetchall()

    def one(self, sql: str, parameters: Sequence[object] = (), *, where: str = "") -> Any:
        """The single value of a query's result."""
        return self.run(sql, parameters, where=where)[0][0]

    def table(self, name: str) -> ibis.Table:
        """A table or view of this engine as an ibis table."""
        return self.backend.table(name)

    def adopt(self, name: str, rows: Any) -> None:
        """Make an Arrow table the table ``name``."""
        self.duck.register("_adopted", rows)
        self.run(f"CREATE OR REPLACE TEMP TABLE {identifier(name)} AS SELECT * FROM _adopted")
        self.duck.unregister("_adopted")

    def columns(self, relation: str, *, where: str = "") -> dict[str, str]:
        """Names and types of what ``relation`` (anything that may follow FROM) holds."""
        return {row[0]: row[1] for row in self.run(f"DESCRIBE SELECT * FROM {relation}", where=where)}

    @contextmanager
    def errors(self, where: str) -> Iterator[None]:
        """Engine errors inside become a SurveyError that says where."""
        problem = None
        try:
            yield
        except duckdb.OutOfMemoryException:
            problem = Problem(
                "there is not enough memory to read this",
                where,
                fix="free memory, raise CXSTATS_MEMORY (such as 8GB), or use Parquet",
            )
        except duckdb.Error as error:
            problem = _told(error, where)
        if problem is not None:
            raise SurveyError(problem)
