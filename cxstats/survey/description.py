"""survey.yml as a typed model: which column of which file plays which role.

:func:`read_description` reads a file, :func:`parse_description` what is already a mapping. Both
report every problem at once, each with its place; nothing of the data is touched here.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from ..metrics import NPS, Metric, Scale, ces, csat, mean_score, net_score, top_box
from .errors import Problem, SurveyError, did_you_mean, quoted
from .yaml_text import Place, load

__all__ = [
    "Column",
    "Description",
    "Group",
    "Item",
    "Outcome",
    "Score",
    "Source",
    "columns_by_role",
    "parse_description",
    "read_description",
]

RESERVED = ("n", "w", "w2", "part", "responded", "customer", "value", "weight", "invited")
"""Names with a meaning of their own in a table of cells."""

Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="a name of letters, digits and _ that starts with a letter",
    ),
]
Text = Annotated[str, Field(min_length=1, description="a text")]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _scale(value: Any) -> Any:
    if isinstance(value, Scale):
        return value
    match = re.fullmatch(
        r"\s*(-?\d{1,4})\s*(?:-|–|to|\.\.)\s*(-?\d{1,4})\s*", value if isinstance(value, str) else ""
    )
    if not match:
        raise ValueError("must be two whole numbers such as 0-10 or 1-5")
    low, high = int(match[1]), int(match[2])
    if not low < high:
        raise ValueError(f"must run from low to high, such as {high}-{low}")
    if high - low > 1000:
        raise ValueError("has more than 1,000 categories")
    return Scale(low, high)


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
ScaleText = Annotated[Scale, BeforeValidator(_scale)]


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=True
    )


class Source(_Part):
    """A file, or a table of a database, and how it is to be read."""

    file: Text | None = None
    table: Text | None = None
    url_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    format: Literal["csv", "parquet", "excel", "duckdb"] | None = None
    delimiter: Text | None = None
    quote: Annotated[str, Field(max_length=1)] = '"'
    encoding: Text | None = None
    decimal: Literal[".", ","] = "."
    date_format: Text | None = None
    time_zone: Text | None = None
    ambiguous: Literal["refuse", "earlier", "later"] = "refuse"
    nonexistent: Literal["refuse", "shift_forward"] = "refuse"
    sheet: Text | None = None
    skip_rows: Annotated[int, Field(ge=0, le=10_000)] = 0
    header_rows: Annotated[int, Field(ge=1, le=20)] = 1
    missing: Texts = ()
    key: Text | None = None
    shape: Literal["wide", "long"] = "wide"
    metric: Text | None = None
    score: Text | None = None

    @model_validator(mode="after")
    def _whole(self) -> Source:
        if self.url_env is not None and self.table is None and self.file is None:
            raise ValueError("needs table:, the name of the table in the database")
        if self.file is None and self.table is None:
            raise ValueError("says neither file: nor table:")
        if self.file is not None and self.url_env is not None:
            raise ValueError("says both file: and url_env:; data is in one place")
        if self.file is None and self.url_env is None:
            raise ValueError(
                "names a table, but neither file: (a DuckDB file) nor url_env: (a database's address)"
            )
        if self.shape == "long" and not (self.metric and self.score):
            raise ValueError(
                "with shape: long needs metric: (the column that names the metric) and score: (the column of answers)"
            )
        if self.shape == "wide" and (self.metric or self.score):
            raise ValueError("has metric: or score:, which belong to shape: long")
        return self


class Score(_Part):
    """A question with a score: its column, its scale and what its answers are worth."""

    column: Text | None = None
    scale: ScaleText | None = None
    kind: Literal["nps", "csat", "ces", "mean", "top_box", "net"] | None = None
    top: tuple[int, ...] | None = None
    bottom: tuple[int, ...] | None = None
    high_is: Literal["easy", "effort"] | None = None
    missing: Texts = ()
    codes: dict[str, int] = {}
    label: Text | None = None
    short: Text | None = None
    margin: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    def kind_for(self, key: str) -> str:
        """What kind of metric this is, from ``kind``, else from its name, else from its top and bottom."""
        if self.kind:
            return self.kind
        start = key.split("_")[0].lower()
        if start in ("nps", "csat", "ces"):
            return start
        return "net" if self.top and self.bottom else "top_box" if self.top else "mean"

    def metric(self, key: str) -> Metric:
        """The metric; raises ValueError in the user's terms where the description cannot be one."""
        metric = _METRICS[self.kind_for(key)](self)
        named = {"key": key, "label": self.label, "short": self.short, "margin": self.margin}
        if self.label and not self.short:
            named["short"] = self.label
        elif not self.label and key != metric.key and self.kind is None:
            # "csat_food" and "csat_shops" must not both read "CSAT"
            rest = key.partition("_")[2].replace("_", " ")
            named["short"] = self.short or (f"{metric.short} ({rest})" if rest else metric.short)
            named["label"] = f"{metric.label}, {rest}" if rest else metric.label
        return replace(metric, **{name: value for name, value in named.items() if value is not None})


def _nps(score: Score) -> Metric:
    if score.scale and score.scale != Scale(0, 10):
        raise ValueError(
            f"NPS is asked on 0-10, but scale is {score.scale}. For another scale say kind: mean, or kind: net "
            "with top: and bottom:"
        )
    _unused(score, "NPS", "top", "bottom", "high_is")
    return NPS


def _csat(score: Score) -> Metric:
    scale = _needed_scale(score, "CSAT", "1-5")
    _unused(score, "CSAT", "bottom", "high_is")
    return csat(scale.size, score.top, lowest=scale.low)


def _ces(score: Score) -> Metric:
    if score.high_is is None:
        raise ValueError(
            "CES needs high_is: easy or high_is: effort; no default is safe: does a high answer mean "
            "that it was easy, or that it took much effort?"
        )
    scale = _needed_scale(score, "CES", "1-7")
    _unused(score, "CES", "top", "bottom")
    if scale in (Scale(1, 5), Scale(1, 7)):
        return ces(scale.high, high_is=score.high_is)
    meaning = "high is easy" if score.high_is == "easy" else "high is effort"
    label = f"Customer effort score (CES, {scale}, {meaning})"
    return mean_score(scale, key="ces", label=label, short="CES", high_is=score.high_is)


def _mean(score: Score) -> Metric:
    _unused(score, "a mean", "top", "bottom")
    return mean_score(_needed_scale(score, "a mean", "1-5"), high_is=score.high_is or "good")


def _top_box(score: Score) -> Metric:
    _unused(score, "a top-box share", "bottom", "high_is")
    if not score.top:
        raise ValueError("a top-box share needs top:, the answers that count, such as [4, 5]")
    return top_box(_needed_scale(score, "a top-box share", "1-5"), score.top)


def _net(score: Score) -> Metric:
    _unused(score, "a net score", "high_is")
    if not (score.top and score.bottom):
        raise ValueError("a net score needs top: and bottom:, such as [9, 10] and [0, 1, 2]")
    return net_score(_needed_scale(score, "a net score", "1-5"), score.top, score.bottom)


_METRICS = {"nps": _nps, "csat": _csat, "ces": _ces, "mean": _mean, "top_box": _top_box, "net": _net}


def _needed_scale(score: Score, kind: str, example: str) -> Scale:
    if score.scale is None:
        raise ValueError(f"{kind} needs scale:, such as {example}")
    return score.scale


def _unused(score: Score, kind: str, *names: str) -> None:
    given = [name for name in names if getattr(score, name) is not None]
    if given:
        raise ValueError(
            f"{' and '.join(given)} {'has' if len(given) == 1 else 'have'} no meaning for {kind}"
        )


class Group(_Part):
    """A column that divides customers into groups, and the readers' names of its values."""

    column: Text
    labels: dict[str, str] = {}
    other: Text | None = None
    missing: Texts = ()
    label: Text | None = None


class Wave(_Part):
    """The column that says in which wave a customer was asked; ``order`` lists waves from old to new."""

    column: Text
    labels: dict[str, str] = {}
    order: Texts = ()
    missing: Texts = ()


class Item(_Part):
    """A statement of a multi-topic battery, on its own scale."""

    column: Text
    name: Name | None = None
    keyed: Literal["straight", "reversed"] = "straight"
    scale: ScaleText | None = None
    missing: Texts = ()
    label: Text | None = None

    @property
    def key(self) -> str:
        """The item's name in a table of cells."""
        return self.name or self.column


class Outcome(_Part):
    """What a customer did later: the event's codes, and within how many days after being asked."""

    column: Text
    event: Texts
    missing: Texts = ()
    on: Text | None = None
    window_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    label: Text | None = None

    @model_validator(mode="after")
    def _dated(self) -> Outcome:
        if self.window_days is not None and self.on is None:
            raise ValueError("has window_days: but no on:, the column with the event's date")
        if not self.event:
            raise ValueError("needs event:, the value that says it happened")
        return self


class Column(_Part):
    """A role that one column plays."""

    column: Text


class SetAside(_Part):
    """Rows that are no customers' answers: previews, tests, staff. Counted under ``reason``."""

    column: Text
    values: Texts
    reason: Text


class Period(_Part):
    """The days the survey covers, both included."""

    start: dt.date | None = Field(None, alias="from")
    end: dt.date | None = Field(None, alias="to")

    @model_validator(mode="after")
    def _forward(self) -> Period:
        if self.start and self.end and self.start > self.end:
            raise ValueError(f"starts on {self.start} but ends before, on {self.end}")
        return self


ColumnRole = Annotated[Column, BeforeValidator(_as_column)]
GroupRole = Annotated[Group, BeforeValidator(_as_column)]
WaveRole = Annotated[Wave, BeforeValidator(_as_column)]


class Description(_Part):
    """A survey, as ``survey.yml`` describes it. See docs/own_data.md for every key."""

    title: Text
    responses: Source
    scores: dict[Name, Score]
    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)] | None = None
    population: Text | None = None
    period: Period = Period()
    data_as_of: dt.date | None = None
    simulated: bool = False
    frame: Source | None = None
    outcomes_from: Source | None = None
    customer: ColumnRole | None = None
    invited: ColumnRole | None = None
    responded: ColumnRole | None = None
    groups: dict[Name, GroupRole] = {}
    wave: WaveRole | None = None
    items: tuple[Annotated[Item, BeforeValidator(_as_column)], ...] = ()
    outcomes: dict[Name, Outcome] = {}
    value: ColumnRole | None = None
    weight: ColumnRole | None = None
    set_aside: tuple[SetAside, ...] = ()

    _source: str = PrivateAttr("survey.yml")
    _places: Place = PrivateAttr(default_factory=dict)

    def where(self, path: tuple[str | int, ...]) -> str:
        """The place of an entry: file, line, and its path of keys."""
        return _where(self._source, self._places, path)

    @property
    def slug(self) -> str:
        """``name``, or one made of the title: letters a–z, digits and hyphens."""
        if self.name:
            return self.name
        plain = unicodedata.normalize("NFKD", self.title).encode("ascii", "ignore").decode().lower()
        return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80].strip("-") or "survey"

    @property
    def wave_name(self) -> str | None:
        """The wave's name in a table of cells: "wave"."""
        return None if self.wave is None else "wave"

    def metrics(self) -> dict[str, Metric]:
        """Every metric by its key."""
        return {key: score.metric(key) for key, score in self.scores.items()}

    def sources(self) -> dict[str, Source]:
        """The files and tables by role, in the order they are read."""
        named = {"responses": self.responses, "frame": self.frame, "outcomes_from": self.outcomes_from}
        return {role: source for role, source in named.items() if source is not None}

    def text(self) -> str:
        """The description as canonical text, for a fingerprint; without where its files lie."""
        plain = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for role in self.sources():
            plain[role].pop("file", None)
        return json.dumps(plain, sort_keys=True, ensure_ascii=False, default=str)


def read_description(path: Path) -> Description:
    """The description in the file ``path``.

    Raises
    ------
    SurveyError : every problem of the description at once, each with file and line.
    """
    source = path.name
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
                fix="" if exists else did_you_mean(path.name, here),
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
    plain = _texts(mapping)
    problems = _Problems(source, places or {})
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
    _check_names(plain, problems)
    if description is not None:
        _check_roles(description, problems)
    if problems.found:
        raise SurveyError(problems.found)
    assert description is not None
    description._source, description._places = source, problems.places
    return description


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


def _where(source: str, places: Place, path: tuple[str | int, ...]) -> str:
    line = next((places[path[:i]] for i in range(len(path), 0, -1) if path[:i] in places), None)
    dotted = ".".join(str(p) for p in path)
    at = f", line {line}" if line else ""
    return f"{source}{at}, {dotted}" if dotted else f"{source}{at}"


class _Problems:
    """Problems of the description, with file, line and path of keys."""

    def __init__(self, source: str, places: Place):
        self.source, self.places, self.found = source, places, []

    def add(self, path: tuple[str | int, ...], what: str, expected: str = "", fix: str = "") -> None:
        self.found.append(Problem(what, _where(self.source, self.places, path), expected, fix))

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
    models = {
        "responses": Source,
        "frame": Source,
        "outcomes_from": Source,
        "scores": Score,
        "groups": Group,
        "wave": Wave,
        "items": Item,
        "outcomes": Outcome,
        "period": Period,
        "set_aside": SetAside,
    }
    return models.get(str(path[0]), Column) if path else Description


def _check_names(plain: Mapping[str, Any], problems: _Problems) -> None:
    """Names that become columns of the cells must differ, and have no meaning of their own."""
    taken: dict[str, str] = dict.fromkeys(RESERVED, "a name with a meaning of its own")
    if plain.get("wave") is not None:
        taken["wave"] = "the wave's name"
    named: list[tuple[tuple[str | int, ...], str]] = []
    for section in ("scores", "groups", "outcomes"):
        if isinstance(plain.get(section), dict):
            named += [((section, key), key) for key in plain[section]]
    for i, item in enumerate(plain.get("items") or ()):
        name = (
            item
            if isinstance(item, str)
            else item.get("name") or item.get("column")
            if isinstance(item, dict)
            else None
        )
        if isinstance(name, str):
            named.append((("items", i), name))
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
    for role in ("frame", "outcomes_from"):
        source = getattr(d, role)
        if source is not None and d.customer is None:
            problems.add((role,), "needs customer:, the column by which files are joined")
        if source is not None and source.shape == "long":
            problems.add((role, "shape"), "is long", expected="wide: only responses can be long")
    for key, score in d.scores.items():
        if score.column is None and d.responses.shape == "wide":
            problems.add(("scores", key), "column: is missing", fix=_HELP["column"])
    for key, outcome in d.outcomes.items():
        if outcome.on is not None and d.invited is None and d.responded is None:
            problems.add(
                ("outcomes", key, "on"),
                "needs invited: or responded:, from which the days are counted",
            )
    for role, source in d.sources().items():
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


def columns_by_role(d: Description) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every column the description names outside its sources, with the path that names it."""
    for role in ("customer", "invited", "responded", "wave", "value", "weight"):
        if getattr(d, role) is not None:
            yield (role,), getattr(d, role).column
    if d.responses.shape == "wide":
        yield from (((("scores", key), score.column)) for key, score in d.scores.items())
    yield from (((("groups", key), group.column)) for key, group in d.groups.items())
    yield from (((("items", i), item.column)) for i, item in enumerate(d.items))
    for key, outcome in d.outcomes.items():
        yield ("outcomes", key), outcome.column
        if outcome.on is not None:
            yield ("outcomes", key, "on"), outcome.on
    yield from (((("set_aside", i), rule.column)) for i, rule in enumerate(d.set_aside))
