"""survey.yml as a typed model: which column of which file plays which role."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PrivateAttr,
    model_validator,
)

from ..metrics import NPS, Metric, Scale, csat, event_rate, net_score, top_box
from .entries import STRICT, Name, ScaleText, Text, Texts, as_column
from .scores import Score
from .yaml_text import Place

__all__ = [
    "STAGES",
    "Bands",
    "Behaviour",
    "Cause",
    "Column",
    "Completed",
    "Customer",
    "Description",
    "Group",
    "GroupFacts",
    "Instrument",
    "Item",
    "Mark",
    "Measure",
    "Only",
    "Outcome",
    "Rate",
    "Reached",
    "Score",
    "SetAside",
    "Source",
    "UnitFact",
    "Units",
    "Value",
    "Vignette",
    "Wave",
    "columns_by_role",
    "place_text",
]

RESERVED = (
    *("n", "w", "w2", "part", "responded", "customer", "value", "weight", "invited", "follow_up", "recovery"),
    *("days_to_answer", "invited_weekday", "invited_hour", "observed_days"),
)
"""Names with a meaning of their own in a table of cells, or of rows."""

STAGES = ("delivered", "opened", "clicked", "started", "completed")
"""How far an invitation can get, in this order."""

Preset = Literal[
    "qualtrics", "surveymonkey", "typeform", "zendesk", "medallia_agent_connect", "hubspot", "generic"
]


class _Part(BaseModel):
    model_config = STRICT


class Source(_Part):
    """A file, or a table of a database, and how it is to be read."""

    file: Text | None = None
    preset: Preset | None = None
    table: Text | None = None
    url_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    copy_rows: bool = False
    format: Literal["csv", "parquet", "excel", "duckdb", "spss"] | None = None
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
    holds: Literal["invited", "customers"] | None = None
    shape: Literal["wide", "long"] = "wide"
    metric: Text | None = None
    score: Text | None = None

    @model_validator(mode="after")
    def _whole(self) -> Source:
        if self.url_env is not None and self.table is None and self.file is None:
            raise ValueError("needs table:, the name of the table in the database")
        if self.file is None and self.table is None:
            raise ValueError("says neither file: nor table:")
        if self.copy_rows and self.url_env is None:
            raise ValueError("has copy_rows:, which belongs to url_env:, a table of a database")
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


class Group(_Part):
    """A column that divides customers into groups, and the readers' names of its values."""

    column: Text
    labels: dict[str, str] = {}
    other: Text | None = None
    missing: Texts = ()
    as_of: Text | None = None
    label: Text | None = None


class Reached(_Part):
    """How far an invitation got: reached where the column says one of ``values``, or anything but no."""

    column: Text
    values: Texts = ()
    label: Text | None = None


class Instrument(_Part):
    """What a customer was given before answering (a second reminder, an offer); drawn by lot or not."""

    column: Text
    randomised: bool = False
    labels: dict[str, str] = {}
    missing: Texts = ()
    label: Text | None = None


class Behaviour(_Part):
    """A number known for everyone invited: tenure in months, days of use."""

    column: Text
    missing: Texts = ()
    as_of: Text | None = None
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


class Vignette(_Part):
    """An imagined case that everybody rates on one scale; listed from the worst case to the best."""

    column: Text
    scale: ScaleText
    name: Name | None = None
    missing: Texts = ()
    label: Text | None = None

    @property
    def key(self) -> str:
        """The vignette's name in a table of cells."""
        return self.name or self.column


class Cause(_Part):
    """The column that says why, or in which way, an event happened."""

    column: Text
    labels: dict[str, str] = {}
    other: Text | None = None
    missing: Texts = ()


class Outcome(_Part):
    """What a customer did later: the event's codes, and within how many days after being asked.

    With ``on`` alone the event happened where it has a date.
    """

    column: Text | None = None
    event: Texts = ()
    missing: Texts = ()
    on: Text | None = None
    window_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    cause: Annotated[Cause, BeforeValidator(as_column)] | None = None
    kind: Literal["churn", "retention", "complaint", "event"] | None = None
    label: Text | None = None
    margin: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    def kind_for(self, key: str) -> str:
        """What kind of event this is, from ``kind``, else from its name."""
        start = key.split("_")[0].lower()
        return self.kind or next((kind for kind, names in _EVENTS.items() if start in names), "event")

    def metric(self, key: str) -> Metric:
        """The outcome as a metric of 0 and 1: of an event whether it happened, of churn whether the customer stayed."""
        kind, name = self.kind_for(key), self.label or key.replace("_", " ").capitalize()
        within = f" within {self.window_days} days" if self.window_days else ""
        if kind in ("churn", "retention"):
            label, short = f"Customer retention rate (CRR){within}", "Retention (CRR)"
        elif kind == "complaint":
            label, short = f"Complaint rate{within}", "Complaint rate"
        else:
            label, short = f"{name}, share of customers", name
        return event_rate(
            key=key, label=label, short=short, margin=2.5 if self.margin is None else self.margin
        )

    @model_validator(mode="after")
    def _dated(self) -> Outcome:
        if self.window_days is not None and self.on is None:
            raise ValueError("has window_days: but no on:, the column with the event's date")
        if self.column is None and self.event:
            raise ValueError("has event: but no column: in which it stands")
        if self.column is None and self.missing:
            raise ValueError("has missing: but no column: in which those codes stand")
        return self


_EVENTS = {
    "churn": ("churn", "churned", "left", "lapsed", "cancelled", "canceled", "attrition"),
    "retention": ("retained", "retention", "stayed", "renewed", "crr"),
    "complaint": ("complaint", "complaints", "complained"),
}
"""Names by which an outcome is known for what it is."""


class Column(_Part):
    """A role that one column plays."""

    column: Text


class Customer(Column):
    """The column with the customer's id; e-mail addresses are the same whatever their capital letters."""

    ignore_case: bool = False


class Value(Column):
    """The column with what a customer is worth: lifetime value (CLV), yearly revenue."""

    label: Text | None = None
    unit: Text | None = None


class Mark(_Part):
    """Rows that a column marks, by one of ``values`` or by anything but no."""

    column: Text
    values: Texts = ()


class SetAside(_Part):
    """Rows that are no customers' answers: previews, tests, staff. Counted under ``reason``."""

    column: Text
    values: Texts
    reason: Text
    place: Literal["responses", "frame", "outcomes_from"] | None = Field(None, alias="in")


class Rate(_Part):
    """The column with the response rate of a unit."""

    column: Text
    unit: Literal["percent", "share"] = "percent"


class Completed(_Part):
    """The column with the number of completed questionnaires, and which numbers are too few to be used."""

    column: Text
    few: Texts = ()
    fewest: Annotated[int, Field(ge=1)] | None = None
    keep_few: bool = False


class Bands(_Part):
    """Columns with the share of answers at the top, at the bottom and between."""

    top: Text
    middle: Text | None = None
    low: Text | None = None
    unit: Literal["percent", "share"] = "percent"


class Measure(_Part):
    """What the bands are bands of."""

    kind: Literal["nps", "net", "csat", "top_box"] | None = None
    label: Text | None = None
    short: Text | None = None
    margin: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class Only(_Part):
    """Rows that count: those in which the column says one of ``values``."""

    column: Text
    values: Texts


class Period(_Part):
    """The days the survey covers, both included."""

    start: dt.date | None = Field(None, alias="from")
    end: dt.date | None = Field(None, alias="to")

    @model_validator(mode="after")
    def _forward(self) -> Period:
        if self.start and self.end and self.start > self.end:
            raise ValueError(f"starts on {self.start} but ends before, on {self.end}")
        return self


class UnitFact(_Part):
    """A fact about units, from their own file or another one, as a number or a category."""

    column: Text
    kind: Literal["number", "category"] | None = None
    missing: Texts = ()
    source: Source | None = Field(None, alias="from")
    only: Only | None = None
    label: Text | None = None
    period: Period | None = None

    @model_validator(mode="after")
    def _keyed(self) -> UnitFact:
        if self.source is not None and self.source.key is None:
            raise ValueError("from: needs key:, the column with the unit's id in that file")
        if self.only is not None and self.source is None:
            raise ValueError(
                "only: belongs to from:; rows of the units' own file are set aside by set_aside:"
            )
        return self


UnitFactRole = Annotated[UnitFact, BeforeValidator(as_column)]


class Units(Source):
    """One row per unit (hospital, store, branch) instead of one per answer."""

    unit: Text
    called: Text = "units"
    response_rate: Annotated[Rate, BeforeValidator(as_column)]
    completed: Annotated[Completed, BeforeValidator(as_column)] | None = None
    sampled: Annotated[Column, BeforeValidator(as_column)] | None = None
    bands: Bands
    measure: Measure = Measure()
    adjust: dict[Name, UnitFactRole] = {}
    outcomes: dict[Name, UnitFactRole] = {}
    set_aside: tuple[SetAside, ...] = ()

    @model_validator(mode="after")
    def _one_row_each(self) -> Units:
        odd = sorted({"key", "shape", "metric", "score", "holds"} & self.model_fields_set)
        if odd:
            raise ValueError(f"{', '.join(name + ':' for name in odd)} has no meaning for units")
        if self.measure.kind in ("nps", "net") and self.bands.low is None:
            raise ValueError(
                f"a measure of kind {self.measure.kind} needs bands.low, the share at the bottom"
            )
        return self

    def as_metric(self) -> Metric:
        """The measure as a metric: NPS or a net score of the bands, or the share of the top band."""
        kind = self.measure.kind or ("top_box" if self.bands.low is None else "nps")
        three = Scale(1, 3)
        made = {
            "nps": NPS,
            "net": net_score(three, top=(3,), bottom=(1,)),
            "csat": csat(3, (3,)),
            "top_box": top_box(three, (3,)),
        }[kind]
        named = {"label": self.measure.label, "short": self.measure.short, "margin": self.measure.margin}
        if self.measure.label and not self.measure.short:
            named["short"] = self.measure.label
        return replace(made, **{name: value for name, value in named.items() if value is not None})


class GroupFacts(Source):
    """A table with a number of facts about each group, such as a country's individualism."""

    group: Name
    columns: dict[Name, Text]

    @model_validator(mode="after")
    def _keyed(self) -> GroupFacts:
        if self.key is None:
            raise ValueError("needs key:, the column with the group's value or label")
        odd = sorted({"shape", "metric", "score", "holds"} & self.model_fields_set)
        if odd:
            raise ValueError(f"{', '.join(name + ':' for name in odd)} has no meaning for facts about groups")
        if not self.columns:
            raise ValueError("names no column under columns:, such as {individualism: idv}")
        return self


CustomerRole = Annotated[Customer, BeforeValidator(as_column)]
ColumnRole = Annotated[Column, BeforeValidator(as_column)]
ValueRole = Annotated[Value, BeforeValidator(as_column)]
GroupRole = Annotated[Group, BeforeValidator(as_column)]
WaveRole = Annotated[Wave, BeforeValidator(as_column)]
ReachedRole = Annotated[Reached, BeforeValidator(as_column)]
InstrumentRole = Annotated[Instrument, BeforeValidator(as_column)]
MarkRole = Annotated[Mark, BeforeValidator(as_column)]
BehaviourRole = Annotated[Behaviour, BeforeValidator(as_column)]


class Description(_Part):
    """A survey, as ``survey.yml`` describes it. See docs/own_data.md for every key."""

    title: Text
    responses: Source | None = None
    scores: dict[Name, Score] = {}
    units: Units | None = None
    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)] | None = None
    population: Text | None = None
    period: Period = Period()
    data_as_of: dt.date | None = None
    simulated: bool = False
    frame: Source | None = None
    outcomes_from: Source | None = None
    customer: CustomerRole | None = None
    invited: ColumnRole | None = None
    responded: ColumnRole | None = None
    groups: dict[Name, GroupRole] = {}
    wave: WaveRole | None = None
    stages: dict[str, ReachedRole] = {}
    instruments: dict[Name, InstrumentRole] = {}
    behaviour: dict[Name, BehaviourRole] = {}
    follow_up: MarkRole | None = None
    recovery: MarkRole | None = None
    items: tuple[Annotated[Item, BeforeValidator(as_column)], ...] = ()
    vignettes: tuple[Vignette, ...] = ()
    group_facts: GroupFacts | None = None
    outcomes: dict[Name, Outcome] = {}
    value: ValueRole | None = None
    weight: ColumnRole | None = None
    set_aside: tuple[SetAside, ...] = ()

    _source: str = PrivateAttr("survey.yml")
    _filled: list[str] = PrivateAttr(default_factory=list)
    _places: Place = PrivateAttr(default_factory=dict)

    @property
    def filled(self) -> tuple[str, ...]:
        """What a preset filled before the file was looked at."""
        return tuple(self._filled)

    def where(self, path: tuple[str | int, ...]) -> str:
        """The place of an entry: file, line, and its path of keys."""
        return place_text(self._source, self._places, path)

    @property
    def slug(self) -> str:
        """``name``, or one made of the title: letters a–z, digits and hyphens.

        Titles in other scripts get a few digits of their own: two of them must not share a folder.
        """
        if self.name:
            return self.name
        letters = unicodedata.normalize("NFKD", self.title)
        plain = letters.encode("ascii", "ignore").decode().lower()
        slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:70].strip("-") or "survey"
        lost = sum(c.isalpha() and not c.isascii() for c in letters)
        if lost <= sum(c.isalpha() and c.isascii() for c in letters):
            return slug
        return f"{slug}-{hashlib.sha256(self.title.encode()).hexdigest()[:6]}"

    @property
    def covers_customers(self) -> bool:
        """Whether the file that lists the survey's people lists customers who were never invited, too."""
        base = self.frame or self.responses
        return base is not None and base.holds == "customers"

    @property
    def knows_invited(self) -> bool:
        """Whether there is a record of everyone invited."""
        listed = self.responses is not None and self.responses.holds is not None
        return self.frame is not None or self.invited is not None or listed

    @property
    def rows_stay(self) -> bool:
        """Whether rows lie in a database from which only counts are fetched."""
        return any(s.url_env is not None and not s.copy_rows for s in self.sources().values())

    @property
    def wave_name(self) -> str | None:
        """The wave's name in a table of cells: "wave"."""
        return None if self.wave is None else "wave"

    def metrics(self) -> dict[str, Metric]:
        """Every metric by its key."""
        if self.units is not None:
            metric = self.units.as_metric()
            return {metric.key: metric}
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
        if self.group_facts is not None:
            plain["group_facts"].pop("file", None)
        if self.units is not None:
            plain["units"].pop("file", None)
            for facts in ("adjust", "outcomes"):
                for fact in plain["units"].get(facts, {}).values():
                    fact.get("from", {}).pop("file", None)
        return json.dumps(plain, sort_keys=True, ensure_ascii=False, default=str)


def place_text(source: str, places: Place, path: tuple[str | int, ...]) -> str:
    """Where an entry stands: file, line, and its path of keys."""
    line = next((places[path[:i]] for i in range(len(path), 0, -1) if path[:i] in places), None)
    dotted = ".".join(str(p) for p in path)
    at = f", line {line}" if line else ""
    return f"{source}{at}, {dotted}" if dotted else f"{source}{at}"


def columns_by_role(d: Description) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every column the description names outside its sources, with the path that names it."""
    for role in ("customer", "invited", "responded", "wave", "value", "weight", "follow_up", "recovery"):
        if getattr(d, role) is not None:
            yield (role,), getattr(d, role).column
    if d.responses is not None and d.responses.shape == "wide":
        yield from (((("scores", key), score.column)) for key, score in d.scores.items())
    yield from (((("groups", key), group.column)) for key, group in d.groups.items())
    for section in ("stages", "instruments", "behaviour"):
        yield from (((section, key), entry.column) for key, entry in getattr(d, section).items())
    for section in ("groups", "behaviour"):
        for key, entry in getattr(d, section).items():
            if entry.as_of is not None:
                yield (section, key, "as_of"), entry.as_of
    yield from (((("items", i), item.column)) for i, item in enumerate(d.items))
    yield from (((("vignettes", i), vignette.column)) for i, vignette in enumerate(d.vignettes))
    for key, outcome in d.outcomes.items():
        if outcome.column is not None:
            yield ("outcomes", key), outcome.column
        if outcome.on is not None:
            yield ("outcomes", key, "on"), outcome.on
        if outcome.cause is not None:
            yield ("outcomes", key, "cause"), outcome.cause.column
    yield from (((("set_aside", i), rule.column)) for i, rule in enumerate(d.set_aside))
