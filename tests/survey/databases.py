"""Databases to test with: a throw-away PostgreSQL cluster on a socket of its own, and a local Spark.

Nothing that runs already is touched. Where the programs are not installed, the tests that ask for them skip.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

TYPES = {"int64": "bigint", "float64": "double precision", "datetime64[us, UTC]": "timestamptz"}
SCRATCH = "CXSTATS_TEST_POSTGRES"
"""Address of a scratch database to use instead of a server of our own; tables of the tests are made and dropped."""


def programs() -> Path | None:
    """The folder with PostgreSQL's own programs: on PATH, else where Debian puts them (the newest)."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]))
    return debian[-1].parent if debian else None


def _as_whom() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: whom to run it as then."""
    if os.name != "posix" or os.geteuid() != 0:
        return {}
    import pwd

    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            who = pwd.getpwnam(name)
            return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
    pytest.skip("POSTGRESQL ABSENT: it does not run as root, and there is no user postgres or nobody")


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL. ``address`` holds ``password``; ``log`` is the server's log of every statement."""

    address: str = field(repr=False)
    password: str = field(repr=False)
    log: Path | None

    def connect(self) -> Any:
        import psycopg

        return psycopg.connect(self.address)

    def load(self, table: str, rows: pd.DataFrame, **kinds: str) -> None:
        """``rows`` as a table; ``kinds`` are SQL types other than those that follow from the columns."""
        columns = ", ".join(
            f'"{name}" {kinds.get(str(name), TYPES.get(str(kind), "text"))}'
            for name, kind in rows.dtypes.items()
        )
        with self.connect() as connection:
            connection.execute(f"drop table if exists {table}")
            connection.execute(f"create table {table} ({columns})")
            with connection.cursor().copy(f"copy {table} from stdin (format csv)") as copy:
                copy.write(rows.to_csv(index=False, header=False))
            connection.execute(f"analyze {table}")

    def fetched(self) -> list[tuple[str, int]] | None:
        """Every statement that returned rows since the last call, and how many each time at most; None if not known."""
        if self.log is None:
            return None
        with self.connect() as connection:
            found = connection.execute(
                "select query, (rows / calls)::bigint from pg_stat_statements where query not ilike '%pg_catalog%' "
                "and query ilike any (array['select%', 'with%', 'copy%', 'fetch%']) "
            ).fetchall()
            connection.execute("select pg_stat_statements_reset()")
        return found


@contextlib.contextmanager
def postgres() -> Iterator[Server]:
    """A PostgreSQL of our own, with its data in a folder that is gone afterwards."""
    # it is installed with the tests, but loads only where PostgreSQL's own library (libpq) is
    pytest.importorskip(
        "psycopg", reason="POSTGRESQL'S LIBRARY ABSENT: apt install postgresql", exc_type=ImportError
    )
    if os.environ.get(SCRATCH):
        yield Server(os.environ[SCRATCH], "", None)
        return
    folder = programs()
    if folder is None:
        pytest.skip(
            "POSTGRESQL ABSENT: no initdb on PATH or under /usr/lib/postgresql (apt install postgresql)"
        )
    who, password = _as_whom(), f"pw-{secrets.token_hex(12)}"
    # a socket's path is short (107 letters), and pytest's folders are its user's alone
    home = Path(tempfile.mkdtemp(prefix="cx-pg-", dir="/tmp"))
    try:
        (home / "password").write_text(password)
        if who:
            for path in (home, home / "password"):
                os.chown(path, who["user"], who["group"])
        quiet: dict[str, Any] = {"check": True, "capture_output": True, "cwd": home, "timeout": 120, **who}
        subprocess.run(
            [folder / "initdb", "-D", home / "data", "-U", "cx", "-A", "scram-sha-256", "--no-sync",
             "--pwfile", home / "password", "--no-locale", "-E", "UTF8"], **quiet,
        )  # fmt: skip
        settings = (
            "listen_addresses='' fsync=off log_statement=all logging_collector=off max_connections=20 "
            "shared_preload_libraries=pg_stat_statements pg_stat_statements.track_utility=on "
            "shared_buffers=64MB timezone=Asia/Tokyo"
        )
        options = " ".join(
            f"-c {setting}" for setting in [*settings.split(), f"unix_socket_directories={home}"]
        )
        control = [folder / "pg_ctl", "-D", home / "data", "-w", "-l", home / "log"]
        subprocess.run([*control, "-o", options, "start"], **{**quiet, "capture_output": False})
        try:
            server = Server(f"postgresql://cx:{password}@/postgres?host={home}", password, home / "log")
            with server.connect() as connection:
                connection.execute("create extension pg_stat_statements")
            yield server
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **{**quiet, "check": False})
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def spark(folder: Path) -> Iterator[Any]:
    """A Spark session on this machine, with one core."""
    sql = pytest.importorskip("pyspark.sql", reason="SPARK ABSENT: pip install 'cxstats[spark]' (needs Java)")
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        pytest.skip("SPARK ABSENT: it needs Java (apt install default-jre-headless)")
    builder = sql.SparkSession.builder.master("local[1]").appName("cxstats tests")
    for key, value in {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
    }.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    try:
        yield session
    finally:
        session.stop()
