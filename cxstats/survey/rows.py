"""From sources to one table of rows: joined, checked, every row with its reason if it is not used.

Two ways lead to the same table of the same columns:

* **as it is** — one columnar source (Parquet, DuckDB, a database), and nothing that needs looking at
  row by row: no ids, no dates. Nothing is read until something is counted.
* **row by row** — everything else: rows are staged, repeats and contradictions found, files joined.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .condensed import N, condensed
from .dates import DateColumn
from .engine import Engine, identifier, spellings
from .errors import Problem, SurveyError
from .in_place import build_in_place
from .in_place_stage import hindrances
from .joins import answers_once, count_rows, join_frame, join_outcomes, listed_once, parts, read_label, widen
from .judging import check_clocks, check_facts, check_weights, judge_rows, look, rows_in_use, weights_problem
from .ledger import Kind, LedgerLine, section
from .marks import declared_values, marked, stages_of
from .model import Description
from .numbers import NumberColumn, numbers_problems
from .pseudonym import add_pseudonyms
from .readers import DatabaseReader, ParquetReader, Reader
from .roles import Roles
from .stage import Stage, check_values, make_stage, missing_codes

if TYPE_CHECKING:
    import ibis

__all__ = ["Rows", "build_rows", "needs_rows"]


@dataclass
class Rows:
    """The rows in use.

    Attributes
    ----------
    table : ibis table; columns are the keys of scores, groups, items and outcomes, "wave", and where
        they apply "weight", "value", "_customer" (never shown), "customer" (the pseudonym), "part".
        Answers set aside are missing. Values are raw: recoding is done on counts.
    lines : ledger lines of every source.
    n_early : rows whose answer is older than its invitation (their scores are missing in ``table``).
    last_answer : local day of the last answer, where times of answers are described.
    until : the day the data stands at: as described, else the last day of an answer or an event.
    everyone : ``table`` and the customers who were never invited, with "invited"; None where all were.
    in_place : whether ``table`` is an expression over rows that still lie where they were.
    counted : the same rows as combinations of some columns, "_n" being their numbers; [] where rows were not condensed.
    drawn : a random sample of the rows, where they were condensed.
    """

    table: ibis.Table
    lines: list[LedgerLine] = field(default_factory=list)
    n_early: int = 0
    last_answer: dt.date | None = None
    until: dt.date | None = None
    everyone: ibis.Table | None = None
    in_place: bool = False
    counted: list[ibis.Table] = field(default_factory=list)
    drawn: ibis.Table | None = None


IN_PLACE_ROWS = 1_000_000
"""Larger columnar files are judged where they lie, as far as their columns are of the right types."""


CONDENSED_ROWS = 20_000_000
"""Parquet files of more rows, without customer ids or dates, are read once and condensed (see :mod:`.condensed`)."""

SAMPLE_ROWS = 200_000
"""Of condensed rows so many are drawn by lot for what looks at customers one by one."""


def needs_rows(d: Description, readers: Mapping[str, Reader], roles: Roles) -> bool:
    """Whether rows must be looked at one by one: ids, dates, files to join, weights that are text."""
    if len(readers) > 1 or d.customer or d.invited or d.responded or d.responses.shape == "long":
        return True
    reader = readers["responses"]
    if not reader.columnar:
        return True
    if d.weight is not None and roles.has("weight"):
        kind = reader.types[roles.places[("weight",)].column].upper()
        return not kind.startswith(
            ("DOUBLE", "FLOAT", "DECIMAL", "INT", "BIGINT", "SMALLINT", "TINYINT", "U", "HUGEINT")
        )
    return False


def build_rows(
    engine: Engine,
    d: Description,
    readers: Mapping[str, Reader],
    roles: Roles,
    problems: list[Problem],
    notes: list[str],
) -> Rows:
    """The table of rows in use; everything wrong is added to ``problems``."""
    if not needs_rows(d, readers, roles):
        return _as_it_is(engine, d, readers["responses"], roles, problems)
    if d.rows_stay:
        found = hindrances(d, readers, roles)
        if found:
            problems += found
            raise SurveyError([*found, _copy_instead()])
        return _in_place(engine, d, readers, roles, problems, notes)
    large = all(r.columnar for r in readers.values()) and any(
        (r.n_rows or 0) > IN_PLACE_ROWS for r in readers.values()
    )
    if large and not hindrances(d, readers, roles):
        return _in_place(engine, d, readers, roles, problems, notes)
    return _row_by_row(engine, d, readers, roles, problems, notes)


def _copy_instead() -> Problem:
    return Problem(
        "what stands above cannot be counted in the database",
        fix="change it as it says; or say copy_rows: true beside each table: to have the described columns, "
        "customers' ids among them, copied to this machine",
    )


def _in_place(
    engine: Engine,
    d: Description,
    readers: Mapping[str, Reader],
    roles: Roles,
    problems: list[Problem],
    notes: list[str],
) -> Rows:
    """The rows in use, judged where they lie."""
    found = build_in_place(engine, d, readers, roles, problems, notes)
    table, everyone = found.table, found.everyone
    if not isinstance(readers["responses"], DatabaseReader):
        whole = found.table if found.everyone is None else found.everyone
        # what had to be sorted or joined is kept, so that it is not done again for every count
        kind = "TABLE" if found.looked_up else "VIEW"
        engine.run(f"CREATE OR REPLACE TEMP {kind} used AS {engine.backend.compile(whole)}")
        table = engine.table(add_pseudonyms(engine, "used") if "_customer" in whole.columns else "used")
        if everyone is not None:
            everyone, table = table, table.filter(table.invited).drop("invited")
    return Rows(table, found.lines, found.n_early, found.last_answer, found.until, everyone, in_place=True)


@dataclass
class _Condensed:
    """What one pass over large files told, as tables of the engine."""

    counts: ibis.Table
    alone: list[ibis.Table]
    sample: ibis.Table


def _condensed(engine: Engine, d: Description, reader: Reader, roles: Roles) -> _Condensed | None:
    """Counts and a sample of large Parquet files, read once; None where they are not to be had."""
    if (
        not isinstance(reader, ParquetReader)
        or (reader.n_rows or 0) <= CONDENSED_ROWS
        or d.weight is not None
    ):
        return None
    paths = [path for path in roles.places if path[0] not in ("behaviour", "value")]
    rated = dict.fromkeys(roles.places[p].column for p in paths if p[0] in ("items", "vignettes"))
    together = dict.fromkeys(roles.places[p].column for p in paths if p[0] not in ("items", "vignettes"))
    # what is set aside is told by other columns than the item's own
    alone = [] if d.set_aside else [column for column in rated if column not in together]
    found = condensed(reader.files, list(together), alone, roles.needed("responses"), most=SAMPLE_ROWS)
    if found is None or any(r.column not in found.counts.column_names for r in d.set_aside):
        return None
    engine.adopt("counted", found.counts)
    engine.adopt("drawn", found.sample)
    for i, table in enumerate(found.alone.values()):
        engine.adopt(f"counted_{i}", table)
    alone_tables = [engine.table(f"counted_{i}") for i in range(len(found.alone))]
    return _Condensed(engine.table("counted"), alone_tables, engine.table("drawn"))


# ------------------------------------------------------------------------------------ as it is


def _as_it_is(engine: Engine, d: Description, reader: Reader, roles: Roles, problems: list[Problem]) -> Rows:
    if isinstance(reader, DatabaseReader):
        source = reader.table
    else:
        reader.load(engine, "rows", roles.needed("responses"), problems)
        source = engine.table("rows")
    found = _condensed(engine, d, reader, roles)
    if found is None:
        return _as_it_lies(engine, d, reader, roles, problems, source, source)
    rows = _as_it_lies(engine, d, reader, roles, problems, source, found.counts)
    rows.counted = [_in_use(engine, d, reader, roles, [], table) for table in (found.counts, *found.alone)]
    rows.drawn = _in_use(engine, d, reader, roles, problems, found.sample)
    return rows


def _as_it_lies(
    engine: Engine,
    d: Description,
    reader: Reader,
    roles: Roles,
    problems: list[Problem],
    source: ibis.Table,
    counted: ibis.Table,
) -> Rows:
    """The rows of ``source``, checked by ``counted``: the same rows, or the counts of their combinations."""
    if declared_values(d):
        check_values(counted, {c: c for c in reader.columns}, d, "responses", reader, roles, problems)
    rows = Rows(_in_use(engine, d, reader, roles, problems, source))
    aside = [_hit(counted, d, i) for i in range(len(d.set_aside)) if roles.has("set_aside", i)]
    rows.lines = _sections_as_it_is(d, reader, counted, aside)
    if "weight" in rows.table.columns:
        _check_numeric_weights(rows.table, d, reader, problems)
    return rows


def _hit(source: ibis.Table, d: Description, i: int) -> Any:
    """Whether a row is set aside by the rule ``i``."""
    rule = d.set_aside[i]
    return source[rule.column].cast("string").isin(spellings(rule.values)).fill_null(False)


def _in_use(
    engine: Engine, d: Description, reader: Reader, roles: Roles, problems: list[Problem], source: ibis.Table
) -> ibis.Table:
    """The rows in use of ``source``, under the roles' names, as far as it has their columns; with "_n" if it has."""
    places = {path: place for path, place in roles.places.items() if place.column in source.columns}
    columns: dict[str, Any] = {}
    for path, place in places.items():
        column = source[place.column]
        if path == ("wave",):
            columns["wave"] = column
        elif path[0] in ("scores", "groups", "outcomes", "instruments") and len(path) == 2:
            columns[str(path[1])] = column
        elif path[-1] == "cause":
            outcome = d.outcomes[str(path[1])]
            if outcome.column in source.columns:
                event = source[outcome.column].cast("string").strip().isin(spellings(outcome.event))
                columns[f"{path[1]}_cause"] = event.ifelse(column, None)
        elif path[0] == "items":
            columns[d.items[int(path[1])].key] = column
        elif path[0] == "vignettes":
            columns[d.vignettes[int(path[1])].key] = column
        elif path[0] in ("weight", "value"):
            columns[str(path[0])] = column
        elif path[0] in ("follow_up", "recovery"):
            columns[str(path[0])] = marked(column, getattr(d, str(path[0])).values, d.responses.missing)
    if all(entry.column in source.columns for entry in d.stages.values()):
        columns |= _reached(source, d, roles)
    if all(entry.column in source.columns for entry in d.behaviour.values()):
        columns |= _numbers(engine, source, d, reader, roles, problems)
    if N in source.columns:
        columns[N] = source[N]
    table = source
    for i in range(len(d.set_aside)):
        if roles.has("set_aside", i):
            table = table.filter(~_hit(source, d, i))
    return table.select(**columns)


def _reached(source: ibis.Table, d: Description, roles: Roles) -> dict[str, Any]:
    """The stages: who reached a later one has reached the earlier ones, recorded or not."""
    out: dict[str, Any] = {}
    later: Any = None
    for name in reversed(stages_of(d)):
        if roles.has("stages", name):
            entry = d.stages[name]
            here = marked(source[entry.column], entry.values, d.responses.missing)
            later = here if later is None else here | later
            out[name] = later
    return out


def _numbers(
    engine: Engine,
    source: ibis.Table,
    d: Description,
    reader: Reader,
    roles: Roles,
    problems: list[Problem],
) -> dict[str, Any]:
    """Behaviour as numbers: in a database its columns must be numbers, elsewhere texts are looked at."""
    out: dict[str, Any] = {}
    texts: dict[str, NumberColumn] = {}
    for key, entry in d.behaviour.items():
        if not roles.has("behaviour", key):
            continue
        column = source[entry.column]
        codes = missing_codes(d.responses, entry.missing)
        if column.type().is_numeric():
            number = column.cast("float64")
            if column.type().is_floating():  # not every database knows of NaN
                number = (number.isnan() | number.isinf()).ifelse(None, number)
            out[key] = column.cast("string").isin(spellings(codes)).ifelse(None, number) if codes else number
        elif isinstance(reader, DatabaseReader):
            out[key] = column
            problems.append(
                Problem(
                    f"column {entry.column} holds {column.type()}, not numbers",
                    f"{reader.where}, for behaviour.{key}",
                    fix="cast it to a number in a view of the database",
                )
            )
        else:
            texts[key] = NumberColumn.of(entry.column, identifier(entry.column), codes, d.responses.decimal)
            plain = column.cast("string").strip()
            plain = plain.replace(",", ".") if d.responses.decimal == "," else plain
            number = plain.try_cast("float64")
            gone = number.isnan() | number.isinf() | plain.isin(spellings(codes))
            out[key] = gone.ifelse(None, number)
    if d.value is not None and not isinstance(reader, DatabaseReader):
        codes = missing_codes(d.responses)
        texts["value"] = NumberColumn.of(
            d.value.column, identifier(d.value.column), codes, d.responses.decimal
        )
    problems += numbers_problems(engine, "rows", texts, reader.where, numbered=False)
    return out


def _sections_as_it_is(
    d: Description, reader: Reader, source: ibis.Table, aside: Sequence[Any]
) -> list[LedgerLine]:
    used = "Invited" if d.knows_invited else _USED
    if not aside and reader.n_rows is not None:
        return section("responses", (read_label("responses", reader), reader.n_rows), (), used)
    import ibis

    each = source[N] if N in source.columns else ibis.literal(1)
    tallies = {"total": source[N].sum() if N in source.columns else source.count()}
    earlier: Any = ibis.literal(False)
    for i, hit in enumerate(aside):
        tallies[f"a{i}"] = (hit & ~earlier).ifelse(each, 0).sum()
        earlier = earlier | hit
    found = source.agg(**tallies).to_pyarrow().to_pylist()[0]
    parts: list[tuple[str, int, Kind]] = [
        (f"Set aside: {rule.reason}", int(found[f"a{i}"] or 0), "set aside")
        for i, rule in enumerate(d.set_aside)
    ]
    return section("responses", (read_label("responses", reader), int(found["total"])), parts, used)


def _check_numeric_weights(
    table: ibis.Table, d: Description, reader: Reader, problems: list[Problem]
) -> None:
    weight = table.weight.cast("float64")
    bad = weight.isnull() | weight.isnan() | (weight <= 0) | weight.isinf()
    number = int(table.agg(n=bad.fill_null(True).sum()).to_pyarrow().to_pylist()[0]["n"] or 0)
    if number:
        name = d.weight.column if d.weight else ""
        problems.append(weights_problem(number, f"column {name}", reader.where))


# ---------------------------------------------------------------------------------- row by row

_USED = "Rows used"


def _row_by_row(
    engine: Engine,
    d: Description,
    readers: Mapping[str, Reader],
    roles: Roles,
    problems: list[Problem],
    notes: list[str],
) -> Rows:
    stages = {
        role: make_stage(engine, d, role, reader, roles, problems, notes) for role, reader in readers.items()
    }
    lines: list[LedgerLine] = []
    answers = stages["responses"]
    if d.responses.shape == "long":
        lines += widen(engine, d, answers, problems)
    answers_once(engine, d, answers, problems)
    frame, outcomes = stages.get("frame"), stages.get("outcomes_from")
    if frame is not None:
        listed_once(engine, d, frame, problems)
        lines += join_frame(engine, d, answers, frame, problems)
    else:
        engine.run("DROP TABLE IF EXISTS joined")
        engine.run(f"ALTER TABLE {answers.table} RENAME TO joined")
    if outcomes is not None:
        lines += join_outcomes(engine, d, outcomes, problems)
    dates = {name: date for stage in stages.values() for name, date in stage.dates.items()}
    check_clocks(dates, readers, problems)
    judge_rows(engine, d, dates)
    base = frame or answers
    lines = [*_main_section(engine, d, base, frame is not None), *lines]
    check_weights(engine, d, base, roles, problems)
    _check_days(d, dates, stages, problems)
    seen = look(engine, d, dates, stages, notes)
    told = check_facts(engine, d, dates, problems, base=base.role, where=base.reader.where, of=lines[0].of)
    table, more = rows_in_use(engine, d, stages, dates, seen.until, problems, base=base.role, of=lines[0].of)
    everyone = table if d.covers_customers else None
    if everyone is not None:
        table = everyone.filter(everyone.invited).drop("invited")
    return Rows(table, [*lines, *told, *more], seen.n_early, seen.last_answer, seen.until, everyone)


def _check_days(
    d: Description, dates: Mapping[str, DateColumn], stages: Mapping[str, Stage], problems: list[Problem]
) -> None:
    """What is counted in days needs days to count from."""
    known = [dates[name] for name in ("_invited", "_responded") if name in dates]
    if any(date.kind != "flag" for date in known) or not known:
        return
    for key, outcome in d.outcomes.items():
        stage = next((s for s in stages.values() if s.has(f"_on_{key}_day")), None)
        if stage is not None:
            problems.append(
                Problem(
                    "invited: and responded: hold yes or no, so there is no day from which to count",
                    f"{stage.reader.where}, for outcomes.{key}.on",
                    fix=f"export the day of the invitation, or leave on: {outcome.on} out",
                )
            )


def _main_section(engine: Engine, d: Description, base: Stage, has_frame: bool) -> list[LedgerLine]:
    invited = d.knows_invited
    label = read_label(base.role, base.reader)
    if d.responses.shape == "long" and base.role == "responses":
        label = "Customers in these answers" if d.customer else "Answers"
    return section(
        base.role,
        (label, count_rows(engine, "judged")),
        parts(engine, d, "judged"),
        "Invited" if invited else _USED,
    )
