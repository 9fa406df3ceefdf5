"""A survey.yml's text to the typed model, and everything wrong with it at once, each with its place."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ..metrics import Scale
from .errors import Problem, SurveyError, did_you_mean, quoted
from .model import (
    RESERVED,
    STAGES,
    Bands,
    Behaviour,
    Cause,
    Column,
    Completed,
    Customer,
    Description,
    Group,
    GroupFacts,
    Instrument,
    Item,
    Mark,
    Measure,
    Only,
    Outcome,
    Period,
    Rate,
    Reached,
    Score,
    SetAside,
    Source,
    UnitFact,
    Units,
    Value,
    Vignette,
    Wave,
    place_text,
)
from .preset_fill import fill_known
from .yaml_text import Place, load

__all__ = ["OPEN", "Description", "parse_description", "printable", "read_description"]


_DATA = frozenset(
    (".csv", ".tsv", ".gz", ".parquet", ".pq", ".xlsx", ".xlsm", ".xls", ".duckdb", ".ddb", ".sav", ".zip")
)
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/.*", re.DOTALL)  # one letter is a drive of Windows


def printable(path: str | Path) -> str:
    """A path as it may be printed: of an address, which can hold a password, its kind alone.

    >>> printable("surveys/survey.yml"), printable("postgres://ann:pw@host/crm")
    ('surveys/survey.yml', 'postgres://…')
    """
    address = _ADDRESS.fullmatch(str(path))
    return f"{address[1]}://…" if address else str(path)


def read_description(path: Path) -> Description:
    """The description in the file ``path``.

    Raises
    ------
    SurveyError : every problem of the description at once, each with file and line.
    """
    source = path.name
    if (shown := printable(path)) != str(path):
        raise SurveyError(
            Problem(
                f"{quoted(shown)} is an address, not a survey's description",
                fix="name a survey.yml; for a database it says table: and url_env:, "
                "the environment variable that holds the address",
            )
        )
    if path.is_dir():
        near = [p.name for p in sorted(path.glob("*.y*ml"))]
        raise SurveyError(
            Problem(
                "this is a folder, not a survey's description",
                where=str(path),
                fix=f"name the file: {quoted(str(path / near[0]))}" if near else "name the survey.yml in it",
            )
        )
    if not path.is_file():
        exists = path.exists()
        here = [p.name for p in sorted(path.parent.glob("*.y*ml"))] if path.parent.is_dir() else []
        raise SurveyError(
            Problem(
                "this is not a regular file" if exists else "there is no such file",
                where=str(path),
                fix=did_you_mean(path.name, here) if here and not exists else "",
            )
        )
    if path.suffix.lower() in _DATA:
        raise SurveyError(
            Problem(
                "this is a data file, not a survey's description",
                where=str(path),
                fix=f'name a survey.yml that says "responses: {{file: {source}}}" and which column holds which score; '
                f'cxstats init "{path.name}" proposes one, and docs/own_data.md has every key',
            )
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SurveyError(
            Problem("this is not UTF-8 text", where=f"{source}, line {line}", fix="save the file as UTF-8")
        ) from None
    except OSError as error:
        raise SurveyError(Problem(f"cannot be read: {error.strerror}", where=str(path))) from None
    mapping, places = load(text, source)
    return parse_description(mapping, source=source, places=places)


def parse_description(
    mapping: Mapping[str, Any], *, source: str = "survey.yml", places: Place | None = None
) -> Description:
    """A description from a mapping shaped like survey.yml; scalars may be Python's own.

    Raises
    ------
    SurveyError : every problem at once.

    >>> d = parse_description({"title": "T", "responses": {"file": "a.csv"}, "scores": {"nps": {"column": "ltr"}}})
    >>> d.slug, d.metrics()["nps"].short
    ('t', 'NPS')
    """
    plain, filled = fill_known(_texts(mapping))
    problems = _Problems(source, places or {})
    for path in _open_entries(plain):
        problems.add(
            path,
            "is still open",
            "what only you know; the comment beside it says what is asked",
            "fill it in, or delete the line if it is not needed",
        )
    if problems.found:
        raise SurveyError(problems.found)
    description = None
    try:
        description = Description.model_validate(plain)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            problems.add_pydantic(item)
    scores = plain.get("scores") if isinstance(plain.get("scores"), dict) else {}
    for key, raw in scores.items():
        try:
            Score.model_validate(raw).metric(key)
        except ValidationError:
            continue  # reported above
        except ValueError as error:
            problems.add(("scores", key), _without_key(str(error), key))
    _check_whole(plain, problems)
    _check_names(plain, problems)
    if description is not None:
        _check_roles(description, problems)
    if problems.found:
        raise SurveyError(problems.found)
    assert description is not None
    description._source, description._places = source, problems.places
    description._filled = filled
    return description


OPEN = "FILL IN"
"""What `cxstats init` writes where only the user knows; no sign such as "?", which exports use for missing values."""


def _open_entries(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Entries that cxstats init left open."""
    if value == OPEN:
        yield path
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _open_entries(entry, (*path, key))
    elif isinstance(value, list):
        for i, entry in enumerate(value):
            yield from _open_entries(entry, (*path, i))


def _texts(value: Any) -> Any:
    """Python's own scalars as the texts a survey.yml would hold."""
    if isinstance(value, Mapping):
        return {str(k): _texts(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple | range):
        return [_texts(v) for v in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    return value if isinstance(value, str | Scale) else str(value)


def _without_key(text: str, key: str) -> str:
    return text.removeprefix(f"{key}: ").removeprefix("csat: ").removeprefix("ces: ")


class _Problems:
    """Problems of the description, with file, line and path of keys."""

    def __init__(self, source: str, places: Place):
        self.source, self.places, self.found = source, places, []

    def add(self, path: tuple[str | int, ...], what: str, expected: str = "", fix: str = "") -> None:
        self.found.append(Problem(what, place_text(self.source, self.places, path), expected, fix))

    def add_pydantic(self, item: Mapping[str, Any]) -> None:
        # a wrong key of a mapping is reported under (…, key, "[key]")
        path = tuple(p for p in item["loc"] if p != "[key]")
        kind, value = item["type"], item.get("input")
        if kind == "extra_forbidden":
            known = [_alias(name, field) for name, field in _model_at(path[:-1]).model_fields.items()]
            self.add(path, f"there is no key {quoted(path[-1])} here", fix=did_you_mean(str(path[-1]), known))
        elif kind == "missing":
            self.add(path[:-1], f"{path[-1]}: is missing", fix=_HELP.get(str(path[-1]), ""))
        elif kind == "value_error":
            text = str(item["ctx"]["error"])
            self.add(path, f"{quoted(value)} {text}" if isinstance(value, str) else text)
        elif kind == "literal_error":
            self.add(path, f"is {quoted(value)}", expected=item["ctx"]["expected"].replace("'", ""))
        elif path[-1:] == ("url_env",):
            # an address written here in place of its variable's name can hold a password: not repeated
            self.add(path, "is not the name of a variable", expected=_VARIABLE)
        elif kind == "string_pattern_mismatch":
            self.add(
                path, f"is {quoted(value)}", expected=_PATTERNS.get(item["ctx"]["pattern"], "another form")
            )
        else:
            shown = quoted(value) if isinstance(value, str | int | float) else _shape(value)
            self.add(path, f"is {shown}", expected=_EXPECTED.get(kind, item["msg"].lower()))


def _shape(value: Any) -> str:
    return (
        "a mapping"
        if isinstance(value, dict)
        else "a list"
        if isinstance(value, list | tuple)
        else "not given"
    )


_HELP = {
    "title": 'say what the survey is called, such as "title: Contoso relationship survey"',
    "responses": 'say where the answers are, such as "responses: {file: export.csv}"',
    "scores": 'say which columns hold scores, such as "scores: {nps: {column: ltr, scale: 0-10}}"',
    "column": "name the column",
    "unit": "name the column with the unit's id",
    "response_rate": "name the column with the units' response rates",
    "bands": 'name the columns with the shares of answers, such as "bands: {low: b, middle: m, top: t}"',
    "event": 'name the value that says it happened, such as event: "1"',
}


_PATTERNS = {
    r"^[A-Za-z][A-Za-z0-9_]*$": "a name of letters, digits and _ that starts with a letter",
    r"^[a-z0-9]+(-[a-z0-9]+)*$": "small letters, digits and single hyphens, such as contoso-2025",
}


_VARIABLE = "the name of an environment variable, such as CX_DB (not the address itself)"


_EXPECTED = {
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
    "string_too_long": "a single character",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "dict_type": "a mapping of names, such as {nps: {column: ltr}}",
    "model_type": "a mapping of keys, such as {file: export.csv}",
    "tuple_type": "a list, such as [4, 5]",
    "date_from_datetime_parsing": "a date such as 2025-01-31",
    "date_parsing": "a date such as 2025-01-31",
    "date_from_datetime_inexact": "a date such as 2025-01-31, without a time",
}


def _alias(name: str, field: Any) -> str:
    return field.alias or name


def _model_at(path: tuple[str | int, ...]) -> type[BaseModel]:
    """The model whose keys stand at ``path``."""
    if path[:1] == ("outcomes",) and path[-1:] == ("cause",):
        return Cause
    if path[:1] == ("units",):
        return _unit_model_at(path[1:])
    models = {
        "customer": Customer,
        "responses": Source,
        "frame": Source,
        "outcomes_from": Source,
        "scores": Score,
        "groups": Group,
        "stages": Reached,
        "instruments": Instrument,
        "behaviour": Behaviour,
        "follow_up": Mark,
        "recovery": Mark,
        "wave": Wave,
        "items": Item,
        "vignettes": Vignette,
        "group_facts": GroupFacts,
        "outcomes": Outcome,
        "period": Period,
        "set_aside": SetAside,
        "value": Value,
    }
    return models.get(str(path[0]), Column) if path else Description


def _unit_model_at(path: tuple[str | int, ...]) -> type[BaseModel]:
    if not path:
        return Units
    if path[0] in ("adjust", "outcomes"):
        return {"from": Source, "only": Only}.get(str(path[2]), UnitFact) if len(path) > 2 else UnitFact
    models = {"response_rate": Rate, "completed": Completed, "bands": Bands, "measure": Measure}
    return models.get(str(path[0]), SetAside if path[0] == "set_aside" else Column)


_BESIDE_UNITS = ("title", "name", "units", "population", "period", "data_as_of", "simulated", "set_aside")


def _check_whole(plain: Mapping[str, Any], problems: _Problems) -> None:
    """A survey has answers with scores, or units."""
    if "units" not in plain:
        for key in ("responses", "scores"):
            if key not in plain:
                problems.add((), f"{key}: is missing", fix=_HELP[key])
        return
    for key in plain:
        if key in Description.model_fields and key not in _BESIDE_UNITS:
            problems.add(
                (key,),
                f"{key}: has no meaning beside units:, where every row is a unit and not an answer",
                fix="leave it out; what differs between units belongs under units.adjust or units.outcomes",
            )


def _check_names(plain: Mapping[str, Any], problems: _Problems) -> None:
    """Names that become columns of the cells must differ, and have no meaning of their own."""
    taken: dict[str, str] = dict.fromkeys(RESERVED, "a name with a meaning of its own")
    if plain.get("wave") is not None:
        taken["wave"] = "the wave's name"
    if isinstance(plain.get("outcomes"), dict):
        for key in plain["outcomes"]:
            for end in ("days", "observed_days", "cause"):
                taken[f"{key}_{end}".casefold()] = f"a column made of outcomes.{key}"
    named: list[tuple[tuple[str | int, ...], str]] = []
    for section in ("scores", "groups", "stages", "instruments", "behaviour", "outcomes"):
        if isinstance(plain.get(section), dict):
            named += [((section, key), key) for key in plain[section]]
    for section in ("items", "vignettes"):
        for i, item in enumerate(plain.get(section) or ()):
            name = item.get("name") or item.get("column") if isinstance(item, dict) else item
            if isinstance(name, str):
                named.append(((section, i), name))
    for path, name in named:
        folded = name.casefold()  # the engine does not tell "NPS" from "nps"
        if folded in taken:
            problems.add(
                path, f"the name {quoted(name)} is already {taken[folded]}", fix="choose another name"
            )
        taken.setdefault(folded, f"used by {'.'.join(map(str, path))}")
    if isinstance(plain.get("scores"), dict) and not plain["scores"]:
        problems.add(("scores",), "names no score", fix=_HELP["scores"])


def _check_roles(d: Description, problems: _Problems) -> None:
    """What one role needs of another."""
    for key in d.stages:
        if key not in STAGES:
            problems.add(("stages", key), f"there is no stage {quoted(key)}", fix=did_you_mean(key, STAGES))
    for role in ("frame", "outcomes_from"):
        source = getattr(d, role)
        if source is not None and d.customer is None:
            problems.add((role,), "needs customer:, the column by which files are joined")
        if source is not None and source.shape == "long":
            problems.add((role, "shape"), "is long", expected="wide: only responses can be long")
    base = "responses" if d.frame is None else "frame"
    for role, source in d.sources().items():
        if source.holds is not None and role != base:
            problems.add(
                (role, "holds"),
                f"has no meaning here: it is {base}: that lists the survey's people",
                fix="leave it out",
            )
    if d.covers_customers and d.invited is None:
        problems.add(
            (base, "holds"), "needs invited:, the column that is blank for customers who were never invited"
        )
    scales = {str(vignette.scale) for vignette in d.vignettes}
    if len(scales) > 1:
        problems.add(
            ("vignettes",),
            f"stand on different scales ({', '.join(sorted(scales))})",
            "one scale, that of the question they are to anchor",
        )
    asked = {score.column: key for key, score in d.scores.items() if score.column is not None}
    for i, vignette in enumerate(d.vignettes):
        if vignette.column in asked:
            problems.add(
                ("vignettes", i),
                f"column {quoted(vignette.column)} is the answer to scores.{asked[vignette.column]}, not a vignette",
            )
        asked.setdefault(vignette.column, f"vignettes.{i}")
    if d.group_facts is not None and d.group_facts.group not in d.groups:
        group = d.group_facts.group
        problems.add(
            ("group_facts", "group"),
            f"there is no group {quoted(group)}",
            fix=did_you_mean(group, list(d.groups)),
        )
    for section in ("groups", "behaviour"):
        for key, entry in getattr(d, section).items():
            if entry.as_of is not None and d.invited is None:
                problems.add((section, key, "as_of"), "needs invited:, the day it must not be after")
    for key, score in d.scores.items():
        if score.column is None and d.responses is not None and d.responses.shape == "wide":
            problems.add(("scores", key), "column: is missing", fix=_HELP["column"])
    for key, outcome in d.outcomes.items():
        if outcome.column is None and outcome.on is None:
            problems.add(("outcomes", key), "column: is missing", fix=_HELP["column"])
        if outcome.column is not None and not outcome.event:
            problems.add(("outcomes", key), "event: is missing", fix=_HELP["event"])
        if outcome.on is not None and d.invited is None and d.responded is None:
            problems.add(
                ("outcomes", key, "on"),
                "needs invited: or responded:, from which the days are counted",
            )
    beside = {"units": d.units, "group_facts": d.group_facts}
    for role, source in beside.items():
        if source is not None and source.preset is not None:
            problems.add((role, "preset"), "has no meaning here", "a preset under responses: or frame:")
    for role, source in {**d.sources(), **{role: s for role, s in beside.items() if s is not None}}.items():
        if source.time_zone is not None:
            _check_zone((role, "time_zone"), source.time_zone, problems)
        if source.encoding is not None:
            _check_encoding((role, "encoding"), source.encoding, problems)


def _check_zone(path: tuple, name: str, problems: _Problems) -> None:
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(name)
    except Exception:
        known = sorted(available_timezones())
        problems.add(
            path,
            f"{quoted(name)} is not a time zone",
            "a name such as Europe/Berlin",
            did_you_mean(name, known),
        )


def _check_encoding(path: tuple, name: str, problems: _Problems) -> None:
    import codecs

    try:
        known = codecs.lookup(name)._is_text_encoding
    except (LookupError, ValueError):
        known = False
    if not known:
        near = ["utf-8", "utf-16", "latin-1", "cp1252", "shift_jis", "gb18030", "mac-roman"]
        problems.add(
            path,
            f"{quoted(name)} is not an encoding",
            "a name such as utf-8 or cp1252",
            did_you_mean(name, near),
        )
