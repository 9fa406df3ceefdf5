"""One source, row by row: its columns under their roles' names, and why a row is not used.

A stage table has ``_row`` (the file's row, the header being row 1, where the source has such
numbers), ``_status`` (NULL for a row in use, else a reason), the columns of the roles that stand in
this source, times in UTC and days in local time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .dates import DateColumn, read_dates
from .engine import Engine, identifier, listed, literal
from .errors import Problem, quoted
from .marks import declared_values, marked_sql, strange_words_problem, tally, unused_values_problem
from .model import Description, Source
from .numbers import NumberColumn, numbers_problems
from .readers import Reader
from .roles import Roles

if TYPE_CHECKING:
    import ibis

__all__ = ["Stage", "check_values", "damaged_ids_problem", "make_stage", "missing_codes", "set_aside_repeats"]

_FLOATS = ("DOUBLE", "FLOAT")


@dataclass
class Stage:
    """A source's table in the engine.

    Attributes
    ----------
    called : of each column, what the file calls it.
    """

    role: str
    table: str
    reader: Reader
    source: Source
    columns: tuple[str, ...]
    called: Mapping[str, str]
    dates: dict[str, DateColumn] = field(default_factory=dict)
    numbers: dict[str, NumberColumn] = field(default_factory=dict)

    def has(self, column: str) -> bool:
        """Whether the stage has this column."""
        return column in self.columns


def missing_codes(source: Source, own: Sequence[str] = ()) -> tuple[str, ...]:
    """Codes that mean no answer: the source's and the column's own."""
    return tuple(dict.fromkeys((*source.missing, *own)))


def make_stage(
    engine: Engine,
    d: Description,
    role: str,
    reader: Reader,
    roles: Roles,
    problems: list[Problem],
    notes: list[str],
) -> Stage:
    """Read the source's columns that play a role into a stage table."""
    source = d.sources()[role]
    raw, table = f"raw_{role}", f"stage_{role}"
    idents = reader.load(engine, raw, roles.needed(role), problems)
    types = engine.columns(raw, where=reader.where)
    chosen, called = _columns(engine, d, role, source, roles, idents, types, reader, problems)
    # text files and workbooks know the rows' numbers as the user sees them
    number = "row_number() OVER ()" if reader.columnar or "_row" not in types else "_row"
    columns = "".join(f", {sql} AS {identifier(name)}" for name, sql in chosen.items())
    if declared_values(d):
        names = {column: sql.strip('"').replace('""', '"') for column, sql in idents.items()}
        check_values(engine.table(raw), names, d, role, reader, roles, problems)
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {number} AS _row{columns} FROM {raw}",
        where=reader.where,
    )
    engine.run(
        f"DROP {'VIEW' if reader.columnar and not _is_table(engine, raw) else 'TABLE'} IF EXISTS {raw}"
    )
    stage = Stage(role, table, reader, source, tuple(chosen), called)
    _add_dates(engine, stage, roles, d, problems, notes)
    for key, entry in d.behaviour.items():
        if stage.has(key):
            codes = missing_codes(source, entry.missing)
            stage.numbers[key] = NumberColumn.of(entry.column, identifier(key), codes, source.decimal)
    numbers = dict(stage.numbers)
    if d.value is not None and stage.has("_value"):
        codes = missing_codes(source)
        numbers["value"] = NumberColumn.of(d.value.column, "_value", codes, source.decimal)
    problems += numbers_problems(engine, table, numbers, reader.where, numbered=True)
    _set_aside(engine, stage, d)
    if stage.has("_customer"):
        problems += _damaged_ids(engine, stage)
    return stage


def _damaged_ids(engine: Engine, stage: Stage) -> list[Problem]:
    """Ids that a spreadsheet has turned into numbers: their digits are gone, and different people look the same."""
    damaged = r"regexp_full_match(trim(_customer), '\d([.,]\d+)?[eE]\+\d+')"
    number, row = engine.run(f"SELECT count(*), min(_row) FROM {stage.table} WHERE {damaged}")[0]
    if not number:
        return []
    return [damaged_ids_problem(number, f" (first: row {row:,})", stage.reader.where)]


def damaged_ids_problem(number: int, first: str, where: str) -> Problem:
    """The problem of ``number`` ids that lost their digits; ``first`` names one, where rows have numbers."""
    ids = "1 id has" if number == 1 else f"{number:,} ids have"
    return Problem(
        f"{ids} a form such as 1.23E+15{first}: a spreadsheet has cut off their digits",
        where,
        expected="ids as the survey tool wrote them",
        fix="export the file again and do not save it in Excel; or bring the ids in as text there",
    )


def _is_table(engine: Engine, name: str) -> bool:
    return bool(engine.one("SELECT count(*) FROM duckdb_tables() WHERE table_name = $1", [name]))


def _columns(
    engine: Engine,
    d: Description,
    role: str,
    source: Source,
    roles: Roles,
    idents: Mapping[str, str],
    types: Mapping[str, str],
    reader: Reader,
    problems: list[Problem],
) -> tuple[dict[str, str], dict[str, str]]:
    """Name in the stage -> SQL over the raw table; and -> the file's own name for it."""
    kind = {column: types[sql.strip('"').replace('""', '"')] for column, sql in idents.items()}
    out: dict[str, str] = {}
    called: dict[str, str] = {}
    if role in roles.keys:
        column = roles.keys[role]
        if kind[column] in _FLOATS:
            problems.append(
                Problem(
                    f"the ids in column {column} are stored as decimal numbers, so their digits may already be wrong",
                    reader.where,
                    fix="store ids as text",
                )
            )
        text = f"{idents[column]}::VARCHAR"
        if d.customer is not None and d.customer.ignore_case:
            text = f"lower(trim({text}))"
        out["_customer"] = f"nullif({text}, '')"
    for path, place in roles.places.items():
        if place.source != role:
            continue
        sql, section = idents[place.column], path[0]
        if path == ("wave",):
            out["wave"] = sql
        elif path == ("wave", "responses"):
            out["_answer_wave"] = sql
        elif section in ("scores", "groups", "outcomes", "instruments", "behaviour") and len(path) == 2:
            out[str(path[1])] = sql
        elif section == "stages":
            out[str(path[1])] = marked_sql(sql, d.stages[str(path[1])].values, source.missing)
        elif section == "items":
            out[d.items[int(path[1])].key] = sql
        elif section == "vignettes":
            out[d.vignettes[int(path[1])].key] = sql
        elif path[-1] == "on":
            out[f"_on_{path[1]}"] = sql
        elif path[-1] == "as_of":
            out[f"_asof_{path[1]}"] = sql
        elif section in ("follow_up", "recovery"):
            out[str(section)] = marked_sql(sql, getattr(d, str(section)).values, source.missing)
        elif path[-1] == "cause":
            out[f"{path[1]}_cause"] = sql
        elif section == "long":
            out[f"_long_{path[1]}"] = sql
        elif section == "set_aside":
            values = listed(d.set_aside[int(path[1])].values)
            out[f"_aside_{path[1]}"] = f"coalesce({sql}::VARCHAR IN {values}, false)"
        elif section == "weight":
            number = f"replace({sql}::VARCHAR, ',', '.')" if source.decimal == "," else f"{sql}::VARCHAR"
            out["_weight"] = f"try_cast({number} AS DOUBLE)"
            out["_weight_text"] = f"{sql}::VARCHAR"
        elif section == "value":
            out["_value"] = sql
        elif section in ("invited", "responded"):
            out[f"_{section}"] = sql
        called |= dict.fromkeys(out.keys() - called.keys() - {"_customer"}, place.column)
    return out, called


def check_values(
    table: ibis.Table,
    names: Mapping[str, str],
    d: Description,
    role: str,
    reader: Reader,
    roles: Roles,
    problems: list[Problem],
) -> None:
    """Values that mark rows, and stand in no row of the source, are mistyped.

    ``names`` says how ``table`` calls the source's columns.
    """
    named: dict[str, set[str]] = {}
    declared = [
        (path, column, values) for path, column, values in declared_values(d) if roles.column(path, role)
    ]
    for _, column, values in declared:
        if values:
            named.setdefault(column, set()).update(values)
    found = {column: tally(table, names[column]) for column in named}
    secret = None if d.customer is None else d.customer.column
    missing = d.sources()[role].missing
    for path, column, values in declared:
        told = {
            "column": column,
            "where": f"{reader.where}, for {'.'.join(map(str, path))}",
            "secret": column == secret,
        }
        if values:
            problem = unused_values_problem(found[column], values, named[column], **told)
        else:
            problem = strange_words_problem(table, names[column], missing, **told)
        if problem is not None:
            problems.append(problem)


def _add_dates(
    engine: Engine, stage: Stage, roles: Roles, d: Description, problems: list[Problem], notes: list[str]
) -> None:
    """Replace the columns of dates by their times and days."""
    paths: dict[str, tuple[str | int, ...]] = {"_invited": ("invited",), "_responded": ("responded",)}
    paths |= {f"_on_{key}": ("outcomes", key, "on") for key in d.outcomes}
    paths |= {f"_asof_{key}": ("groups", key, "as_of") for key in d.groups}
    paths |= {f"_asof_{key}": ("behaviour", key, "as_of") for key in d.behaviour}
    raw = [name for name in stage.columns if name in paths]
    if not raw:
        return
    types = engine.columns(stage.table)
    added: list[str] = []
    for name in raw:
        column = roles.places[paths[name]].column
        date = read_dates(
            engine,
            stage.table,
            identifier(name),
            types[name],
            stage.source,
            name=column,
            where=stage.reader.where,
            problems=problems,
            notes=notes,
        )
        stage.dates[name] = date
        added += [
            f"{date.time} AS {identifier(name + '_time')}",
            f"{date.day} AS {identifier(name + '_day')}",
        ]
    dropped = ", ".join(identifier(name) for name in raw)
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE {stage.table} AS "
        f"SELECT * EXCLUDE ({dropped}), {', '.join(added)} FROM {stage.table}",
        where=stage.reader.where,
    )
    kept = [name for name in stage.columns if name not in raw]
    stage.columns = (*kept, *(name + suffix for name in raw for suffix in ("_time", "_day")))


def _set_aside(engine: Engine, stage: Stage, d: Description) -> None:
    """Give each row its first reason not to be used."""
    cases = [
        f"WHEN {identifier(f'_aside_{i}')} THEN 'aside {i}'"
        for i in range(len(d.set_aside))
        if stage.has(f"_aside_{i}")
    ]
    if stage.has("_customer"):
        cases.append("WHEN _customer IS NULL THEN 'no id'")
    status = f"CASE {' '.join(cases)} END" if cases else "NULL"
    engine.run(f"ALTER TABLE {stage.table} ADD COLUMN _status VARCHAR")
    if cases:
        engine.run(f"UPDATE {stage.table} SET _status = {status}")


class Contradiction(NamedTuple):
    """Two rows of one customer that cannot both be true: their numbers, the stage's column, and what stands there.

    ``of`` is how many rows contradict another in this column.
    """

    kept: int
    other: int
    column: str
    first: str | None
    second: str | None
    of: int


def set_aside_repeats(
    engine: Engine,
    stage: Stage,
    keys: Sequence[str],
    compared: Mapping[str, Sequence[str]],
    *,
    status: str,
) -> list[Contradiction]:
    """Of the rows that agree in ``keys``, keep the fullest (then the first); the others get ``status``.

    ``compared`` are columns that must not contradict each other, with their missing codes. Returns the
    first contradictions of each.
    """
    if not keys:
        return []
    same = " AND ".join(f"t.{k} IS NOT DISTINCT FROM m.{k}" for k in map(identifier, keys))
    by = ", ".join(map(identifier, keys))
    values = {name: _comparable(identifier(name), codes) for name, codes in compared.items()}
    filled = " + ".join(f"({sql} IS NOT NULL)::INT" for sql in values.values()) or "0"
    plain = ", ".join(f"{sql} AS v{i}" for i, sql in enumerate(values.values()))
    first = ", ".join(f"first_value(v{i}) OVER pick AS f{i}" for i in range(len(values)))
    engine.run(
        f"""
        CREATE OR REPLACE TEMP TABLE repeats AS
        WITH several AS (SELECT {by} FROM {stage.table} WHERE _status IS NULL GROUP BY ALL HAVING count(*) > 1),
        rows AS (
            SELECT t._row, {", ".join(f"t.{identifier(k)} AS k{i}" for i, k in enumerate(keys))},
                   {filled} AS filled{", " + plain if plain else ""}
            FROM {stage.table} t JOIN several m ON {same} WHERE t._status IS NULL)
        SELECT *, row_number() OVER pick AS place, first_value(_row) OVER pick AS kept{", " + first if first else ""}
        FROM rows
        WINDOW pick AS (PARTITION BY {", ".join(f"k{i}" for i in range(len(keys)))} ORDER BY filled DESC, _row)
        """,
        where=stage.reader.where,
    )
    contradictions = []
    for i, name in enumerate(values):
        found = engine.run(
            f"SELECT kept, _row, f{i}, v{i}, count(*) OVER () FROM repeats "
            f"WHERE v{i} IS NOT NULL AND v{i} IS DISTINCT FROM f{i} ORDER BY _row LIMIT 5"
        )
        contradictions += [Contradiction(kept, other, name, *rest) for kept, other, *rest in found]
    engine.run(
        f"UPDATE {stage.table} SET _status = {literal(status)} WHERE _row IN (SELECT _row FROM repeats WHERE place > 1)"
    )
    engine.run("DROP TABLE repeats")
    return contradictions


def _comparable(sql: str, codes: Sequence[str]) -> str:
    """A value as text under which 9, "9" and "9.0" are the same and missing codes are missing."""
    text = f"nullif(trim({sql}::VARCHAR), '')"
    if codes:
        text = f"CASE WHEN {text} NOT IN {listed(codes)} THEN {text} END"
    return f"coalesce(try_cast({text} AS DOUBLE)::VARCHAR, {text})"


def contradiction_text(stage: Stage, found: Sequence[Contradiction]) -> str:
    """The first contradictions in words, by the file's own names, and how many more there are."""
    shown = sorted(found, key=lambda one: one.other)[:2]
    said = []
    for one in shown:
        column = (
            stage.called.get(one.column) or stage.called.get(f"_on_{one.column}") or one.column.lstrip("_")
        )
        values = ("blank" if v is None else quoted(v.removesuffix(".0")) for v in (one.first, one.second))
        said.append(f"rows {one.kept:,} and {one.other:,}, {column}: {' and '.join(values)}")
    more = sum({one.column: one.of for one in found}.values()) - len(shown)
    return "; ".join(said) + (f"; and {more:,} more" if more else "")
