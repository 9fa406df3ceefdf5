"""Readers: one per kind of source, all with the same face.

A reader is made by looking at a source without reading its rows: it knows ``columns``, ``n_rows``
where that costs nothing, and ``notes``, what detection chose. ``load`` makes the rows available to
the engine under a name. ``columnar`` sources (Parquet, DuckDB, a database) are not copied: the
engine reads the columns it needs, when it needs them.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..digests import file_digest
from .csv_text import CsvReader, duplicate_names, escaped
from .engine import Engine, identifier, literal
from .errors import Problem, SurveyError, did_you_mean, quoted, refuse
from .files import data_format, find_files
from .model import Source

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DatabaseReader", "FrameReader", "ParquetReader", "Reader", "open_reader"]


class Reader(Protocol):
    """What every reader offers."""

    where: str
    columns: tuple[str, ...]
    n_rows: int | None
    notes: list[str]
    columnar: bool

    def load(
        self, engine: Engine, name: str, columns: Sequence[str], problems: list[Problem]
    ) -> dict[str, str]:
        """Make ``columns`` available under ``name``; returns column -> SQL identifier."""
        ...

    def digest(self) -> bytes:
        """A fingerprint of the data."""
        ...


def open_reader(
    role: str,
    source: Source,
    folder: Path,
    engine: Engine,
    wanted: Sequence[str],
    frame: pd.DataFrame | None = None,
    names: Sequence[str] | None = None,
) -> Reader:
    """The reader for a source.

    Parameters
    ----------
    wanted : columns that the description names, to propose a delimiter by.
    frame : rows that are already there, in place of the source's.
    names : one name per column, where the header's own are not used.

    Raises
    ------
    SurveyError : the source is not there, not what it says it is, or its header cannot be used.
    """
    if frame is not None:
        return FrameReader(frame, role)
    if source.url_env is not None:
        return DatabaseReader(source, role, engine)
    files = find_files(source, folder, role)
    kinds = {data_format(source, file, role) for file in files}
    if len(kinds) > 1:
        refuse(f"{quoted(source.file)} matches files of several kinds", where=role)
    kind = kinds.pop()
    _check_options(source, kind, role)
    if kind == "parquet":
        return ParquetReader(files, engine, role)
    if len(files) > 1:
        refuse(
            f"{quoted(source.file)} matches {len(files)} files; only Parquet is read from several at once",
            where=role,
        )
    if kind == "duckdb":
        return DuckDbReader(source, files[0], engine, role)
    if kind == "spss":
        from .spss import SpssReader

        return SpssReader(source, files[0], files[0].name)
    if kind == "excel":
        from .excel import ExcelReader

        return ExcelReader(source, files[0], f"{files[0].name}", names)
    return CsvReader(source, files[0], files[0].name, wanted, names)


_ONLY = {
    "csv": ("delimiter", "quote", "encoding", "skip_rows", "header_rows"),
    "excel": ("sheet", "skip_rows", "header_rows"),
    "duckdb": ("table",),
    "spss": ("encoding",),
    "parquet": (),
}


def _check_options(source: Source, kind: str, role: str) -> None:
    """Options of another format are mistakes, not to be passed over in silence."""
    special = {name for names in _ONLY.values() for name in names}
    wrong = sorted((source.model_fields_set & special) - set(_ONLY[kind]))
    if wrong:
        refuse(
            f"{', '.join(name + ':' for name in wrong)} has no meaning for a {kind} file",
            where=role,
            fix="leave it out",
        )
    if kind == "duckdb" and source.table is None:
        refuse("needs table:, the name of the table in the DuckDB file", where=role)


@dataclass
class ParquetReader:
    """One or more Parquet files with the same columns; only their metadata is read here."""

    files: Sequence[Path]
    engine: Engine
    role: str
    columns: tuple[str, ...] = ()
    n_rows: int | None = None
    notes: list[str] = field(default_factory=list)
    columnar = True

    def __post_init__(self) -> None:
        names = [file.name for file in self.files]
        self.where = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        listed = "[" + ", ".join(literal(escaped(file)) for file in self.files) + "]"
        self.relation = f"read_parquet({listed})"
        self.types = self.engine.columns(self.relation, where=self.where)
        self.columns = tuple(self.types)
        self.n_rows = self.engine.one(
            f"SELECT coalesce(sum(num_rows), 0)::BIGINT FROM parquet_file_metadata({listed})",
            where=self.where,
        )
        if len(self.files) > 1:
            self._check_same(listed)

    def _check_same(self, listed: str) -> None:
        """A column that one file lacks must not become a column of blanks."""
        rows = self.engine.run(
            "SELECT file_name, list(name) FROM parquet_schema("
            f"{listed}) WHERE num_children IS NULL OR num_children = 0 GROUP BY file_name",
            where=self.where,
        )
        everywhere = {name for _, names in rows for name in names}
        problems = [
            Problem(
                f"lacks the columns {', '.join(map(quoted, sorted(missing)))} that other files have",
                Path(file).name,
            )
            for file, names in sorted(rows)
            if (missing := everywhere - set(names))
        ]
        if problems:
            raise SurveyError(problems)

    def load(
        self, engine: Engine, name: str, columns: Sequence[str], problems: list[Problem]
    ) -> dict[str, str]:
        """Nothing is read: ``name`` becomes a view of the files."""
        engine.run(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {self.relation}", where=self.where)
        return {column: identifier(column) for column in columns}

    @property
    def expression(self) -> Any:
        """The rows as an ibis table; nothing is read."""
        name = f"lies_{self.role}"
        self.engine.run(
            f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {self.relation}", where=self.where
        )
        return self.engine.table(name)

    def digest(self) -> bytes:
        """Digest of the files' bytes, in order of their names."""
        return hashlib.sha256(b"".join(map(file_digest, self.files))).digest()


@dataclass
class DuckDbReader:
    """A table or view of a DuckDB file, opened read-only."""

    source: Source
    path: Path
    engine: Engine
    role: str
    columns: tuple[str, ...] = ()
    n_rows: int | None = None
    notes: list[str] = field(default_factory=list)
    columnar = True

    def __post_init__(self) -> None:
        self.where = f"{self.path.name}, table {self.source.table}"
        catalog = identifier(f"file_{self.role}")
        self.engine.run(f"ATTACH {literal(self.path)} AS {catalog} (READ_ONLY)", where=self.path.name)
        found = self.engine.run(
            "SELECT schema_name, table_name, estimated_size FROM duckdb_tables() WHERE database_name = $1 "
            "UNION ALL SELECT schema_name, view_name, NULL FROM duckdb_views() WHERE database_name = $1 AND NOT internal",
            [f"file_{self.role}"],
        )
        tables = {
            (table if schema == "main" else f"{schema}.{table}"): (schema, table, size)
            for schema, table, size in found
        }
        if self.source.table not in tables:
            refuse(
                f"there is no table {quoted(self.source.table)}",
                where=self.path.name,
                fix=did_you_mean(self.source.table or "", sorted(tables)),
            )
        schema, table, self.n_rows = tables[self.source.table]
        self.relation = f"{catalog}.{identifier(schema)}.{identifier(table)}"
        self.types = self.engine.columns(self.relation, where=self.where)
        self.columns = tuple(self.types)

    def load(
        self, engine: Engine, name: str, columns: Sequence[str], problems: list[Problem]
    ) -> dict[str, str]:
        """Nothing is read: ``name`` becomes a view of the table."""
        engine.run(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {self.relation}", where=self.where)
        return {column: identifier(column) for column in columns}

    @property
    def expression(self) -> Any:
        """The rows as an ibis table; nothing is read."""
        name = f"lies_{self.role}"
        self.engine.run(
            f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {self.relation}", where=self.where
        )
        return self.engine.table(name)

    def digest(self) -> bytes:
        """Digest of the file's bytes."""
        return file_digest(self.path)


def _prepare(backend: Any) -> None:
    """Settings of this session alone, where a database's own would make it count for hours."""
    if backend.name == "postgres":
        # of a query within a query PostgreSQL expects a single row, and then goes through all rows for each row
        backend.raw_sql("SET enable_nestloop = off").close()


def _disconnect(backend: Any) -> None:
    """Give the connection back; a server that has gone is no reason to complain at the end."""
    if backend.name == "pyspark":  # there is one Spark session for the whole process, and others may use it
        return
    with suppress(Exception):
        backend.disconnect()


class DatabaseReader:
    """A table of a database that ibis opens, its address in an environment variable.

    The address can hold a password. It is read where it is used and kept in no attribute; errors of
    the driver, which may repeat it, are replaced by their kind.
    """

    columnar = True

    def __init__(self, source: Source, role: str, engine: Engine) -> None:
        self.source, self.where, self.engine = source, f"table {source.table}", engine
        self.n_rows: int | None = None
        self.notes: list[str] = []
        self.table: Any = None
        self.backend_name = ""
        problem = self._connect()
        if problem is not None:
            raise SurveyError(problem)
        schema = self.table.schema()
        self.columns = tuple(schema.names)
        self.types = {name: str(kind) for name, kind in schema.items()}

    def _connect(self) -> Problem | None:
        """Open the table; a problem is returned, not raised, so that no traceback passes the address."""
        import ibis

        variable = self.source.url_env or ""
        if not os.environ.get(variable):
            return Problem(
                f"the environment variable {variable} is not set",
                self.where,
                fix=f"set {variable} to the database's address, such as postgres://user:password@host/database",
            )
        try:
            backend = self.engine.databases.get(variable)
            if backend is None:  # one connection for all tables: they are joined there
                backend = self.engine.databases[variable] = ibis.connect(os.environ[variable])
                _prepare(backend)
                weakref.finalize(self.engine, _disconnect, backend)
        except ImportError as error:
            return Problem(
                f"the driver {error.name or 'for this database'} is not installed",
                self.where,
                fix="pip install 'ibis-framework[postgres]', with the name of your database",
            )
        except Exception as error:
            return Problem(
                f"the database in {variable} cannot be opened ({type(error).__name__})",
                self.where,
                fix=f"check the address in {variable}; it is not shown here",
            )
        self.backend_name = backend.name
        try:
            self.table = backend.table(self.source.table)
            self.table.schema()
        except Exception:
            return Problem(
                f"there is no table {quoted(self.source.table)}, or it may not be read",
                self.where,
                fix=_near_tables(backend, self.source.table or ""),
            )
        return None

    def load(
        self, engine: Engine, name: str, columns: Sequence[str], problems: list[Problem]
    ) -> dict[str, str]:
        """Copy ``columns`` into the engine (``copy: true``): rows are looked at one by one there."""
        problem = None
        try:
            rows = self.table.select(*columns).to_pyarrow()
        except Exception as error:
            problem = Problem(f"the table cannot be read ({type(error).__name__})", self.where)
        if problem is not None:
            raise SurveyError(problem)
        engine.duck.register("_rows", rows)
        engine.run(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM _rows", where=self.where)
        engine.duck.unregister("_rows")
        return {column: identifier(column) for column in columns}

    @property
    def expression(self) -> Any:
        """The rows as an ibis table; nothing is read."""
        return self.table

    def digest(self) -> bytes:
        """SHA-256 of the table's counts by every described column (no database offers a digest of its rows)."""
        return b""


def _near_tables(backend: Any, name: str) -> str:
    try:
        return did_you_mean(name, backend.list_tables())
    except Exception:  # a hint is not worth a second failure
        return ""


class FrameReader:
    """A data frame that is already there: a simulated company's."""

    columnar = False

    def __init__(self, frame: pd.DataFrame, role: str) -> None:
        self.frame, self.where = frame, role
        self.columns = tuple(str(name) for name in frame.columns)
        self.n_rows: int | None = len(frame)
        self.notes: list[str] = []
        problems = duplicate_names(self.columns, self.where)
        if problems:
            raise SurveyError(problems)

    def load(
        self, engine: Engine, name: str, columns: Sequence[str], problems: list[Problem]
    ) -> dict[str, str]:
        """Make the table ``name`` from the frame's ``columns``."""
        import pyarrow as pa

        engine.duck.register("_frame", pa.Table.from_pandas(self.frame[list(columns)], preserve_index=False))
        engine.run(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM _frame", where=self.where)
        engine.duck.unregister("_frame")
        return {column: identifier(column) for column in columns}

    def digest(self) -> bytes:
        """SHA-256 of the frame's values."""
        import pandas as pd

        return hashlib.sha256(
            pd.util.hash_pandas_object(self.frame, index=False).to_numpy().tobytes()
        ).digest()
