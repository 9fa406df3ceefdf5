"""Rows judged where they lie, in a database or in large columnar files: only counts are fetched.

The same rules as in :mod:`.stage`, :mod:`.joins`, :mod:`.judging` and :mod:`.outcomes`, which look at rows
one by one in the engine, written once more as ibis expressions that any database computes itself.
``tests/survey/test_databases.py`` holds the two together. Everything here is lazy but a handful of counts.

What cannot be said in every database's SQL is refused with its cure: texts that are dates or numbers, clocks of
a time zone, long answers. Two rows that are the same answer differ from each other in nothing that is compared;
which of them is kept is decided by their other values, because rows in a database have no order.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .dates import FLAGS, YES, DateColumn
from .engine import Engine, spellings
from .errors import Problem, SurveyError
from .in_place_outcomes import Event, events_of, happened
from .joins import key_problem, parts_of, read_label
from .judging import Seen, check_clocks, data_until, late_fact_problem, weights_problem
from .ledger import LedgerLine, section
from .marks import declared_values, marked, stages_of
from .model import Description, Source
from .pseudonym import part_in_place
from .readers import DatabaseReader, Reader
from .roles import Roles
from .stage import check_values, damaged_ids_problem, missing_codes

if TYPE_CHECKING:
    import ibis

__all__ = ["InPlace", "build_in_place", "hindrances"]

_USED = "Rows used"


@dataclass
class InPlace:
    """Rows in use as an expression, and what counting told about them; see ``Rows``."""

    table: ibis.Table
    lines: list[LedgerLine]
    n_early: int
    last_answer: dt.date | None
    until: dt.date | None
    everyone: ibis.Table | None
    looked_up: bool = False


@dataclass
class _Stage:
    """A source under the roles' names, with ``_status``: why a row is not used, missing where it is."""

    role: str
    reader: Reader
    source: Source
    table: ibis.Table
    dates: dict[str, DateColumn] = field(default_factory=dict)
    ids_are_text: bool = False

    def has(self, column: str) -> bool:
        return column in self.table.columns


# ------------------------------------------------------------------------------- what cannot be done


def hindrances(d: Description, readers: Mapping[str, Reader], roles: Roles) -> list[Problem]:
    """Why these sources cannot be judged where they lie; [] where they can."""
    found: list[Problem] = []
    addresses = {source.url_env for source in d.sources().values()}
    if len(addresses) > 1:
        named = ", ".join(sorted(f"{role}:" for role, s in d.sources().items() if s.url_env is None))
        found.append(
            Problem(
                "answers, frame and outcomes are counted in the database, so all of them must lie in the same one"
                + (f"; {named} names a file" if named else ""),
                "survey.yml",
                fix="load the file into the database and name its table",
            )
        )
        return found
    if d.responses is not None and d.responses.shape == "long":
        found.append(
            Problem(
                "shape: long is not read where the rows lie",
                readers["responses"].where,
                fix="name a view with one row per customer and a column per question",
            )
        )
    for path, place in roles.places.items():
        reader = readers[place.source]
        wanted = _wanted(path)
        told = _type_hindrance(wanted, _type(reader, place.column), d.sources()[place.source])
        if told:
            cast = "date" if wanted == "date" else "double precision"
            found.append(
                Problem(
                    f"column {place.column} {told}",
                    f"{reader.where}, for {'.'.join(map(str, path))}",
                    fix=f"name a view in which it is one, such as select …, cast({place.column} as {cast}) …",
                )
            )
    for role, column in roles.keys.items():
        if _type(readers[role], column).is_floating():
            found.append(
                Problem(
                    f"the ids in column {column} are stored as decimal numbers, so their digits may already be wrong",
                    readers[role].where,
                    fix="store ids as text",
                )
            )
    return found


def _wanted(path: tuple[str | int, ...]) -> str:
    if path in (("invited",), ("responded",)):
        return "date or flag"
    if path[-1] in ("on", "as_of"):
        return "date"
    return "number" if path[0] in ("behaviour", "weight", "value") else ""


def _type_hindrance(wanted: str, kind: Any, source: Source) -> str:
    if wanted == "number" and not kind.is_numeric():
        return f"holds {kind}, not numbers"
    if not wanted.startswith("date"):
        return ""
    if kind.is_timestamp() and source.time_zone not in (None, "UTC"):
        return f"holds times, and days of {source.time_zone} are not told where the rows lie"
    if kind.is_date() or kind.is_timestamp() or (wanted != "date" and not kind.is_floating()):
        return ""
    return f"holds {kind}, not dates"


def _type(reader: Reader, column: str) -> Any:
    return reader.expression.schema()[column]


# ---------------------------------------------------------------------------------------- all of it


def build_in_place(
    engine: Engine,
    d: Description,
    readers: Mapping[str, Reader],
    roles: Roles,
    problems: list[Problem],
    notes: list[str],
) -> InPlace:
    """The rows in use of sources without :func:`hindrances`; what is wrong is added to ``problems``."""
    stages = {role: _stage(d, role, reader, roles, problems) for role, reader in readers.items()}
    lines: list[LedgerLine] = []
    answers, frame, outcomes = (stages.get(role) for role in ("responses", "frame", "outcomes_from"))
    assert answers is not None
    joined_up = _answers_once(d, answers, problems)
    base = answers
    if frame is not None:
        joined_up |= _listed_once(d, frame, problems)
        answers = _matched(d, answers, frame, problems)
        lines += _section(d, answers, "Answers matched to the frame")
        base = _joined(frame, answers)
    if outcomes is not None and outcomes.has("_customer") and base.has("_customer"):
        base, more = _with_outcomes(d, base, outcomes, problems)
        lines += more
    dates = {name: date for stage in stages.values() for name, date in stage.dates.items()}
    check_clocks(dates, readers, problems)
    base = _judged(d, base, dates)
    used = "Invited" if d.knows_invited else _USED
    lines = [*_section(d, base, used), *lines]
    of = lines[0].of
    _check_weights(d, base, roles, problems)
    happenings = {key: happened(d, key, base.table, stages) for key in d.outcomes}
    seen = _look(d, base.table, dates, happenings, notes)
    lines += _check_facts(d, base, dates, problems, of)
    table, more = _in_use(d, base, stages, dates, seen.until, happenings, problems, of)
    everyone = table if d.covers_customers else None
    if everyone is not None:
        table = everyone.filter(everyone.invited).drop("invited")
    joined_up = joined_up or frame is not None or outcomes is not None
    return InPlace(
        table, [*lines, *more], seen.n_early, seen.last_answer, seen.until, everyone, looked_up=joined_up
    )


def _one(expression: ibis.Table) -> dict[str, Any]:
    """The only row of a query's result."""
    return expression.to_pyarrow().to_pylist()[0]


def _text(column: Any) -> Any:
    """A column as text without blanks around it; a blank is missing."""
    return column.cast("string").strip().nullif("")


def _none(kind: str) -> Any:
    import ibis

    return ibis.null(kind)


# ------------------------------------------------------------------------------------------ a source


def _stage(d: Description, role: str, reader: Reader, roles: Roles, problems: list[Problem]) -> _Stage:
    source, raw = d.sources()[role], reader.expression
    if declared_values(d):
        check_values(raw, {c: c for c in reader.columns}, d, role, reader, roles, problems)
    dates: dict[str, DateColumn] = {}
    columns: dict[str, Any] = {}
    if role in roles.keys:
        columns["_customer"] = _customer(raw[roles.keys[role]], d)
    for path, place in roles.places.items():
        if place.source == role and path[0] != "set_aside":
            columns |= _column(d, path, raw[place.column], source, raw, dates)
    stage = _Stage(role, reader, source, raw.select(**columns, _status=_aside(d, role, raw, roles)), dates)
    stage.ids_are_text = role in roles.keys and _type(reader, roles.keys[role]).is_string()
    if stage.has("_customer"):
        problems += _damaged_ids(stage)
    return stage


def _customer(column: Any, d: Description) -> Any:
    text = column.cast("string")
    if d.customer is not None and d.customer.ignore_case:
        text = text.strip().lower()
    return text.nullif("")


def _aside(d: Description, role: str, raw: ibis.Table, roles: Roles) -> Any:
    """Why a row is set aside from the start: as declared, or for want of an id."""
    import ibis

    cases = [
        (raw[rule.column].cast("string").isin(spellings(rule.values)).fill_null(False), f"aside {i}")
        for i, rule in enumerate(d.set_aside)
        if roles.column(("set_aside", i), role)
    ]
    if role in roles.keys:
        cases.append((_customer(raw[roles.keys[role]], d).isnull(), "no id"))
    return ibis.cases(*cases, else_=_none("string")) if cases else _none("string")


def _column(
    d: Description,
    path: tuple[str | int, ...],
    column: Any,
    source: Source,
    raw: ibis.Table,
    dates: dict[str, DateColumn],
) -> dict[str, Any]:
    """The column of one role, under the name it has in a stage."""
    head, key = path[0], str(path[1]) if len(path) > 1 else ""
    if path == ("wave", "responses"):
        return {"_answer_wave": column}
    if path == ("wave",):
        return {"wave": column}
    if path[-1] in ("on", "as_of") or path in (("invited",), ("responded",)):
        name = {"on": f"_on_{key}", "as_of": f"_asof_{key}"}.get(str(path[-1]), f"_{head}")
        return _date(name, column, source, raw, dates)
    if path[-1] == "cause":
        return {f"{key}_cause": column}
    if head in ("scores", "groups", "outcomes", "instruments"):
        return {key: column}
    if head in ("items", "vignettes"):
        return {getattr(d, str(head))[int(path[1])].key: column}
    if head == "behaviour":
        return {key: _number(column, missing_codes(source, d.behaviour[key].missing))}
    if head == "stages":
        return {key: marked(column, d.stages[key].values, source.missing)}
    if head in ("follow_up", "recovery"):
        return {str(head): marked(column, getattr(d, str(head)).values, source.missing)}
    if head == "weight":
        return {"_weight": column.cast("float64")}
    return {"_value": column} if head == "value" else {}


def _number(column: Any, codes: Sequence[str]) -> Any:
    number = column.cast("float64")
    if column.type().is_floating():  # not every database knows of NaN
        number = (number.isnan() | number.isinf()).ifelse(None, number)
    return column.cast("string").isin(spellings(codes)).ifelse(None, number) if codes else number


def _date(
    name: str, column: Any, source: Source, raw: ibis.Table, dates: dict[str, DateColumn]
) -> dict[str, Any]:
    import ibis

    kind = column.type()
    if kind.is_date() or kind.is_timestamp():
        zoned = kind.is_timestamp() and (kind.timezone is not None or source.time_zone == "UTC")
        dates[name] = DateColumn("day" if kind.is_date() else "time", zoned, "", "")
        time = column.cast("timestamp") if kind.is_date() else column
        return {f"{name}_time": time, f"{name}_day": column if kind.is_date() else column.date()}
    text = _text(column).lower()
    if source.missing:
        text = _text(column).isin(spellings(source.missing)).ifelse(None, text)
    if not kind.is_boolean():
        told = raw.select(text=text).filter(lambda t: t.text.notnull())
        strange = _one(told.agg(n=told.text.notin(list(FLAGS)).sum()))["n"]
        if strange:
            raise SurveyError(
                Problem(
                    f"column {column.get_name()} holds {kind}, not dates",
                    fix=f"name a view in which it is one, such as select …, cast({column.get_name()} as timestamp) …",
                )
            )
    dates[name] = DateColumn("flag", False, "", "")
    said = text.isin(spellings(YES)).fill_null(False)
    return {
        f"{name}_time": said.ifelse(ibis.timestamp("1970-01-01"), _none("timestamp")),
        f"{name}_day": _none("date"),
    }


def _damaged_ids(stage: _Stage) -> list[Problem]:
    """Ids that a spreadsheet has turned into numbers: their digits are gone, and different people look the same."""
    if not stage.ids_are_text:
        return []
    damaged = stage.table["_customer"].strip().re_search("^[0-9]([.,][0-9]+)?[eE][+][0-9]+$")
    number = int(_one(stage.table.agg(n=damaged.fill_null(False).sum()))["n"] or 0)
    return [damaged_ids_problem(number, "", stage.reader.where)] if number else []


# ------------------------------------------------------------------------------------------- repeats


def _comparable(column: Any, codes: Sequence[str]) -> Any:
    """A value as text under which 9, "9" and "9.0" are the same and missing codes are missing."""
    text = _text(column)
    if codes:
        text = text.isin(spellings(codes)).ifelse(None, text)
    return text.endswith(".0").ifelse(text.substr(0, text.length() - 2), text)


def _sum(columns: Iterable[Any]) -> Any:
    import ibis

    total: Any = ibis.literal(0)
    for column in columns:
        total = total + column
    return total


def _any(conditions: Iterable[Any]) -> Any:
    import ibis

    found: Any = ibis.literal(False)
    for condition in conditions:
        found = found | condition
    return found


def _once(
    stage: _Stage, keys: Sequence[str], compared: Mapping[str, Sequence[str]], status: str
) -> tuple[int, int]:
    """Of the rows that agree in ``keys``, keep the fullest; the others get ``status``.

    Returns how many keys have several rows, and how many of these contradict each other in what is compared.
    """
    table = stage.table
    values = {f"_v{i}": _comparable(table[name], codes) for i, (name, codes) in enumerate(compared.items())}
    table = table.mutate(**values)
    table = table.mutate(_filled=_sum(table[name].notnull().ifelse(1, 0) for name in values))
    active = table.filter(table["_status"].isnull())
    tallies = {"rows": active.count(), "filled": active["_filled"].max()}
    for name in values:
        tallies |= {
            f"{name}_n": active[name].count(),
            f"{name}_a": active[name].min(),
            f"{name}_z": active[name].max(),
        }
    groups = active.group_by(list(keys)).agg(**tallies)
    groups = groups.filter(groups["rows"] > 1)
    apart = _any(groups[f"{name}_a"] != groups[f"{name}_z"] for name in values).fill_null(False)
    spread = _sum((groups[f"{name}_n"] > 0).ifelse(1, 0) for name in values) > groups["filled"]
    found = _one(groups.agg(several=groups.count(), odd=(apart | spread).sum()))
    several, odd = int(found["several"] or 0), int(found["odd"] or 0)
    if several:
        import ibis

        others = [c for c in stage.table.columns if c not in (*keys, "_status")]
        place = ibis.row_number().over(
            group_by=[*keys, table["_status"].isnull()],
            order_by=[table["_filled"].desc(), *(table[c] for c in others)],
        )
        again = table["_status"].isnull() & (place > 0)
        table = table.mutate(_again=again)
        table = table.mutate(_status=table["_again"].ifelse(status, table["_status"])).drop("_again")
        stage.table = table.drop("_filled", *values)
    return several, odd


_KEYS = ("_customer", "wave", "_answer_wave", "_invited_time", "_responded_time")


def _answers_once(d: Description, stage: _Stage, problems: list[Problem]) -> bool:
    if not stage.has("_customer"):
        return False
    keys = [key for key in _KEYS if stage.has(key)]
    compared = {
        key: missing_codes(d.responses, score.missing) for key, score in d.scores.items() if stage.has(key)
    }
    several, odd = _once(stage, keys, compared, "twice")
    if odd:
        timed = any(k in keys for k in ("wave", "_answer_wave", "_responded_time"))
        problems.append(
            Problem(
                f"{_customers(odd)} two different answers at one time",
                stage.reader.where,
                fix="keep the answer that counts"
                if timed
                else "say responded: (when they answered) or wave:, or keep the answer that counts",
            )
        )
    return several > 0


def _listed_once(d: Description, stage: _Stage, problems: list[Problem]) -> bool:
    if not stage.has("_customer"):
        return False
    keys = [k for k in ("_customer", "wave") if stage.has(k)]
    named = (*d.groups, *d.stages, *d.instruments, *d.behaviour, "follow_up", "recovery")
    facts = [k for k in ("_invited_time", *named, "_weight", "_value") if stage.has(k)]
    several, odd = _once(stage, keys, dict.fromkeys(facts, ()), "listed twice")
    if odd:
        problems.append(
            Problem(
                f"{_customers(odd)} two rows with different facts on the frame",
                stage.reader.where,
                fix="list everyone once; with several waves, name the wave: in both tables",
            )
        )
    return several > 0


def _customers(n: int) -> str:
    return "1 customer has" if n == 1 else f"{n:,} customers have"


# --------------------------------------------------------------------------------------------- joins


def _matched(d: Description, answers: _Stage, frame: _Stage, problems: list[Problem]) -> _Stage:
    """The answers with their places on the frame looked up: of nobody on it, or a second answer, set aside."""
    import ibis

    if not (answers.has("_customer") and frame.has("_customer")):
        return answers
    by_wave = answers.has("_answer_wave") and frame.has("wave")
    people = frame.table.filter(frame.table["_status"].isnull())
    if not by_wave and frame.has("wave"):
        waves = people.group_by("_customer").agg(rows=people.count())
        several = int(_one(waves.agg(n=(waves["rows"] > 1).sum()))["n"] or 0)
        if several:
            problems.append(
                Problem(
                    f"the frame lists {several:,} customers in several waves, but the answers do not say their wave",
                    answers.reader.where,
                    fix=f"add the column {d.wave.column if d.wave else 'wave'} to the answers",
                )
            )
    keys = {"_listed": people["_customer"]}
    if by_wave:
        keys["_listed_wave"] = people["wave"].cast("string")
    listed = people.select(**keys).distinct()
    table = answers.table
    match = [table["_customer"] == listed["_listed"]]
    if by_wave:
        match.append(table["_answer_wave"].cast("string").identical_to(listed["_listed_wave"]))
    table = table.left_join(listed, match)
    table = table.mutate(
        _status=(table["_status"].isnull() & table["_listed"].isnull()).ifelse(
            "not matched", table["_status"]
        )
    )
    found = table.agg(
        matched=table["_status"].isnull().sum(),
        lost=(table["_status"] == "not matched").sum(),
    )
    told = {name: int(n or 0) for name, n in _one(found).items()}
    alike = _alike(d, table, people) if told["lost"] else 0
    problem = key_problem(
        d, answers.reader.where, frame.reader.where, told["matched"] + told["lost"], told["matched"], alike
    )
    problems += [problem] if problem is not None else []
    order = [ibis.asc(table["_responded_time"], nulls_first=False)] if answers.has("_responded_time") else []
    others = [table[c] for c in answers.table.columns if c not in ("_customer", "_status")]
    place = ibis.row_number().over(
        group_by=[
            table["_customer"],
            *([table["_answer_wave"]] if by_wave else []),
            table["_status"].isnull(),
        ],
        order_by=[*order, *others],
    )
    table = table.mutate(_again=table["_status"].isnull() & (place > 0))
    table = table.mutate(_status=table["_again"].ifelse("again", table["_status"]))
    return replace(answers, table=table.drop("_again", *keys))


def _alike(d: Description, answers: ibis.Table, people: ibis.Table) -> int:
    """Answers of nobody on the frame, which somebody on it would have if capital letters did not count."""
    if d.customer is not None and d.customer.ignore_case:
        return 0
    lost = answers.filter(answers["_status"] == "not matched").select(
        who=answers["_customer"].strip().lower()
    )
    there = people.select(who=people["_customer"].strip().lower()).distinct()
    return int(_one(lost.semi_join(there, "who").agg(n=lambda t: t.count()))["n"] or 0)


def _joined(frame: _Stage, answers: _Stage) -> _Stage:
    """Everyone on the frame, with their answer if there is one."""
    left = frame.table
    mine = [c for c in answers.table.columns if c not in ("_status", "_customer", *left.columns)]
    right = answers.table.filter(answers.table["_status"].isnull())
    both = answers.has("_customer") and frame.has("_customer")
    renamed = {f"_a_{name}": right[name] for name in mine}
    if not both:
        return replace(frame, table=left.mutate(**{n: _none(str(right[n].type())) for n in mine}))
    renamed["_a_customer"] = right["_customer"]
    by_wave = answers.has("_answer_wave") and frame.has("wave")
    if by_wave:
        renamed["_a_wave"] = right["_answer_wave"].cast("string")
    right = right.select(**renamed)
    match = [left["_status"].isnull(), left["_customer"] == right["_a_customer"]]
    if by_wave:
        match.append(left["wave"].cast("string").identical_to(right["_a_wave"]))
    table = left.left_join(right, match)
    return replace(frame, table=table.select(*left.columns, **{n: table[f"_a_{n}"] for n in mine}))


def _with_outcomes(
    d: Description, base: _Stage, stage: _Stage, problems: list[Problem]
) -> tuple[_Stage, list[LedgerLine]]:
    """What customers did later, from a table of its own."""
    facts = [c for c in stage.table.columns if c not in ("_status", "_customer")]
    _, odd = _once(stage, ["_customer"], dict.fromkeys(facts, ()), "listed twice")
    if odd:
        problems.append(
            Problem(
                f"{_customers(odd)} two rows with different outcomes",
                stage.reader.where,
                fix="give every customer one row",
            )
        )
    people = (
        base.table.filter(base.table["_status"].isnull()).select(_here=base.table["_customer"]).distinct()
    )
    table = stage.table.left_join(people, stage.table["_customer"] == people["_here"])
    lost = table["_status"].isnull() & table["_here"].isnull()
    table = table.mutate(_status=lost.ifelse("not matched", table["_status"])).drop("_here")
    lines = _section(d, replace(stage, table=table), "Customers with known outcomes")
    right = table.filter(table["_status"].isnull())
    right = right.select(_o_customer=right["_customer"], **{f"_o_{c}": right[c] for c in facts})
    left = base.table
    joined = left.left_join(right, left["_customer"] == right["_o_customer"])
    kept = [c for c in left.columns if c not in facts]
    joined = joined.select(
        *kept, **{c: joined[f"_o_{c}"] for c in facts}, _has_outcome=joined["_o_customer"].notnull()
    )
    without = joined.filter(joined["_status"].isnull() & ~joined["_has_outcome"])
    n = int(_one(without.agg(n=without.count()))["n"])
    note = LedgerLine("Rows of the survey without an outcome", n, "note", "outcomes_from", lines[0].of)
    return replace(base, table=joined), [*lines, note]


def _section(d: Description, stage: _Stage, used: str) -> list[LedgerLine]:
    tally = stage.table.group_by("_status").agg(n=stage.table.count()).to_pyarrow().to_pylist()
    found = {row["_status"]: int(row["n"]) for row in tally}
    label = read_label(stage.role, stage.reader)
    return section(stage.role, (label, sum(found.values())), parts_of(d, found), used)


# ------------------------------------------------------------------------------------------- judging


def _judged(d: Description, base: _Stage, dates: Mapping[str, DateColumn]) -> _Stage:
    """Reasons that need the whole row: not invited, outside the period; and answers older than invitations."""
    import ibis

    table = base.table
    cases = []
    if "_invited_time" in table.columns:
        cases.append((table["_invited_time"].isnull(), "not invited"))
    kept = "_invited" if "_invited" in dates and dates["_invited"].kind != "flag" else "_responded"
    if kept in dates and dates[kept].kind != "flag":
        day = table[f"{kept}_day"]
        if d.period.start:
            cases.append(((day < ibis.literal(d.period.start)).fill_null(False), "outside"))
        if d.period.end:
            cases.append(((day > ibis.literal(d.period.end)).fill_null(False), "outside"))
    if cases:
        judged = ibis.cases(*cases, else_=_none("string"))
        table = table.mutate(_status=table["_status"].fill_null(judged))
    early: Any = ibis.literal(False)
    if "_invited" in dates and "_responded" in dates:
        unit = "time" if dates["_invited"].kind == dates["_responded"].kind == "time" else "day"
        early = (table[f"_responded_{unit}"] < table[f"_invited_{unit}"]).fill_null(False)
    return replace(base, table=table.mutate(_early=early))


def _check_weights(d: Description, base: _Stage, roles: Roles, problems: list[Problem]) -> None:
    if d.weight is None or not roles.has("weight"):
        return
    weight = base.table["_weight"]
    bad = weight.isnull() | (weight <= 0) | weight.isnan() | weight.isinf()
    used = base.table["_status"].isnull()
    number = int(_one(base.table.agg(n=(used & bad.fill_null(True)).sum()))["n"] or 0)
    if number:
        problems.append(weights_problem(number, f"column {d.weight.column}", base.reader.where))


def _look(
    d: Description,
    table: ibis.Table,
    dates: Mapping[str, DateColumn],
    happenings: Mapping[str, Any],
    notes: list[str],
) -> Seen:
    used = table["_status"].isnull()
    tallies = {"early": (used & table["_early"]).sum()}
    if "_responded" in dates and dates["_responded"].kind != "flag":
        tallies["answer"] = table["_responded_day"].max(where=used & ~table["_early"])
    events = [key for key in d.outcomes if f"_on_{key}" in dates and dates[f"_on_{key}"].kind != "flag"]
    for key in events:
        tallies[f"on_{key}"] = table[f"_on_{key}_day"].max(where=used & happenings[key].fill_null(False))
    found = _one(table.agg(**tallies))
    answer = found.get("answer")
    until = data_until(d, answer, [found[f"on_{key}"] for key in events], bool(events), notes)
    return Seen(int(found["early"] or 0), answer, until)


def _check_facts(
    d: Description, base: _Stage, dates: Mapping[str, DateColumn], problems: list[Problem], of: int
) -> list[LedgerLine]:
    """Facts dated after the invitation are refused; undated ones are counted."""
    entries = {("groups", key): entry for key, entry in d.groups.items()}
    entries |= {("behaviour", key): entry for key, entry in d.behaviour.items()}
    lines: list[LedgerLine] = []
    table, invited = base.table, dates.get("_invited")
    for path, entry in entries.items():
        name, date = f"_asof_{path[1]}", dates.get(f"_asof_{path[1]}")
        if date is None or invited is None or invited.kind == "flag" or f"{name}_day" not in table.columns:
            continue
        both_times = date.kind == invited.kind == "time" and date.zoned == invited.zoned
        unit = "time" if both_times else "day"
        known = table["_status"].isnull() & _text(table[path[1]]).notnull()
        fact = table[f"{name}_{unit}"]
        late = known & (fact > table[f"_invited_{unit}"]).fill_null(False)
        found = _one(table.agg(late=late.sum(), undated=(known & fact.isnull()).sum()))
        label = entry.label or path[1].replace("_", " ").capitalize()
        if found["undated"]:
            lines.append(
                LedgerLine(
                    f"{label}: known, but not since when", int(found["undated"]), "note", base.role, of
                )
            )
        if found["late"]:
            place = f"{base.reader.where}, for {'.'.join(path)}.as_of"
            problems.append(late_fact_problem(int(found["late"]), "", place, ".".join(path)))
    return lines


# -------------------------------------------------------------------------------------- rows in use


def _in_use(
    d: Description,
    base: _Stage,
    stages: Mapping[str, _Stage],
    dates: Mapping[str, DateColumn],
    until: dt.date | None,
    happenings: Mapping[str, Any],
    problems: list[Problem],
    of: int,
) -> tuple[ibis.Table, list[LedgerLine]]:
    """The rows in use under the roles' names, and what the ledger notes about them."""
    table, notes = base.table, []
    if d.covers_customers:
        status = table["_status"].fill_null("")
        table = table.filter(status.isin(["", "not invited"])).mutate(invited=table["_status"].isnull())
    else:
        table = table.filter(table["_status"].isnull())
    there, on_time = set(table.columns), ~table["_early"]

    def kept(name: str) -> Any:
        return table[name] if name in there else _none("string")

    rated = (*d.scores, *(item.key for item in (*d.items, *d.vignettes)))
    chosen: dict[str, Any] = {name: on_time.ifelse(kept(name), None) for name in rated}
    chosen |= {key: kept(key) for key in (*d.groups, *d.instruments)}
    chosen |= _reached(d, table)
    chosen |= {key: table[key] if key in there else _none("float64") for key in d.behaviour}
    chosen |= {"wave": kept("wave")} if d.wave is not None else {}
    chosen |= {key: kept(key) for key, outcome in d.outcomes.items() if outcome.on is None}
    asked = _asked(table, dates)
    events = events_of(d, table, asked, happenings, until)
    for event in events:
        chosen |= event.columns
    undated = {key: happenings[key] for key, outcome in d.outcomes.items() if outcome.on is None}
    counted = undated | {event.key: event.counted for event in events}
    causes = {key: o for key, o in d.outcomes.items() if o.cause is not None and f"{key}_cause" in there}
    for key in causes:
        cause = table[f"{key}_cause"]
        chosen[f"{key}_cause"] = counted[key].fill_null(False).ifelse(cause, None)
    for name in ("follow_up", "recovery"):
        if getattr(d, name) is not None:
            chosen[name] = kept(name).cast("boolean").fill_null(False)
    if "_weight" in there:
        chosen["weight"] = table["_weight"].fill_null(0.0) if d.covers_customers else table["_weight"]
    if d.value is not None:
        chosen["value"] = kept("_value")
    if "_responded_time" in there:
        chosen["_stamped"] = on_time & table["_responded_time"].notnull()
    chosen |= _times(table, dates, until, events)
    for key, outcome in d.outcomes.items():
        if outcome.on is not None and key not in chosen:
            chosen |= {key: _none("boolean"), f"{key}_days": _none("int32")}
            chosen[f"{key}_observed_days"] = _none("int32")
    if d.customer is not None and "_customer" in there:
        chosen["_customer"] = table["_customer"]
        chosen["part"] = part_in_place(table["_customer"], _engine_name(base.reader))
    chosen["_early"] = table["_early"]
    if d.covers_customers:
        chosen["invited"] = table["invited"]
    for event in events:
        stage = next(s for s in stages.values() if s.has(f"_on_{event.key}_day"))
        where = f"{stage.reader.where}, for outcomes.{event.key}"
        lines, problem = event.told(table, base.role, of, where, invited_only=d.covers_customers)
        notes += lines
        problems += [problem] if problem is not None else []
    for key, outcome in causes.items():
        notes += _cause_notes(table, key, outcome, counted[key], base.role, of)
    return table.select(**chosen), notes


def _engine_name(reader: Reader) -> str:
    return reader.backend_name if isinstance(reader, DatabaseReader) else "duckdb"


def _reached(d: Description, table: ibis.Table) -> dict[str, Any]:
    """The stages: who reached a later one has reached the earlier ones, recorded or not."""
    names = stages_of(d)
    return {
        name: _any(table[s].fill_null(False) for s in names[i:] if s in table.columns)
        for i, name in enumerate(names)
    }


def _asked(table: ibis.Table, dates: Mapping[str, DateColumn]) -> Any:
    """The day from which days are counted: of the invitation, else of the answer."""
    for name in ("_invited", "_responded"):
        if name in dates and dates[name].kind != "flag":
            return table[f"{name}_day"]
    return _none("date")


def _times(
    table: ibis.Table, dates: Mapping[str, DateColumn], until: dt.date | None, events: Sequence[Event]
) -> dict[str, Any]:
    """What follows from the days of invitation and answer."""
    import ibis

    out: dict[str, Any] = {}
    invited, responded = dates.get("_invited"), dates.get("_responded")
    answered = None
    if responded is not None and responded.kind != "flag":
        answered = table["_early"].ifelse(None, table["_responded_day"])
    if invited is not None and invited.kind != "flag":
        day = table["_invited_day"]
        out["invited_weekday"] = day.day_of_week.index() + 1
        if invited.kind == "time":
            out["invited_hour"] = table["_invited_time"].hour()
        if answered is not None:
            days = answered.delta(day, unit="day")
            # sources in two zones can put an answer on the day before its invitation
            out["days_to_answer"] = (days < 0).ifelse(0, days)
        asked = day
    else:
        asked = answered
    observed: Any = _none("int64")
    if asked is not None and until is not None:
        left = ibis.literal(until).delta(asked, unit="day")
        observed = (left >= 0).ifelse(left, None)
        out["observed_days"] = observed
    for event in events:
        out[f"{event.key}_observed_days"] = event.observed(observed)
    return out


def _cause_notes(
    table: ibis.Table, key: str, outcome: Any, counted: Any, role: str, of: int
) -> list[LedgerLine]:
    from .outcomes import outcome_label

    cause, event = _text(table[f"{key}_cause"]), counted.fill_null(False)
    invited: Any = table["invited"] if "invited" in table.columns else True
    found = _one(
        table.agg(
            without=(event & cause.isnull() & invited).sum(),
            alone=(~event & cause.notnull() & invited).sum(),
        )
    )
    name = outcome_label(key, outcome)
    parts = [
        (f"{name}: happened, but the cause is not stated", found["without"]),
        (f"{name}: a cause, but no event after the survey (not used)", found["alone"]),
    ]
    return [LedgerLine(label, int(n), "note", role, of) for label, n in parts if n]
