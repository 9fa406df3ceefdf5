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

from .description import Description
from .engine import Engine, identifier, literal
from .errors import Problem
from .ledger import Kind, LedgerLine, section
from .pseudonym import add_pseudonyms
from .readers import DatabaseReader, Reader
from .roles import Roles
from .stage import Stage, contradiction_text, make_stage, missing_codes, set_aside_repeats

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
    """

    table: ibis.Table
    lines: list[LedgerLine] = field(default_factory=list)
    n_early: int = 0
    last_answer: dt.date | None = None


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
    return _row_by_row(engine, d, readers, roles, problems, notes)


# ------------------------------------------------------------------------------------ as it is


def _as_it_is(engine: Engine, d: Description, reader: Reader, roles: Roles, problems: list[Problem]) -> Rows:
    if isinstance(reader, DatabaseReader):
        source = reader.table
    else:
        reader.load(engine, "rows", roles.needed("responses"), problems)
        source = engine.table("rows")
    columns: dict[str, Any] = {}
    for path, place in roles.places.items():
        column = source[place.column]
        if path == ("wave",):
            columns["wave"] = column
        elif path[0] in ("scores", "groups", "outcomes"):
            columns[str(path[1])] = column
        elif path[0] == "items":
            columns[d.items[int(path[1])].key] = column
        elif path[0] in ("weight", "value"):
            columns[str(path[0])] = column
    table = source
    aside: list[Any] = []
    for i, rule in enumerate(d.set_aside):
        if roles.has("set_aside", i):
            hit = source[rule.column].cast("string").isin(list(rule.values)).fill_null(False)
            aside.append(hit)
            table = table.filter(~hit)
    rows = Rows(table.select(**columns))
    rows.lines = _sections_as_it_is(d, reader, source, aside)
    if "weight" in columns:
        _check_numeric_weights(rows.table, d, reader, problems)
    return rows


def _sections_as_it_is(
    d: Description, reader: Reader, source: ibis.Table, aside: Sequence[Any]
) -> list[LedgerLine]:
    if not aside and reader.n_rows is not None:
        return section("responses", (_read_label("responses", reader), reader.n_rows), (), _USED)
    import ibis

    tallies = {"total": source.count()}
    earlier: Any = ibis.literal(False)
    for i, hit in enumerate(aside):
        tallies[f"a{i}"] = (hit & ~earlier).sum()
        earlier = earlier | hit
    found = source.agg(**tallies).to_pyarrow().to_pylist()[0]
    parts: list[tuple[str, int, Kind]] = [
        (f"Set aside: {rule.reason}", int(found[f"a{i}"] or 0), "set aside")
        for i, rule in enumerate(d.set_aside)
    ]
    return section("responses", (_read_label("responses", reader), int(found["total"])), parts, _USED)


def _check_numeric_weights(
    table: ibis.Table, d: Description, reader: Reader, problems: list[Problem]
) -> None:
    weight = table.weight.cast("float64")
    bad = weight.isnull() | weight.isnan() | (weight <= 0) | weight.isinf()
    number = int(table.agg(n=bad.fill_null(True).sum()).to_pyarrow().to_pylist()[0]["n"] or 0)
    if number:
        name = d.weight.column if d.weight else ""
        problems.append(_weights_problem(number, f"column {name}", reader.where))


def _weights_problem(number: int, what: str, where: str, sample: str = "") -> Problem:
    rows = "row has" if number == 1 else "rows have"
    return Problem(
        f"{number:,} {rows} no usable weight in {what}{sample}",
        where,
        expected="a number above 0 in every row",
        fix="set rows that are not part of the sample aside (set_aside:), or leave weight: out",
    )


# ---------------------------------------------------------------------------------- row by row

_USED = "Rows used"
_NAMES = {"responses": "the responses", "frame": "the frame", "outcomes_from": "the outcomes"}


def _read_label(role: str, reader: Reader) -> str:
    if reader.where == role:
        return f"Read from {_NAMES[role]}"
    return f"Read from {_NAMES[role]} ({reader.where})"


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
        lines += _widen(engine, d, answers, problems)
    _answers_once(engine, d, answers, problems)
    frame, outcomes = stages.get("frame"), stages.get("outcomes_from")
    if frame is not None:
        _listed_once(engine, d, frame, problems)
        lines += _join_frame(engine, d, answers, frame, problems)
    else:
        engine.run(f"CREATE OR REPLACE TEMP TABLE joined AS SELECT * FROM {answers.table}")
    if outcomes is not None:
        lines += _join_outcomes(engine, d, outcomes, problems)
    dates = {name: date for stage in stages.values() for name, date in stage.dates.items()}
    _check_clocks(dates, readers, problems)
    _judge_rows(engine, d, dates)
    base = frame or answers
    lines = [*_main_section(engine, d, base, frame is not None), *lines]
    _check_weights(engine, d, base, roles, problems)
    return Rows(
        _final(engine, d, stages, dates),
        lines,
        engine.one("SELECT count(*) FROM joined WHERE _status IS NULL AND _early"),
        _last_answer(engine, dates),
    )


def _columns_of(engine: Engine, table: str) -> list[str]:
    return list(engine.columns(table))


def _answers_once(engine: Engine, d: Description, stage: Stage, problems: list[Problem]) -> None:
    """The same answer twice is set aside; two different answers at one time are refused."""
    if not stage.has("_customer"):
        return
    keys = [
        k for k in ("_customer", "wave", "_answer_wave", "_invited_time", "_responded_time") if stage.has(k)
    ]
    compared = {
        key: missing_codes(d.responses, score.missing) for key, score in d.scores.items() if stage.has(key)
    }
    found = set_aside_repeats(engine, stage, keys, compared, status="twice")
    if found:
        timed = any(k in keys for k in ("wave", "_answer_wave", "_responded_time"))
        fix = (
            "keep the answer that counts"
            if timed
            else "say responded: (when they answered) or wave:, or keep the answer that counts"
        )
        problems.append(
            Problem(
                f"the same customer has two different answers at one time ({contradiction_text(found)}"
                f"{'; and more' if len(found) > 1 else ''})",
                stage.reader.where,
                fix=fix,
            )
        )


def _listed_once(engine: Engine, d: Description, stage: Stage, problems: list[Problem]) -> None:
    """A customer listed twice alike is set aside once; listed with different facts is refused."""
    keys = [k for k in ("_customer", "wave") if stage.has(k)]
    facts = [k for k in ("_invited_time", *d.groups, "_weight", "_value") if stage.has(k)]
    found = set_aside_repeats(engine, stage, keys, dict.fromkeys(facts, ()), status="listed twice")
    if found:
        problems.append(
            Problem(
                f"the frame lists a customer twice with different facts ({contradiction_text(found)}"
                f"{'; and more' if len(found) > 1 else ''})",
                stage.reader.where,
                fix="list everyone once; with several waves, name the wave: in both files",
            )
        )


def _widen(engine: Engine, d: Description, stage: Stage, problems: list[Problem]) -> list[LedgerLine]:
    """Long answers (one row per metric) as one row per customer and time, or per answer without ids."""
    names = {key: score.column or key for key, score in d.scores.items()}
    listed = ", ".join(map(literal, names.values()))
    engine.run(
        f"UPDATE {stage.table} SET _status = 'other metric' "
        f"WHERE _status IS NULL AND _long_metric::VARCHAR NOT IN ({listed}) OR (_status IS NULL AND _long_metric IS NULL)"
    )
    keys = [
        k for k in ("_customer", "wave", "_answer_wave", "_invited_time", "_responded_time") if stage.has(k)
    ]
    if stage.has("_customer"):
        codes = {code for score in d.scores.values() for code in score.missing} | set(d.responses.missing)
        found = set_aside_repeats(
            engine, stage, [*keys, "_long_metric"], {"_long_score": sorted(codes)}, status="twice"
        )
        if found:
            problems.append(
                Problem(
                    "the same customer has two different answers to one question at one time "
                    f"({contradiction_text(found).replace('long_score', d.responses.score or '')})",
                    stage.reader.where,
                    fix="say responded: (when they answered) or wave:, or keep the answer that counts",
                )
            )
    lines = section(
        "answers",
        (f"Read from the responses ({stage.reader.where}), one row per answer", _count(engine, stage.table)),
        _parts(engine, d, stage.table),
        "Answers used",
    )
    others = [c for c in stage.columns if c not in (*keys, "_long_metric", "_long_score")]
    scores = ", ".join(
        f"any_value(_long_score) FILTER (_long_metric::VARCHAR = {literal(name)}) AS {identifier(key)}"
        for key, name in names.items()
    )
    facts = "".join(f", arg_min({identifier(c)}, _row) AS {identifier(c)}" for c in others)
    if stage.has("_customer"):
        by = ", ".join(map(identifier, keys))
        query = f"SELECT min(_row) AS _row, {by}{facts}, {scores} FROM {stage.table} WHERE _status IS NULL GROUP BY {by}"
    else:
        plain = "".join(f", {identifier(c)}" for c in (*keys, *others))
        each = ", ".join(
            f"CASE WHEN _long_metric::VARCHAR = {literal(name)} THEN _long_score END AS {identifier(key)}"
            for key, name in names.items()
        )
        query = f"SELECT _row{plain}, {each} FROM {stage.table} WHERE _status IS NULL"
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE {stage.table} AS SELECT *, NULL::VARCHAR AS _status FROM ({query})"
    )
    stage.columns = (*keys, *others, *names)
    return lines


def _join_frame(
    engine: Engine, d: Description, answers: Stage, frame: Stage, problems: list[Problem]
) -> list[LedgerLine]:
    """Everyone on the frame, with their answer if there is one; answers of nobody on it are counted."""
    if not (answers.has("_customer") and frame.has("_customer")):
        engine.run(f"CREATE OR REPLACE TEMP TABLE joined AS SELECT * FROM {frame.table}")
        return []
    by_wave = answers.has("_answer_wave") and frame.has("wave")
    match = "f._customer = a._customer"
    if not by_wave and frame.has("wave"):
        several = engine.one(
            f"SELECT count(*) FROM (SELECT 1 FROM {frame.table} WHERE _status IS NULL "
            "GROUP BY _customer HAVING count(*) > 1)"
        )
        if several:
            problems.append(
                Problem(
                    f"the frame lists {several:,} customers in several waves, but the answers do not say their wave",
                    answers.reader.where,
                    fix=f"add the column {d.wave.column if d.wave else 'wave'} to the answers",
                )
            )
            engine.run(f"CREATE OR REPLACE TEMP TABLE joined AS SELECT * FROM {frame.table}")
            return []
    if by_wave:
        match += " AND f.wave::VARCHAR IS NOT DISTINCT FROM a._answer_wave::VARCHAR"
    engine.run(
        f"""UPDATE {answers.table} AS a SET _status = 'not matched' WHERE a._status IS NULL AND NOT EXISTS
            (SELECT 1 FROM {frame.table} f WHERE f._status IS NULL AND {match})"""
    )
    # one invitation has one answer: the first
    order = "_responded_time NULLS LAST, _row" if answers.has("_responded_time") else "_row"
    keys = "_customer, _answer_wave" if by_wave else "_customer"
    engine.run(
        f"""UPDATE {answers.table} SET _status = 'again' WHERE _row IN (
            SELECT _row FROM {answers.table} WHERE _status IS NULL
            QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {order}) > 1)"""
    )
    mine = [c for c in _columns_of(engine, answers.table) if c not in ("_row", "_status", "_customer")]
    theirs = set(_columns_of(engine, frame.table))
    chosen = "".join(f", a.{identifier(c)}" for c in mine if c not in theirs)
    engine.run(
        f"""CREATE OR REPLACE TEMP TABLE joined AS SELECT f.*{chosen}, a._row AS _answer_row FROM {frame.table} f
            LEFT JOIN {answers.table} a ON f._status IS NULL AND a._status IS NULL AND {match}"""
    )
    return section(
        "responses",
        (_read_label("responses", answers.reader), _count(engine, answers.table)),
        _parts(engine, d, answers.table),
        "Answers matched to the frame",
    )


def _join_outcomes(engine: Engine, d: Description, stage: Stage, problems: list[Problem]) -> list[LedgerLine]:
    """What customers did later, from a file of its own."""
    facts = [c for c in _columns_of(engine, stage.table) if c not in ("_row", "_status", "_customer")]
    if not stage.has("_customer") or "_customer" not in _columns_of(engine, "joined"):
        return []
    found = set_aside_repeats(
        engine,
        stage,
        ["_customer"],
        {c: () for c in facts if not c.startswith("_aside")},
        status="listed twice",
    )
    if found:
        problems.append(
            Problem(
                f"the outcomes list a customer twice with different values ({contradiction_text(found)}"
                f"{'; and more' if len(found) > 1 else ''})",
                stage.reader.where,
                fix="give every customer one row",
            )
        )
    engine.run(
        f"""UPDATE {stage.table} AS o SET _status = 'not matched' WHERE o._status IS NULL AND NOT EXISTS
            (SELECT 1 FROM joined j WHERE j._status IS NULL AND j._customer = o._customer)"""
    )
    chosen = "".join(f", o.{identifier(c)}" for c in facts)
    engine.run(
        f"""CREATE OR REPLACE TEMP TABLE joined AS SELECT j.*{chosen}, o._row AS _outcome_row FROM joined j
            LEFT JOIN {stage.table} o ON o._status IS NULL AND j._customer = o._customer"""
    )
    lines = section(
        "outcomes_from",
        (_read_label("outcomes_from", stage.reader), _count(engine, stage.table)),
        _parts(engine, d, stage.table),
        "Customers with known outcomes",
    )
    without = engine.one("SELECT count(*) FROM joined WHERE _status IS NULL AND _outcome_row IS NULL")
    return [
        *lines,
        LedgerLine("Rows of the survey without an outcome", without, "note", "outcomes_from", lines[0].of),
    ]


def _check_clocks(dates: Mapping[str, Any], readers: Mapping[str, Reader], problems: list[Problem]) -> None:
    """An invitation with a zone and an answer without one cannot be put in order."""
    times = {
        name: date
        for name, date in dates.items()
        if name in ("_invited", "_responded") and date.kind == "time"
    }
    if len({date.zoned for date in times.values()}) > 1:
        naive = next(name[1:] for name, date in times.items() if not date.zoned)
        other = next(name[1:] for name, date in times.items() if date.zoned)
        problems.append(
            Problem(
                f"{naive}: has times without a zone, {other}: has times with one",
                next(iter(readers.values())).where,
                fix=f"say time_zone: for the source of {naive}:",
            )
        )


def _judge_rows(engine: Engine, d: Description, dates: Mapping[str, Any]) -> None:
    """Reasons that need the whole row: not invited, outside the period, answered before invited."""
    columns = _columns_of(engine, "joined")
    cases = []
    if "_invited_time" in columns:
        cases.append("WHEN _invited_time IS NULL THEN 'not invited'")
    kept = "_invited" if "_invited" in dates and dates["_invited"].kind != "flag" else "_responded"
    if kept in dates and dates[kept].kind != "flag":
        day = identifier(f"{kept}_day")
        if d.period.start:
            cases.append(f"WHEN {day} < DATE {literal(d.period.start)} THEN 'outside'")
        if d.period.end:
            cases.append(f"WHEN {day} > DATE {literal(d.period.end)} THEN 'outside'")
    judged = f"CASE WHEN _status IS NOT NULL THEN _status {' '.join(cases)} END"
    early = "false"
    if "_invited" in dates and "_responded" in dates:
        unit = "time" if dates["_invited"].kind == dates["_responded"].kind == "time" else "day"
        early = f"coalesce(_responded_{unit} < _invited_{unit}, false)"
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE joined AS SELECT * REPLACE ({judged} AS _status), {early} AS _early FROM joined"
    )


_REASONS: dict[str, tuple[str, Kind]] = {
    "no id": ("Set aside: no customer id", "set aside"),
    "twice": ("Set aside: the same answer twice", "set aside"),
    "listed twice": ("Set aside: listed twice", "set aside"),
    "again": ("Set aside: answered again (the first answer counts)", "set aside"),
    "other metric": ("Set aside: a question the description does not name", "set aside"),
    "not matched": ("Not matched: nobody in use on the survey's list has this id", "not matched"),
    "not invited": ("Set aside: not invited", "set aside"),
    "outside": ("Set aside: outside the period", "set aside"),
}


def _parts(engine: Engine, d: Description, table: str) -> list[tuple[str, int, Kind]]:
    found = dict(
        engine.run(f"SELECT _status, count(*) FROM {table} WHERE _status IS NOT NULL GROUP BY _status")
    )
    asides: list[tuple[str, int, Kind]] = [
        (f"Set aside: {rule.reason}", found.get(f"aside {i}", 0), "set aside")
        for i, rule in enumerate(d.set_aside)
    ]
    return [*asides, *((text, found.get(key, 0), kind) for key, (text, kind) in _REASONS.items())]


def _count(engine: Engine, table: str) -> int:
    return engine.one(f"SELECT count(*) FROM {table}")


def _main_section(engine: Engine, d: Description, base: Stage, has_frame: bool) -> list[LedgerLine]:
    invited = has_frame or d.invited is not None
    label = _read_label(base.role, base.reader)
    if d.responses.shape == "long" and base.role == "responses":
        label = "Customers in these answers" if d.customer else "Answers"
    return section(
        base.role,
        (label, _count(engine, "joined")),
        _parts(engine, d, "joined"),
        "Invited" if invited else _USED,
    )


def _check_weights(
    engine: Engine, d: Description, base: Stage, roles: Roles, problems: list[Problem]
) -> None:
    if d.weight is None or not roles.has("weight"):
        return
    bad = "_status IS NULL AND (_weight IS NULL OR NOT isfinite(_weight) OR _weight <= 0)"
    number = engine.one(f"SELECT count(*) FROM joined WHERE {bad}")
    if number:
        row, text = engine.run(f"SELECT _row, _weight_text FROM joined WHERE {bad} ORDER BY _row LIMIT 1")[0]
        value = "blank" if text is None else f'"{text}"'
        problems.append(
            _weights_problem(
                number, f"column {d.weight.column}", base.reader.where, f" (first: {value} in row {row:,})"
            )
        )


def _last_answer(engine: Engine, dates: Mapping[str, Any]) -> dt.date | None:
    if "_responded" not in dates or dates["_responded"].kind == "flag":
        return None
    return engine.one("SELECT max(_responded_day) FROM joined WHERE _status IS NULL AND NOT _early")


def _final(
    engine: Engine, d: Description, stages: Mapping[str, Stage], dates: Mapping[str, Any]
) -> ibis.Table:
    """The rows in use, under the roles' names; answers before the invitation are missing."""
    columns = set(_columns_of(engine, "joined"))

    def kept(name: str) -> str:
        return identifier(name) if name in columns else "NULL::VARCHAR"

    chosen = {key: f"CASE WHEN NOT _early THEN {kept(key)} END" for key in d.scores}
    chosen |= {item.key: f"CASE WHEN NOT _early THEN {kept(item.key)} END" for item in d.items}
    chosen |= {key: kept(key) for key in d.groups}
    if d.wave is not None:
        chosen["wave"] = kept("wave")
    chosen |= {key: _outcome(d, key, columns, dates, stages) for key in d.outcomes}
    if "_weight" in columns:
        chosen["weight"] = "_weight"
    if d.value is not None:
        chosen["value"] = kept("_value")
    if "_responded_time" in columns:
        chosen["_stamped"] = "NOT _early AND _responded_time IS NOT NULL"
    if d.customer is not None and "_customer" in columns:
        chosen["_customer"] = "_customer"
    listed = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in chosen.items())
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE used AS SELECT _row, {listed} FROM joined WHERE _status IS NULL ORDER BY _row"
    )
    for stage in stages.values():
        engine.run(f"DROP TABLE IF EXISTS {stage.table}")
    if "_customer" not in chosen:
        return engine.table("used")
    return engine.table(add_pseudonyms(engine, "used"))


def _outcome(
    d: Description, key: str, columns: set[str], dates: Mapping[str, Any], stages: Mapping[str, Stage]
) -> str:
    """An outcome; with a date, the event counts within its window after the survey, and not before it."""
    outcome = d.outcomes[key]
    raw = identifier(key) if key in columns else "NULL::VARCHAR"
    if outcome.on is None or f"_on_{key}_day" not in columns:
        return raw
    source = next((s.source for s in stages.values() if s.has(key)), d.responses)
    text = f"nullif(trim({raw}::VARCHAR), '')"
    codes = missing_codes(source, outcome.missing)
    unknown = f"{text} IS NULL" + (f" OR {text} IN ({', '.join(map(literal, codes))})" if codes else "")
    asked = "_invited_day" if "_invited_day" in columns else "_responded_day"
    on = identifier(f"_on_{key}_day")
    late = f"WHEN {on} > {asked} + {outcome.window_days} THEN 'no'" if outcome.window_days else ""
    event = ", ".join(map(literal, outcome.event))
    return (
        f"CASE WHEN {unknown} OR {asked} IS NULL THEN NULL WHEN {text} NOT IN ({event}) THEN 'no' "
        f"WHEN {on} IS NULL OR {on} < {asked} THEN NULL {late} ELSE 'yes' END"
    )
