"""A source of rows that stay where they are, under the roles' names; and why some cannot be judged there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .dates import FLAGS, YES, DateColumn
from .engine import spellings
from .errors import Problem, SurveyError
from .marks import declared_values, marked
from .model import Description, Source
from .readers import Reader
from .roles import Roles
from .stage import check_values, damaged_ids_problem, missing_codes

if TYPE_CHECKING:
    import ibis

__all__ = [
    "Stage",
    "any_of",
    "as_text",
    "customer_of",
    "hindrances",
    "make_stage",
    "nothing",
    "one_row",
    "total_of",
]


@dataclass
class Stage:
    """A source under the roles' names, with ``_status``: why a row is not used, missing where it is."""

    role: str
    reader: Reader
    source: Source
    table: ibis.Table
    dates: dict[str, DateColumn] = field(default_factory=dict)
    ids_are_text: bool = False

    def has(self, column: str) -> bool:
        return column in self.table.columns


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


def make_stage(d: Description, role: str, reader: Reader, roles: Roles, problems: list[Problem]) -> Stage:
    source, raw = d.sources()[role], reader.expression
    if declared_values(d):
        check_values(raw, {c: c for c in reader.columns}, d, role, reader, roles, problems)
    dates: dict[str, DateColumn] = {}
    columns: dict[str, Any] = {}
    if role in roles.keys:
        columns["_customer"] = customer_of(raw[roles.keys[role]], d)
    for path, place in roles.places.items():
        if place.source == role and path[0] != "set_aside":
            columns |= _column(d, path, raw[place.column], source, raw, dates)
    stage = Stage(role, reader, source, raw.select(**columns, _status=_aside(d, role, raw, roles)), dates)
    stage.ids_are_text = role in roles.keys and _type(reader, roles.keys[role]).is_string()
    if stage.has("_customer"):
        problems += _damaged_ids(stage)
    return stage


def customer_of(column: Any, d: Description) -> Any:
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
        cases.append((customer_of(raw[roles.keys[role]], d).isnull(), "no id"))
    return ibis.cases(*cases, else_=nothing("string")) if cases else nothing("string")


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
    text = as_text(column).lower()
    if source.missing:
        text = as_text(column).isin(spellings(source.missing)).ifelse(None, text)
    if not kind.is_boolean():
        told = raw.select(text=text).filter(lambda t: t.text.notnull())
        strange = one_row(told.agg(n=told.text.notin(list(FLAGS)).sum()))["n"]
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
        f"{name}_time": said.ifelse(ibis.timestamp("1970-01-01"), nothing("timestamp")),
        f"{name}_day": nothing("date"),
    }


def _damaged_ids(stage: Stage) -> list[Problem]:
    """Ids that a spreadsheet has turned into numbers: their digits are gone, and different people look the same."""
    if not stage.ids_are_text:
        return []
    damaged = stage.table["_customer"].strip().re_search("^[0-9]([.,][0-9]+)?[eE][+][0-9]+$")
    number = int(one_row(stage.table.agg(n=damaged.fill_null(False).sum()))["n"] or 0)
    return [damaged_ids_problem(number, "", stage.reader.where)] if number else []


def one_row(expression: ibis.Table) -> dict[str, Any]:
    """The only row of a query's result."""
    return expression.to_pyarrow().to_pylist()[0]


def as_text(column: Any) -> Any:
    """A column as text without blanks around it; a blank is missing."""
    return column.cast("string").strip().nullif("")


def nothing(kind: str) -> Any:
    import ibis

    return ibis.null(kind)


def total_of(columns: Iterable[Any]) -> Any:
    import ibis

    total: Any = ibis.literal(0)
    for column in columns:
        total = total + column
    return total


def any_of(conditions: Iterable[Any]) -> Any:
    import ibis

    found: Any = ibis.literal(False)
    for condition in conditions:
        found = found | condition
    return found
