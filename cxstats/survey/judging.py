"""Reasons that need the whole row, weights, and the table of rows in use."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .dates import DateColumn
from .engine import Engine, identifier, literal
from .errors import Problem
from .ledger import LedgerLine
from .marks import stages_of
from .model import Description
from .outcomes import cause_notes, dated_outcomes, happened_sql
from .pseudonym import add_pseudonyms
from .readers import Reader
from .roles import Roles
from .stage import Stage

if TYPE_CHECKING:
    import ibis

__all__ = [
    "Seen",
    "check_clocks",
    "check_facts",
    "check_weights",
    "data_until",
    "judge_rows",
    "late_fact_problem",
    "look",
    "rows_in_use",
    "weights_problem",
]


def check_clocks(dates: Mapping[str, Any], readers: Mapping[str, Reader], problems: list[Problem]) -> None:
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


def judge_rows(engine: Engine, d: Description, dates: Mapping[str, Any]) -> None:
    """Reasons that need the whole row: not invited, outside the period, answered before invited."""
    columns = engine.columns("joined")
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
        f"CREATE OR REPLACE TEMP VIEW judged AS SELECT * REPLACE ({judged} AS _status), {early} AS _early FROM joined"
    )


def weights_problem(number: int, what: str, where: str, sample: str = "") -> Problem:
    rows = "row has" if number == 1 else "rows have"
    return Problem(
        f"{number:,} {rows} no usable weight in {what}{sample}",
        where,
        expected="a number above 0 in every row",
        fix="set rows that are not part of the sample aside (set_aside:), or leave weight: out",
    )


def check_weights(engine: Engine, d: Description, base: Stage, roles: Roles, problems: list[Problem]) -> None:
    if d.weight is None or not roles.has("weight"):
        return
    bad = "_status IS NULL AND (_weight IS NULL OR NOT isfinite(_weight) OR _weight <= 0)"
    number = engine.one(f"SELECT count(*) FROM judged WHERE {bad}")
    if number:
        row, text = engine.run(f"SELECT _row, _weight_text FROM judged WHERE {bad} ORDER BY _row LIMIT 1")[0]
        value = "blank" if text is None else f'"{text}"'
        problems.append(
            weights_problem(
                number, f"column {d.weight.column}", base.reader.where, f" (first: {value} in row {row:,})"
            )
        )


def check_facts(
    engine: Engine,
    d: Description,
    dates: Mapping[str, DateColumn],
    problems: list[Problem],
    *,
    base: str,
    where: str,
    of: int,
) -> list[LedgerLine]:
    """Facts dated after the invitation are refused: they may depend on the answer. Undated ones are counted."""
    entries = {("groups", key): entry for key, entry in d.groups.items()}
    entries |= {("behaviour", key): entry for key, entry in d.behaviour.items()}
    lines: list[LedgerLine] = []
    columns = engine.columns("judged")
    for path, entry in entries.items():
        name, date, invited = f"_asof_{path[1]}", dates.get(f"_asof_{path[1]}"), dates.get("_invited")
        if date is None or invited is None or f"{name}_day" not in columns or "_invited_day" not in columns:
            continue
        place = f"{where}, for {'.'.join(path)}.as_of"
        flag = next(
            (role for role, x in ((entry.as_of, date), ("invited:", invited)) if x.kind == "flag"), None
        )
        if flag is not None:
            problems.append(
                Problem(f"{flag} holds yes or no, so the day of the fact cannot be compared with it", place)
            )
            continue
        both_times = date.kind == invited.kind == "time" and date.zoned == invited.zoned
        unit = "time" if both_times else "day"
        fact, asked = identifier(f"{name}_{unit}"), f"_invited_{unit}"
        known = f"_status IS NULL AND nullif(trim({identifier(path[1])}::VARCHAR), '') IS NOT NULL"
        late, undated = engine.run(
            f"SELECT count(*) FILTER ({fact} > {asked}), count(*) FILTER ({fact} IS NULL) FROM judged WHERE {known}"
        )[0]
        label = entry.label or path[1].replace("_", " ").capitalize()
        if undated:
            lines.append(LedgerLine(f"{label}: known, but not since when", undated, "note", base, of))
        if late:
            row, day, sent = engine.run(
                f"SELECT _row, {fact}::VARCHAR, {asked}::VARCHAR FROM judged WHERE {known} AND {fact} > {asked} "
                "ORDER BY _row LIMIT 1"
            )[0]
            first = f" (first: row {row:,}, {day}, invited {sent})"
            problems.append(late_fact_problem(late, first, place, ".".join(path)))
    return lines


def late_fact_problem(late: int, first: str, place: str, path: str) -> Problem:
    """The problem of facts dated after the invitation; ``first`` names one of them, where rows have numbers."""
    facts = "1 fact is" if late == 1 else f"{late:,} facts are"
    return Problem(
        f"{facts} dated after the invitation{first}",
        place,
        expected="facts as they stood when customers were invited; later ones may follow from the answer",
        fix=f"export what was known on the day of the invitation, or leave {path} out",
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at all judged rows tells.

    Attributes
    ----------
    n_early : rows whose answer is older than their invitation.
    last_answer : day of the last answer; None where answers have no days.
    until : the day the data stands at: as described, else the last day of an answer or an event.
    """

    n_early: int
    last_answer: dt.date | None
    until: dt.date | None


def look(
    engine: Engine,
    d: Description,
    dates: Mapping[str, DateColumn],
    stages: Mapping[str, Stage],
    notes: list[str],
) -> Seen:
    """Count early answers, and find the last days: of an answer, and of an event that did happen."""
    days = []
    if "_responded" in dates and dates["_responded"].kind != "flag":
        days.append("max(_responded_day) FILTER (NOT _early)")
    else:
        days.append("NULL::DATE")
    events = [key for key in d.outcomes if f"_on_{key}" in dates and dates[f"_on_{key}"].kind != "flag"]
    columns = engine.columns("judged") if events else {}
    for key in events:
        happened = happened_sql(d, key, columns, stages)
        days.append(f"max({identifier(f'_on_{key}_day')}) FILTER ({happened})")
    n_early, answer, *others = engine.run(
        f"SELECT count(*) FILTER (_early), {', '.join(days)} FROM judged WHERE _status IS NULL"
    )[0]
    return Seen(n_early, answer, data_until(d, answer, others, bool(events), notes))


def data_until(
    d: Description, answer: dt.date | None, events: Sequence[dt.date | None], dated: bool, notes: list[str]
) -> dt.date | None:
    """The day the data stands at: as described, else the last day of an ``answer`` or of ``events``.

    ``dated`` says whether the survey has dated events at all; the choice is said in ``notes``.
    """
    last = max((day for day in (answer, *events) if day is not None), default=None)
    if dated and d.data_as_of is None and last is not None:
        notes.append(f"data_as_of: not stated; taken as {last}, the last day of an answer or event")
    if d.data_as_of is not None and answer is not None and answer > d.data_as_of:
        notes.append(f"data_as_of: {d.data_as_of} is before the last answer, of {answer}")
    return d.data_as_of or last


def rows_in_use(
    engine: Engine,
    d: Description,
    stages: Mapping[str, Stage],
    dates: Mapping[str, DateColumn],
    until: dt.date | None,
    problems: list[Problem],
    *,
    base: str,
    of: int,
) -> tuple[ibis.Table, list[LedgerLine]]:
    """The rows in use, under the roles' names, and what the ledger notes about them.

    Where the frame holds customers who were never invited, they are there too, with ``invited`` false.
    Answers before the invitation are missing. ``base`` is the source that lists the survey's people,
    ``of`` its number of rows.
    """
    columns = set(engine.columns("judged"))

    def kept(name: str) -> str:
        return identifier(name) if name in columns else "NULL::VARCHAR"

    chosen = {key: f"CASE WHEN NOT _early THEN {kept(key)} END" for key in d.scores}
    rated = (*d.items, *d.vignettes)
    chosen |= {item.key: f"CASE WHEN NOT _early THEN {kept(item.key)} END" for item in rated}
    chosen |= {key: kept(key) for key in (*d.groups, *d.instruments)}
    chosen |= stages_sql(d, columns)
    chosen |= {key: _number(key, columns, stages) for key in d.behaviour}
    if d.wave is not None:
        chosen["wave"] = kept("wave")
    asked = _asked(dates)
    dated = dated_outcomes(d, columns, stages, until or dt.date.min)
    for key, outcome in d.outcomes.items():
        if outcome.on is None:
            chosen[key] = kept(key)
    counted = {key: happened_sql(d, key, columns, stages) for key, o in d.outcomes.items() if o.on is None}
    counted |= {event.key: event.counted(asked) for event in dated}
    for event in dated:
        chosen |= event.stored(asked)
    causes = {key: o for key, o in d.outcomes.items() if o.cause is not None and f"{key}_cause" in columns}
    chosen |= {
        f"{key}_cause": f"CASE WHEN {counted[key]} THEN {identifier(f'{key}_cause')} END"
        for key in causes
        if key in counted
    }
    for name in ("follow_up", "recovery"):
        if getattr(d, name) is not None:
            chosen[name] = f"coalesce({name}, false)" if name in columns else "false"
    if "_weight" in columns:
        # who was never invited was never sampled
        chosen["weight"] = "coalesce(_weight, 0)" if d.covers_customers else "_weight"
    if d.value is not None:
        chosen["value"] = kept("_value")
    if "_responded_time" in columns:
        chosen["_stamped"] = "NOT _early AND _responded_time IS NOT NULL"
    derived = _times(chosen, dates, until)
    for event in dated:
        derived |= event.derived(derived.get("observed_days", "NULL::INTEGER"))
    derived |= {
        key: f"NULL::{kind}"
        for name, outcome in d.outcomes.items()
        if outcome.on is not None and name not in derived
        for key, kind in (
            (name, "BOOLEAN"),
            (f"{name}_days", "INTEGER"),
            (f"{name}_observed_days", "INTEGER"),
        )
    }
    if d.customer is not None and "_customer" in columns:
        chosen["_customer"] = "_customer"
        chosen["part"] = "NULL::UTINYINT"  # filled when first asked for
    chosen["_early"] = "_early"
    listed = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in chosen.items())
    kept_rows = "_status IS NULL"
    if d.covers_customers:
        listed, kept_rows = (
            f"{listed}, _status IS NULL AS invited",
            "coalesce(_status, '') IN ('', 'not invited')",
        )
    engine.run(f"CREATE OR REPLACE TEMP TABLE used AS SELECT _row, {listed} FROM judged WHERE {kept_rows}")
    notes: list[LedgerLine] = []
    for event in dated:
        found = event.tally(engine, "invited" if d.covers_customers else "true")
        from_answer = base == "frame" and "_invited_day" not in chosen
        notes += event.notes(found, base, of, from_answer=from_answer)
        if {"_invited_day", "_answered_day"} <= chosen.keys():
            notes += event.before_answer(engine, base, of)
        stage = next(s for s in stages.values() if s.has(f"_on_{event.key}_day"))
        problem = event.problem(engine, found, f"{stage.reader.where}, for outcomes.{event.key}")
        problems += [problem] if problem is not None else []
    for key, outcome in causes.items():
        if key in counted:
            notes += cause_notes(engine, key, outcome, counted[key], base, of)
    engine.run("DROP VIEW judged")
    for table in ("joined", *(stage.table for stage in stages.values())):
        engine.run(f"DROP TABLE IF EXISTS {table}")
    table = "used"
    if derived:
        # a view: what is derived costs nothing until it is asked for
        listed = "".join(f", {sql} AS {identifier(name)}" for name, sql in derived.items())
        engine.run(f"CREATE OR REPLACE TEMP VIEW used_times AS SELECT *{listed} FROM used")
        table = "used_times"
    return engine.table(add_pseudonyms(engine, table) if "_customer" in chosen else table), notes


def _asked(dates: Mapping[str, DateColumn]) -> str:
    """The day from which days are counted, as SQL over the judged rows: of the invitation, else of the answer."""
    if "_invited" in dates and dates["_invited"].kind != "flag":
        return "_invited_day"
    if "_responded" in dates and dates["_responded"].kind != "flag":
        return "_responded_day"
    return "NULL::DATE"


def _times(chosen: dict[str, str], dates: Mapping[str, DateColumn], until: dt.date | None) -> dict[str, str]:
    """Adds days of invitation and answer to ``chosen``; returns what follows from them, as SQL over the rows in use."""
    derived: dict[str, str] = {}
    invited, responded = dates.get("_invited"), dates.get("_responded")
    if invited is not None and invited.kind != "flag":
        chosen["_invited_day"] = "_invited_day"
        derived["invited_weekday"] = "isodow(_invited_day)"
        if invited.kind == "time":
            chosen["_invited_clock"] = "_invited_time"
            derived["invited_hour"] = f"hour({invited.local('_invited_clock')})"
        if responded is not None and responded.kind != "flag":
            chosen["_answered_day"] = "CASE WHEN NOT _early THEN _responded_day END"
            # sources in two zones can put an answer on the day before its invitation
            derived["days_to_answer"] = (
                "CASE WHEN _answered_day IS NOT NULL THEN greatest(_answered_day - _invited_day, 0) END"
            )
    elif responded is not None and responded.kind != "flag":
        chosen["_answered_day"] = "CASE WHEN NOT _early THEN _responded_day END"
    asked = next((day for day in ("_invited_day", "_answered_day") if day in chosen), None)
    if asked is not None and until is not None:
        end = f"DATE {literal(until)}"
        derived["observed_days"] = f"CASE WHEN {asked} <= {end} THEN {end} - {asked} END"
    return derived


def _number(key: str, columns: Collection[str], stages: Mapping[str, Stage]) -> str:
    number = next((stage.numbers[key] for stage in stages.values() if key in stage.numbers), None)
    return "NULL::DOUBLE" if number is None or key not in columns else number.value


def stages_sql(d: Description, columns: Collection[str]) -> dict[str, str]:
    """The stages as SQL: who reached a later one has reached the earlier ones, recorded or not."""
    names = stages_of(d)
    return {
        name: " OR ".join(f"coalesce({identifier(s)}, false)" for s in names[i:] if s in columns) or "false"
        for i, name in enumerate(names)
    }
